"""What a step is given, and how it ends: by figures or `Disproved`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

Figures = dict[str, float | str]
"""What a step has measured, by name and unit."""


class Disproved(Exception):
    """Something is not as it must be."""


@dataclass(frozen=True)
class Place:
    """Where a step runs."""

    folder: Path
    """Its own, empty."""
    cuda: bool

    @property
    def device(self) -> str:
        return "cuda" if self.cuda else "cpu"


def require(holds: bool, otherwise: str) -> None:
    """Errors: Disproved, saying what is wrong."""
    if not holds:
        raise Disproved(otherwise)
