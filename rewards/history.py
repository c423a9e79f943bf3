"""What a run remembers of each problem, from one visit to the next."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Protocol

Entry = dict[str, float]


class HistoryView(Protocol):
    """History as a reward may see it while it scores: to read, not to write."""

    def get(self, method: str, problem_id: str) -> Mapping[str, float] | None: ...


class History:
    """Per-problem entries of each method: numbers by name, keyed by the problem's content.

    Equal on every rank, saved in every checkpoint, never written by evaluation. Plain JSON.
    An entry is replaced, never changed, so that a state need not copy it.
    """

    def __init__(self) -> None:
        self._entries: dict[str, dict[str, Entry]] = {}

    def get(self, method: str, problem_id: str) -> Mapping[str, float] | None:
        """The entry of `problem_id` to read, or None before the method's first observation of it."""
        entry = self._entries.get(method, {}).get(problem_id)
        return None if entry is None else MappingProxyType(entry)

    def put(self, method: str, problem_id: str, entry: Entry) -> None:
        self._entries.setdefault(method, {})[problem_id] = dict(entry)

    def size(self) -> int:
        """How many entries there are, over all methods and problems."""
        return sum(map(len, self._entries.values()))

    def state_dict(self) -> dict[str, Any]:
        """What is remembered now, whatever is observed later."""
        return _with_the_same_entries(self._entries)

    def load_state_dict(self, state: Mapping[str, Mapping[str, Entry]]) -> None:
        self._entries = _with_the_same_entries(state)


def _with_the_same_entries(state: Mapping[str, Mapping[str, Entry]]) -> dict[str, dict[str, Entry]]:
    return {method: dict(entries) for method, entries in state.items()}
