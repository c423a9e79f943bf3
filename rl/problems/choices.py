"""Multiple choice: the choices of a row, how they are shown, and the letter of the right one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

from rl.problems.golds import Refused, final_answer, whole_number
from rl.problems.paths import opened

_OWN_LETTER = re.compile(r"\s*\(?([A-Z])[).:]\s*(?=\S)")
_LETTER = re.compile(r"\(?\s*([A-Za-z])\s*[).:]?")


class FromOne(Refused):
    """An index that would be the last one if they began at 1: where none is 0, all of them are off by one."""


@dataclass(frozen=True)
class Choices:
    """The texts to choose from; the first is A."""

    texts: Sequence[str]
    numeric: bool = False
    """Whether they were numbers, so that a number beside them may be one of them."""
    labels: Sequence[str] = ()
    """What the data calls them, where these are not the letters from A."""

    def shown(self) -> str:
        """A line a choice."""
        return "\n".join(f"{letter}) {text}" for letter, text in zip(ascii_uppercase, self.texts, strict=False))

    def stand_in(self, problem: str) -> bool:
        """Whether a problem shows them already."""
        letters = ascii_uppercase[: len(self.texts)]
        marked = all(re.search(rf"(?<![A-Za-z]){letter}\s*[).:]", problem) for letter in letters)
        return marked and all(text in problem for text in self.texts)

    def letter(self, answer: Any, path: str) -> str:
        """The letter of an answer: a letter, a text of a choice, or an index from 0. Errors: Refused."""
        answer = whole_number(answer[0] if isinstance(answer, list) and len(answer) == 1 else answer)
        if isinstance(answer, Mapping | list | bool):
            raise Refused(f"column {path!r} holds no letter, index or text of a choice")
        if str(answer).strip() == str(len(self.texts)) and str(answer).strip() not in (*self.texts, *self.labels):
            raise FromOne(
                f"column {path!r}: {answer!r} is no index from 0 of the {len(self.texts)} choices; do they begin at 1? "
                "then map a column of letters or texts"
            )
        found = self._readings(answer)
        if len(found) == 1:
            return ascii_uppercase[found.pop()]
        if found:
            raise Refused(
                f"column {path!r}: {answer!r} is both an index and another choice's text; map a column of letters"
            )
        raise Refused(
            f"column {path!r}: {answer!r} is no letter, index from 0 or text of the {len(self.texts)} choices"
        )

    def _readings(self, answer: Any) -> set[int]:
        text = str(answer).strip()
        text = text if text in self.texts else final_answer(text)
        number = isinstance(answer, int)
        texts = {i for i, choice in enumerate(self.texts) if choice == text} if not number or self.numeric else set()
        if not number and text in self.labels:
            return {self.labels.index(text)}
        letter = None if number or texts else _LETTER.fullmatch(text)
        if letter:
            place = ascii_uppercase.index(letter[1].upper())
            return {place} if place < len(self.texts) else set()
        indices = {int(text)} if re.fullmatch("[0-9]{1,2}", text) and int(text) < len(self.texts) else set()
        return texts | indices


def choices_of(value: Any) -> Choices | None:
    """The choices that a column holds: a list, an object by letter, or ARC's `text` and `label` in either form."""
    value = opened(value) if isinstance(value, str) else value
    labels: Sequence[str] = ()
    if isinstance(value, list) and all(isinstance(part, Mapping) and "text" in part for part in value):
        value = {key: [part.get(key) for part in value] for key in ("text", "label") if value and key in value[0]}
    if isinstance(value, Mapping) and isinstance(value.get("text"), list):
        labels, value = [str(label) for label in value.get("label") or ()], value["text"]
    elif isinstance(value, Mapping):
        # In parquet every row has the letters of all rows, null where it has no such choice.
        value = {key: text for key, text in sorted(value.items()) if text is not None}
        labels, value = list(map(str, value)), list(value.values())
    if not isinstance(value, list) or not 2 <= len(value) <= len(ascii_uppercase):
        return None
    if any(isinstance(part, Mapping | list) or part is None for part in value):
        return None
    return Choices(_without_letters([str(part).strip() for part in value]), not isinstance(value[0], str), labels)


def _without_letters(texts: Sequence[str]) -> list[str]:
    """The texts without letters of their own, as in `A) 21`, where all have them, in order."""
    letters = [_OWN_LETTER.match(text) for text in texts]
    if all(m and m[1] == ascii_uppercase[place] for place, m in enumerate(letters)):
        return [_OWN_LETTER.sub("", text, count=1) for text in texts]
    return list(texts)
