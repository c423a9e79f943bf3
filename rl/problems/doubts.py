"""What is probably wrong with problems that loaded: golds judged against each other, and looked at together.

That a gold is right by itself says nothing about it. Golds of other problems should be wrong; golds of one file should
differ, look like answers, and be letters only where choices are shown.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

from rewards import Problem, Verdict
from rewards.verifier import MathVerifier, Verifier
from rewards.verifier.function import FunctionVerifier
from rewards.verifier.latex import read
from rl.plugins import judge
from rl.problems.data import NO_LETTERS, ProblemSet
from rl.problems.layouts import CONTEXTS
from rl.problems.paths import is_missing

PAIRS = 200
"""Pairs of problems whose golds are judged against each other."""
FEW = 5
"""Problems below which nothing is said of all of them."""

_CODE = re.compile(r"```|^\s*(?:def|class|import|from|return|assert)\s|[{,]\s*['\"]\w+['\"]\s*:|</?\w+>", re.MULTILINE)
_MARK = re.compile(
    r"<\|(?:im_start|start_header_id|user|assistant|eot_id|start)\|>|<start_of_turn>|\[INST\]|<｜User｜>"
)
"""Special tokens that begin or end a turn."""
_LONE = (re.compile(r"\$([^$]+)\$"), re.compile(r"(?<![\w.^{])(-?[0-9]+(?:[.,][0-9]+)*)(?!\w)"))
"""A formula in a text, and a number."""
_LETTER = re.compile(r"\(?[A-J]\)?")
_SHOWN = re.compile(r"(?:^|[\s(\[*$])[AB]\s*[).:\]]|\\text\w*\{\(?[AB]\)?", re.MULTILINE)


def doubts_of(problems: Sequence[Problem], verifier: Verifier) -> list[str]:
    """A line each, with what to do; none where nothing is doubtful."""
    if not problems:
        return []
    lines = [_constant(problems), _letters(problems, verifier), _errors(problems, verifier), *_prompts(problems)]
    if not isinstance(verifier, FunctionVerifier):  # whose golds may be anything
        lines += [_code(problems), _by_itself(problems, verifier), _each_other(problems, verifier)]
    if isinstance(verifier, MathVerifier):
        lines.append(_worded(problems, verifier))
    return [line for line in lines if line]


def shared(held_out: ProblemSet, train: ProblemSet) -> str | None:
    """Held-out problems that are trained on, in a line; None where there are none."""
    found = held_out.also_in(train)
    if not found:
        return None
    first = _short(text_of(found[0]))
    return (
        f"{len(found)} of {len(held_out.problems)} held-out problems are training problems, such as {first}: "
        "what is measured on them is memory; take them out of either"
    )


def _constant(problems: Sequence[Problem]) -> str | None:
    (gold, count), = Counter(p.answer for p in problems).most_common(1)  # fmt: skip
    constant = count == len(problems) > 1 or (len(problems) >= FEW and count >= 0.9 * len(problems))
    if not constant:
        return None
    return f"{count} of {len(problems)} golds are {_short(gold)}: is `columns.answer` the right column?"


def _letters(problems: Sequence[Problem], verifier: Verifier) -> str | None:
    lettered = [p for p in problems if _LETTER.fullmatch(p.answer.strip("$ "))]
    if len(lettered) < 0.9 * len(problems):
        return None
    bare = sum(not _SHOWN.search(text_of(p)) for p in lettered)
    if bare > 0.1 * len(lettered):
        return f"golds are letters, and {bare} prompts show no choices: map the column of `choices`"
    if isinstance(verifier, NO_LETTERS):
        return "golds are letters of choices; write `verifier: choice`"
    return None


def _errors(problems: Sequence[Problem], verifier: Verifier) -> str | None:
    count = sum(not is_missing(p.columns.get("error")) for p in problems)
    if not count or not isinstance(verifier, MathVerifier):
        return None
    return (
        f"{count} problems allow an error (column 'error'), which verifier 'math' does not; `numeric` has a tolerance"
    )


def _code(problems: Sequence[Problem]) -> str | None:
    return _some(problems, lambda p: bool(_CODE.search(p.answer)), "look like code or objects: map another column")


def _by_itself(problems: Sequence[Problem], verifier: Verifier) -> str | None:
    """Golds that a completion which repeats them would not be right by."""
    looked = problems[:PAIRS]
    verdicts = judge(verifier, [p.answer for p in looked], [boxed(p.answer) for p in looked])
    wrong = {p.id for p, verdict in zip(looked, verdicts, strict=True) if verdict is not Verdict.CORRECT}
    return _some(looked, lambda p: p.id in wrong, "are not right by themselves in a box: is `places` right?")


def _each_other(problems: Sequence[Problem], verifier: Verifier) -> str | None:
    """Golds that are right for other problems although they are written otherwise."""
    others = list(problems)
    random.Random(0).shuffle(others)
    pairs = [(a, b) for a, b in pairwise(others) if a.answer != b.answer][:PAIRS]
    verdicts = judge(verifier, [a.answer for a, _ in pairs], [boxed(b.answer) for _, b in pairs])
    right = sum(verdict is Verdict.CORRECT for verdict in verdicts)
    if len(pairs) < FEW or right <= 0.1 * len(pairs):
        return None
    return f"{right} of {len(pairs)} golds are right for another problem: the verifier hardly tells these answers apart"


def _worded(problems: Sequence[Problem], verifier: Verifier) -> str | None:
    """Golds with words around their only number or formula, by which that alone is wrong."""
    lone = {problem.id: found for problem in problems if (found := _alone(problem.answer))}
    looked = [problem for problem in problems if problem.id in lone][:PAIRS]
    verdicts = judge(verifier, [p.answer for p in looked], [boxed(lone[p.id]) for p in looked])
    wrong = {p.id for p, verdict in zip(looked, verdicts, strict=True) if verdict is not Verdict.CORRECT}
    words = "have words or signs around an answer that is wrong without them: map a column of bare answers"
    return _some(problems, lambda p: p.id in wrong, words)


def _alone(gold: str) -> str | None:
    """The only formula or number of a gold that is no expression as a whole."""
    if read(gold.strip()) is not None:
        return None
    found = next((found for pattern in _LONE if (found := pattern.findall(gold))), [])
    return found[0] if len(found) == 1 and found[0] != gold.strip("$ ") else None


def _prompts(problems: Sequence[Problem]) -> list[str]:
    """Chats that a template would wrap wrongly, and questions about something that they do not show."""
    chats = [p.prompt for p in problems if not isinstance(p.prompt, str)]
    marked = [found[0] for chat in chats for turn in chat if (found := _MARK.search(turn["content"]))]
    ended = sum(chat[-1]["role"] == "assistant" for chat in chats)
    bare = [name for p in problems for name in CONTEXTS if not is_missing(value := p.columns.get(name))
            if not isinstance(value, str) or value not in text_of(p)]  # fmt: skip
    counts = (
        (len(marked), f"prompts hold a template's marks as text, such as {marked[:1]}: map a column of bare questions"),
        (ended, "prompts end with an answer of the assistant's: map a column of what comes before it"),
        (len(bare), f"prompts do not show what stands in their column {bare[:1]}: map a column of whole prompts"),
    )
    return [f"{count} of {len(problems)} {words}" for count, words in counts if count]


def _some(problems: Sequence[Problem], is_one: Callable[[Problem], bool], words: str) -> str | None:
    found = [p.answer for p in problems if is_one(p)]
    return f"{len(found)} of {len(problems)} golds {words}, such as {_short(found[0])}" if found else None


def boxed(gold: str) -> str:
    """A completion whose answer is this."""
    return f"\\boxed{{{gold}}}"


def text_of(problem: Problem) -> str:
    """What a prompt says, its turns one after another."""
    prompt = problem.prompt
    return prompt if isinstance(prompt, str) else "\n".join(turn["content"] for turn in prompt)


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:59] + "…")
