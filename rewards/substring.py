"""LoongRL's two-way substring reward for long-context answers (arXiv 2510.19363, section 3)."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Sequence
from typing import Literal

from rewards.history import HistoryView
from rewards.types import Group, Values
from rewards.verifier import END_OF_THINKING, boxed_answer

_ARTICLES = {"a", "an", "the"}
_NEGATIONS = {"not", "no", "never", "neither", "nor", "none", "isnt", "wasnt", "arent", "without", "except", "unknown"}
_SEPARATORS = re.compile(r"[,;/|&\n]|\bor\b|\band\b", re.IGNORECASE)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3})")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


class Substring:
    """1 if the gold answer lies in the boxed prediction or the prediction in the gold answer, else 0.

    Both are lower-cased and lose punctuation, articles and spare spaces. `mode="paper"` is that and
    nothing more, so `\\boxed{the}`, `\\boxed{1}` for 1912, "Not Paris" and a list of guesses all earn 1.
    `mode="strict"`, the default, closes these: whole words only; a prediction has at least half of the
    gold's words and at most four times as many and two; yes, no, numbers and answers of up to two
    characters must be equal; a prediction that denies or enumerates what the gold does not is wrong.

    The gold answers are the problem's answer and its column `aliases`. Thinking must have ended:
    in paper mode by `</think>`; in strict mode a completion that never began it counts too.
    """

    name = "substring"
    source = "arXiv 2510.19363"

    def __init__(self, mode: Literal["strict", "paper"] = "strict") -> None:
        if mode not in ("strict", "paper"):
            raise ValueError(f"substring: mode must be 'strict' or 'paper', not {mode!r}")
        self.mode = mode

    def __call__(self, group: Group, history: HistoryView) -> Values:
        golds = [group.problem.answer, *_aliases(group.problem.columns.get("aliases"))]
        if group.rollouts and not any(golds):
            raise ValueError(f"problem {group.problem.id!r} has no answer to compare with")
        return [self.score(r.text, golds) for r in group.rollouts]

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
    p, g = _words(prediction), _words(gold)
    if not p or not g:
        return False
    if p == g:
        return True
    whole = " ".join(g)
    if whole in ("yes", "no") or len(whole) <= 2 or whole.replace(" ", "").isdigit():
        return False
    if (set(p) & _NEGATIONS) - set(g) or _parts(prediction) > _parts(gold):
        return False
    if len(p) < len(g):
        return 2 * len(p) >= len(g) and _contains(g, p)
    return len(p) <= 4 * len(g) + 2 and _contains(p, g)


def _aliases(value: object) -> Sequence[str]:
    return [str(alias) for alias in value] if isinstance(value, list | tuple) else []


def _words(text: str) -> list[str]:
    return [word for word in text.lower().translate(_PUNCTUATION).split() if word not in _ARTICLES]


def _parts(text: str) -> int:
    return sum(bool(part.strip()) for part in _SEPARATORS.split(_THOUSANDS.sub("", text)))


def _contains(longer: Sequence[str], shorter: Sequence[str]) -> bool:
    size = len(shorter)
    return any(list(longer[i : i + size]) == list(shorter) for i in range(len(longer) - size + 1))
