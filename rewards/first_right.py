r"""Where a thought first says the right answer: a stand-in for the models that LC-R1 and DECS train for it.

Only what is put as an answer counts, never a bare number that happens to be there: `\boxed{5}`, "answer is 5",
"answer: 5", "= 5". An equation counts only if the question does not hold the number itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rewards.texts import require_lists
from rewards.verifier.quick import compare
from rewards.verifier.reading import Reading

_SENTENCE = re.compile(r"[^\n.!?]*(?:[.!?](?!\s|$)[^\n.!?]*)*(?:[.!?]+|\n|$)\s*")
_EQUATION = re.compile(r"=\s*\$?\s*(-?\s*(?:[^\s=,;$]|,(?=\d{3}(?!\d)))++)(?!\s*[-+*/^×·]\s*[\d(\\$])")
"""What is equal to something: a number's commas are its own, and `5 + 3` is no 5."""
_BOXED = Reading(("box", "line"), "ignored", strict=False)
_STOPS = ".!?)\\"
_MARKS = re.compile(r"boxed|fbox|answer", re.IGNORECASE)


def first_right(thought: str, golds: Sequence[str], question: str = "") -> int | None:
    """Characters up to the end of the first sentence that puts a gold as its answer; None where none does."""
    require_lists(golds=golds)
    asked = {number.strip(".") for number in re.findall(r"[0-9.]+", question)}
    end = 0
    for match in _SENTENCE.finditer(thought):
        end = match.end()
        if any(_says(match.group(), gold, gold not in asked) for gold in golds):
            return end
    return None


def _says(sentence: str, gold: str, by_equation: bool) -> bool:
    if _MARKS.search(sentence):
        answer, _ = _BOXED.find(sentence)
        if answer and (compare(gold, answer) or compare(gold, answer.rstrip(_STOPS))):
            return True
    if not by_equation or "=" not in sentence:
        return False
    return any(compare(gold, value.rstrip(_STOPS)) for value in _EQUATION.findall(sentence))
