"""What is kept of a run: every answer's length and whether it is right, and what the training cost. A few kilobytes."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl.errors import UserError
from rl.folders.run import write_text

Floats = NDArray[np.float64]
MARKS = {1.0: "1", 0.0: "0", None: "?"}


@dataclass(frozen=True)
class Answered:
    """The answers to one set of problems, in its order: tokens, and `1` right, `0` wrong, `?` not judged."""

    tokens: tuple[int, ...]
    right: str

    @cached_property
    def lengths(self) -> Floats:
        return np.array(self.tokens, dtype=float)

    @cached_property
    def correct(self) -> Floats:
        return np.array([{"1": 1.0, "0": 0.0, "?": np.nan}[mark] for mark in self.right])

    def at(self, cap: int) -> Answered:
        """Stopped at `cap` tokens: an answer that was cut is wrong."""
        marks = "".join("0" if n > cap and m == "1" else m for n, m in zip(self.tokens, self.right, strict=True))
        return Answered(tuple(min(n, cap) for n in self.tokens), marks)


@dataclass(frozen=True)
class Result:
    """One finished run."""

    arm: str
    seed: int
    digest: str
    """Of its recipe and its tests: results of another grid are not mixed in."""
    tests: dict[str, Answered]
    rollouts: int
    """Sampled in training, dropped ones included."""
    sampled_tokens: int
    """In training."""
    cpu_seconds: float | None
    """Of training and of answering the tests, in all processes; None where the run was interrupted."""
    clipped: float
    """Mean share of tokens that clipping held back, over updates."""

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @staticmethod
    def read(path: Path) -> Result:
        """Errors: UserError where the file is none of ours."""
        try:
            values: dict[str, Any] = json.loads(path.read_text())
            tests = {name: Answered(tuple(t["tokens"]), t["right"]) for name, t in values.pop("tests").items()}
            return Result(**values, tests=tests)
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path} is no result of the study: {error!r}; delete it, and run it again") from error

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, self.to_json())


def result_file(study: Path, arm: str, seed: int) -> Path:
    return study / "results" / f"{arm}-{seed}.json"
