"""One row of a log, every value checked where it is taken; and what a format is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from sys import float_info
from typing import Any

from rl.errors import UserError

Line = dict[str, Any]
LEFT_OUT = "left_out"
"""The key of a line that stands for a row without a rollout; its value is why there is none."""
_MISSING = object()


@dataclass(frozen=True)
class Row:
    """A row of a log; `where` names its file and its place there. A column within others is `body.choices`."""

    values: Mapping[str, Any]
    where: str

    def has(self, column: str) -> bool:
        return self._find(column) is not _MISSING

    def get(self, column: str) -> Any:
        """Its value. Errors: UserError where there is no such column."""
        found = self._find(column)
        if found is _MISSING:
            raise UserError(f"{self.where}: column {column!r} is missing")
        return found

    def text(self, column: str) -> str:
        value = self.get(column)
        return value if isinstance(value, str) else self._refuse(column, "a text")

    def name(self, column: str) -> str:
        """An id, which is a text or a number."""
        value = self.get(column)
        return str(value) if isinstance(value, str | int) else self._refuse(column, "a text or a whole number")

    def step(self, column: str) -> int:
        """A step, which some trainers write as a text."""
        value = self.get(column)
        return int(value) if isinstance(value, str) and value.isdecimal() else self.whole(column)

    def number(self, column: str) -> float:
        value = self.get(column)
        good = isinstance(value, int | float) and abs(value) <= float_info.max  # neither NaN nor infinite
        return float(value) if good else self._refuse(column, "a finite number")

    def whole(self, column: str) -> int:
        value = self.get(column)
        whole = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 and value % 1 == 0
        return int(value) if whole else self._refuse(column, "a whole number")

    def many(self, column: str, length: int | None = None) -> list[Any]:
        value = self.get(column)
        if not isinstance(value, list):
            self._refuse(column, "a list")
        if length is not None and len(value) != length:
            raise UserError(f"{self.where}: column {column!r} holds {len(value)} values, not {length}")
        return value  # type: ignore[no-any-return]

    def object(self, column: str) -> Mapping[str, Any]:
        value = self.get(column)
        return value if isinstance(value, Mapping) else self._refuse(column, "an object")

    def below(self, column: str) -> Row:
        """An object of the row as a row of its own."""
        return Row(self.object(column), f"{self.where}, column {column!r}")

    def rows(self, column: str) -> list[Row]:
        """A list of objects as rows of their own."""
        found = self.many(column)
        if not all(isinstance(each, Mapping) for each in found):
            self._refuse(column, "a list of objects")
        return [Row(each, f"{self.where}, column {column!r}, entry {place}") for place, each in enumerate(found, 1)]

    def numbers(self, columns: Iterable[str]) -> dict[str, float | None]:
        """Numbers by column; None where nothing was given."""
        return {name: None if self.get(name) is None else self.number(name) for name in columns}

    def _find(self, column: str) -> Any:
        found: Any = self.values
        for part in column.split("."):
            if not isinstance(found, Mapping) or part not in found:
                return _MISSING
            found = found[part]
        return found

    def _refuse(self, column: str, wanted: str) -> Any:
        raise UserError(f"{self.where}: column {column!r} must be {wanted}, not {str(self.get(column))[:60]!r}")


@dataclass(frozen=True)
class Format:
    """A log of some tool."""

    name: str
    """As `--format` takes it."""
    says: str
    """What writes it."""
    columns: tuple[str, ...]
    """Those that tell it."""
    lines: Callable[[Iterator[Row]], Iterator[Line]]
    """Rows to lines of rollouts, as they come; `scores` (by name) where rewards or metrics say what is right."""
    suffixes: tuple[str, ...] = (".jsonl", ".json")
    rows: Callable[[Path], Iterator[Row]] | None = None
    """What reads a file that is neither lines of JSON nor parquet."""


def gold_of(value: Any) -> str:
    """A gold answer as text; empty where there is none."""
    return "" if value is None else str(value)


def last_turn(value: Any) -> Any:
    """The content of the last turn of a chat, or the text itself."""
    if isinstance(value, list) and value and isinstance(value[-1], Mapping):
        return value[-1].get("content")
    return value


STOPS = {
    "stop": "eos", "eos": "eos", "end_turn": "eos", "stop_sequence": "eos", "completed": "eos",
    "length": "length", "max_tokens": "length", "truncated": "length", "max_length": "length",
}  # fmt: skip
"""How a rollout ended, in the words that servers and trainers have for it; any other word is not known."""


def stop_of(word: Any) -> str:
    """`eos`, `length`, or `unknown`."""
    return STOPS.get(str(word).lower(), "unknown")
