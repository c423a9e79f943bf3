"""What a verifier is, and what the built-in ones share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from rewards.texts import require_lists
from rewards.types import Verdict
from rewards.verifier.latex import LONGEST
from rewards.verifier.reading import Reading
from rewards.verifier.slot import Item
from rewards.verifier.workers import Workers

CACHED = 16384
"""Verdicts that a verifier remembers."""


class Verifier(Protocol):
    """Judges completions against their answers, one verdict each; never raises for a bad completion.

    One that has `takes_aliases = True` is asked again about an answer that is wrong, with every alias of its problem.
    """

    def judge(self, answers: Sequence[str], completions: Sequence[str]) -> list[Verdict]: ...

    def readable(self, answers: Sequence[str]) -> list[bool]:
        """Whether each gold answer is right by itself, so that somebody can be right by it."""
        ...


@runtime_checkable
class Isolated(Protocol):
    """A verifier with processes of its own."""

    def start(self) -> None:
        """Begin to start them, without waiting: before the first step, so that it does not."""

    def close(self) -> None:
        """End them."""


class InProcess(ABC):
    """Judges where it is called: for checks that are linear in the text and cannot hang."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading

    def judge(self, answers: Sequence[str], completions: Sequence[str]) -> list[Verdict]:
        require_lists(answers=answers, completions=completions)
        return [self.verdict(answer, text) for answer, text in zip(answers, completions, strict=True)]

    def readable(self, answers: Sequence[str]) -> list[bool]:
        require_lists(answers=answers)
        return [self.compare(answer, answer) is Verdict.CORRECT for answer in answers]

    def verdict(self, gold: str, completion: str) -> Verdict:
        """The verdict on one completion."""
        answer, hedged = self.reading.find(completion)
        if answer is None:
            return Verdict.UNPARSABLE
        verdict = self.compare(gold, answer)
        return Verdict.WRONG if hedged and verdict is Verdict.CORRECT else verdict

    @abstractmethod
    def compare(self, gold: str, answer: str) -> Verdict:
        """The verdict on an answer taken out of its completion."""


class InWorkers(ABC):
    """Judges in killable worker processes what cannot be settled in this one; remembers the verdicts.

    Works from any thread and under any rank; calls from several threads take turns. In asyncio, hand
    `judge` to `asyncio.to_thread`.
    """

    def __init__(self, workers: Workers) -> None:
        self.workers = workers
        self._known: dict[Item, Verdict] = {}

    def judge(self, answers: Sequence[str], completions: Sequence[str]) -> list[Verdict]:
        require_lists(answers=answers, completions=completions)
        settled = [self.settle(gold, completion) for gold, completion in zip(answers, completions, strict=True)]
        asked = {place: (answers[place], text) for place, text in enumerate(settled) if not isinstance(text, Verdict)}
        verdicts = self.ask(list(dict.fromkeys(asked.values())))
        return [verdicts[asked[place]] if place in asked else Verdict(text) for place, text in enumerate(settled)]

    def ask(self, items: Sequence[Item]) -> dict[Item, Verdict]:
        """The workers' verdicts, or what is remembered of them."""
        known = {item: self._known[item] for item in items if item in self._known}
        new = [item for item in items if item not in known]
        found = dict(zip(new, self.workers.run(new) if new else [], strict=True))
        # What crashed may have been our doing: it is judged anew when it comes again.
        keep = {item: v for item, v in found.items() if v is not Verdict.CRASHED and len(item[1]) <= LONGEST}
        self._known |= keep
        while len(self._known) > CACHED:
            self._known.pop(next(iter(self._known)), None)
        return known | found

    @abstractmethod
    def settle(self, gold: str, completion: str) -> Verdict | str:
        """The verdict where it is plain, else the text that a worker has to judge."""

    @abstractmethod
    def readable(self, answers: Sequence[str]) -> list[bool]: ...

    def start(self) -> None:
        self.workers.start()

    def close(self) -> None:
        self.workers.close()
