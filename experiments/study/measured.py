"""The numbers of a study: for each arm a row a seed and a column a problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from experiments.study.contrasts import Difference, difference
from experiments.study.grid import Grid
from experiments.study.results import Answered, Result, result_file

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """The results of a grid that are there."""

    grid: Grid
    results: dict[str, list[Result]]
    """By arm, of those that have any."""

    @staticmethod
    def read(grid: Grid, study: Path) -> Measured:
        """The results of this very grid in a study's folder; others are passed over."""
        found: dict[str, list[Result]] = {}
        for arm, seed in sorted(grid.runs(), key=lambda run: list(grid.all_arms()).index(run[0])):
            path = result_file(study, arm, seed)
            if path.is_file() and (result := Result.read(path)).digest == grid.digest(arm, seed):
                found.setdefault(arm, []).append(result)
        return Measured(grid, found)

    @cached_property
    def arms(self) -> list[str]:
        return list(self.results)

    @property
    def runs(self) -> int:
        return sum(map(len, self.results.values()))

    def label(self, arm: str) -> str:
        return self.grid.all_arms()[arm].label

    def values(self, arm: str, metric: str, test: str = "test", cap: int | None = None) -> Floats:
        """Accuracy in %, or tokens, of every answer; `stretch` in %: how much longer harder problems' answers are."""
        runs = self.results[arm]
        if metric == "stretch":
            longer = [[self._tokens(run.tests["harder"]) / self._tokens(run.tests["test"]) - 1] for run in runs]
            return 100 * np.array(longer)
        answers = [run.tests[test].at(cap or self.grid.cap) for run in runs]
        return np.array([100 * each.correct if metric == "accuracy" else each.lengths for each in answers])

    def mean(self, arm: str, metric: str, test: str = "test", cap: int | None = None) -> Difference:
        return difference({arm: self.values(arm, metric, test, cap)}, [arm], [])

    def difference(
        self, plus: Sequence[str], minus: Sequence[str], metric: str, test: str = "test", cap: int | None = None
    ) -> Difference | None:
        """Between arms; None where one of them has no result yet."""
        if any(arm not in self.results for arm in (*plus, *minus)):
            return None
        return difference({arm: self.values(arm, metric, test, cap) for arm in (*plus, *minus)}, plus, minus)

    @staticmethod
    def _tokens(answered: Answered) -> float:
        return float(answered.lengths.mean())
