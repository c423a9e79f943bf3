"""Numbers in four bytes each: how engines give the token ids and log-probs of a rollout.

A tuple of such numbers takes some forty bytes a token, and a round of a cluster has a hundred million tokens.
"""

from __future__ import annotations

from array import array
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, TypeVar, overload

T = TypeVar("T", int, float)


class Compact(Sequence[T]):
    """An immutable sequence that is equal to the tuple of its numbers, and made of their bytes."""

    __slots__ = ("memory",)
    memory: memoryview[Any]
    """Read-only, for NumPy and Arrow, which need not copy it."""

    def __init__(self, code: Literal["i", "f"], values: Iterable[T] | bytes) -> None:
        """`code` as `array` has it. Errors: OverflowError for an integer that needs more than four bytes."""
        data = values if isinstance(values, bytes) else array(code, values).tobytes()
        self.memory = memoryview(data).cast(code)

    @property
    def written(self) -> str:
        """The bytes as base64 text, for JSON; `token_ids` and `log_probs` read it."""
        return b64encode(self.memory).decode()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        import numpy as np

        return np.array(self.memory, dtype, copy=copy)

    def __len__(self) -> int:
        return len(self.memory)

    def __iter__(self) -> Iterator[T]:
        return iter(self.memory.tolist())

    @overload
    def __getitem__(self, place: int) -> T: ...

    @overload
    def __getitem__(self, place: slice) -> Compact[T]: ...

    def __getitem__(self, place: int | slice) -> T | Compact[T]:
        found: Any = self.memory[place]
        return Compact(self.memory.format, found.tobytes()) if isinstance(place, slice) else found  # type: ignore[arg-type, return-value]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Compact):
            return bool(self.memory == other.memory)
        return tuple(self) == other if isinstance(other, tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return Compact, (self.memory.format, self.memory.obj)

    def __repr__(self) -> str:
        return repr(tuple(self))


def token_ids(values: Iterable[int] | bytes | str) -> Compact[int]:
    """Of numbers, of their bytes, or of what `written` said. Errors: ValueError, where that is no such text."""
    if isinstance(values, Compact):
        return values
    return Compact("i", b64decode(values, validate=True) if isinstance(values, str) else values)


def log_probs(values: Iterable[float] | bytes | str) -> Compact[float]:
    """The same, in nats."""
    if isinstance(values, Compact):
        return values
    return Compact("f", b64decode(values, validate=True) if isinstance(values, str) else values)
