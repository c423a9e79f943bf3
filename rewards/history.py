"""What a run remembers of each problem, from one visit to the next."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Protocol

Entry = dict[str, float]


class HistoryView(Protocol):
    """History as a reward may see it while it scores: to read, not to write."""

    def get(self, method: str, problem_id: str) -> Mapping[str, float] | None: ...


class History:
    """Per-problem entries of each method: numbers by name, keyed by the problem's content.

    Equal on every rank, saved in every checkpoint, never written by evaluation. Plain JSON.
    """

    def __init__(self) -> None:
        self._entries: dict[str, dict[str, Entry]] = {}

    def get(self, method: str, problem_id: str) -> Mapping[str, float] | None:
        """The entry of `problem_id`, or None before the method's first observation of it."""
        return self._entries.get(method, {}).get(problem_id)

    def put(self, method: str, problem_id: str, entry: Entry) -> None:
        self._entries.setdefault(method, {})[problem_id] = dict(entry)

    def size(self) -> int:
        """How many entries there are, over all methods and problems."""
        return sum(map(len, self._entries.values()))

    def state_dict(self) -> dict[str, Any]:
        return copy.deepcopy(self._entries)

    def load_state_dict(self, state: Mapping[str, Mapping[str, Mapping[str, float]]]) -> None:
        self._entries = {
            method: {problem: dict(entry) for problem, entry in entries.items()} for method, entries in state.items()
        }
