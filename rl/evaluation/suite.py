"""Several sets of problems answered by one model: each set's figures, and their means in which each set counts once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from rl.errors import UserError

if TYPE_CHECKING:
    from rl.evaluation.measuring import Measured

MEANS = ("accuracy", "mean_tokens")


def place_of(out: Path | None, name: str) -> Path | None:
    """Where a set's answers are kept: `answers-aime24.parquet` beside the `answers.parquet` that was named."""
    return out and out.with_name(f"{out.stem}-{Path(name).stem}{out.suffix}")


def require_names(names: Sequence[str]) -> None:
    """Errors: UserError where two sets would be kept under one name."""
    stems = [Path(name).stem for name in names]
    twice = [stem for stem in stems if stems.count(stem) > 1]
    if twice:
        raise UserError(f"two of the sets of problems are called {twice[0]}; evaluate them one at a time")


def suite_numbers(measured: Mapping[str, Measured]) -> dict[str, Any]:
    """By set what an evaluation of it gives; by cap that all of them have, the means over sets. Plain JSON."""
    sets = {name: found.numbers for name, found in measured.items()}
    first = next(iter(sets.values()))
    caps = [cap for cap in first["caps"] if all(cap in found["caps"] for found in sets.values())]
    means = {
        cap: {key: _mean([found["caps"][cap][key]["mean"] for found in sets.values()]) for key in MEANS} for cap in caps
    }
    return {"schema": 1, "model": first["model"], "sets": sets, "mean": means}


def _mean(values: Sequence[float | None]) -> float | None:
    """None where one of the sets has no such figure."""
    known = [value for value in values if value is not None]
    return fmean(known) if len(known) == len(values) else None
