"""LoongRL's two-way substring reward for long-context answers (arXiv 2510.19363, section 3)."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Sequence
from typing import Literal

from rewards.history import HistoryView
from rewards.types import Group, Values
from rewards.verifier.reading import END_OF_THINKING, boxed_answer

_ARTICLES = {"a", "an", "the"}
_NEGATIONS = {
    *("not", "no", "never", "neither", "nor", "none", "isnt", "wasnt", "arent", "dont", "doesnt", "cannot", "cant"),
    *("without", "except", "but", "rather", "instead", "unknown"),
}
_SEPARATORS = re.compile(r"[,;/|&\n]|\.\s|\s-+\s")
_LATEX_TEXT = re.compile(r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox)\s*\{([^{}]*)\}")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3})")
_POINT, _MINUS = re.compile(r"(?<=\d)\.(?=\d)"), re.compile(r"(?<!\w)-(?=\d)")
_NUMBER = re.compile(r"−?\d+(·\d+)?")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


class Substring:
    """1 if the gold answer lies in the boxed prediction or the prediction in the gold answer, else 0.

    Both are lower-cased and lose punctuation, articles and spare spaces. `mode="paper"` is that and
    nothing more, so `\\boxed{the}`, `\\boxed{1}` for 1912, "Not Paris" and a list of guesses all earn 1.
    `mode="strict"`, the default, closes these: whole words only; a prediction has at least half of the
    gold's words and at most four times as many and two; yes, no, numbers and answers of up to two
    characters must be equal, decimal point and sign included; a prediction that denies what the gold
    does not is wrong, and so is one in several parts (comma, semicolon, "or", …) with words that are
    not the gold's. That refuses "Paris, France" for Paris; guesses without any separator it cannot tell.

    The gold answers are the problem's answer and its column `aliases`. Thinking must have ended:
    in paper mode by `</think>`; in strict mode a completion that never began it counts too.
    """

    name = "substring"
    source = "arXiv 2510.19363"
    group_only = True

    def __init__(self, mode: Literal["strict", "paper"] = "strict") -> None:
        if mode not in ("strict", "paper"):
            raise ValueError(f"substring: mode must be 'strict' or 'paper', not {mode!r}")
        self.mode = mode

    def __call__(self, group: Group, history: HistoryView) -> Values:
        golds = group.problem.golds
        if group.rollouts and not any(golds):
            raise ValueError(f"problem {group.problem.id!r} has no answer to compare with")
        return [self.score(r.read, golds) for r in group.rollouts]

    def score(self, completion: str, golds: Iterable[str]) -> float:
        """1 if the completion's boxed answer matches any of `golds`, else 0."""
        if self.mode == "paper" and END_OF_THINKING not in completion:
            return 0.0
        boxed = boxed_answer(completion)
        if not boxed:
            return 0.0
        matches = strict_match if self.mode == "strict" else paper_match
        return float(any(matches(boxed, gold) for gold in golds if gold))


def paper_match(prediction: str, gold: str) -> bool:
    """Whether one normalised string contains the other, wherever it stands in it."""
    p, g = " ".join(_words(prediction)), " ".join(_words(gold))
    return p in g or g in p


def strict_match(prediction: str, gold: str) -> bool:
    """The two-way match without its holes; see `Substring`."""
    p, g = _exact_words(prediction), _exact_words(gold)
    if not p or not g or p == g:
        return bool(p) and p == g
    if _must_be_equal(g) or p in (["yes"], ["no"]) or (set(p) & _NEGATIONS) - set(g):
        return False
    if _enumerates(prediction, set(g)) and not set(p) <= {*g, "or", "and"}:
        return False
    if len(p) < len(g):
        return 2 * len(p) >= len(g) and _contains(g, p)
    return len(p) <= 4 * len(g) + 2 and _contains(p, g)


def _must_be_equal(words: Sequence[str]) -> bool:
    whole = " ".join(words)
    return whole in ("yes", "no") or len(whole) <= 2 or all(_NUMBER.fullmatch(word) for word in words)


def _enumerates(prediction: str, gold: set[str]) -> bool:
    """Whether it has several parts; "and" and "or" part it only where the gold has them not."""
    parts = [_exact_words(part) for part in _SEPARATORS.split(_THOUSANDS.sub("", _plain(prediction)))]
    return sum(map(bool, parts)) > 1 or any({"and", "or"} & set(part) - gold for part in parts)


def _plain(text: str) -> str:
    return _LATEX_TEXT.sub(r"\1", text)


def _words(text: str) -> list[str]:
    return [word for word in text.lower().translate(_PUNCTUATION).split() if word not in _ARTICLES]


def _exact_words(text: str) -> list[str]:
    """Words in which numbers keep their point and sign, and LaTeX's text commands do not count."""
    text = _THOUSANDS.sub("", _plain(text))
    return _words(_MINUS.sub("−", _POINT.sub("·", text)))


def _contains(longer: Sequence[str], shorter: Sequence[str]) -> bool:
    size = len(shorter)
    return any(list(longer[i : i + size]) == list(shorter) for i in range(len(longer) - size + 1))
