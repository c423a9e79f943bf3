"""The paper's model of accuracy by number of steps, its optimum, and its fit (arXiv 2502.07266, section 4).

A problem of T operators solved in N steps is right with probability

    A(N) = a · [(1 - T/C) · (1 - (T/(N·M))^k)]^N

where C says how hard it is to keep the place in a long problem (each step errs in planning with T/C) and
M is the model's capability (a step of t = T/N operators errs with (t/M)^k). The paper works with k = 1; a model
that makes a short step without error and then fails quickly wants a larger one. A is 0 where a factor is not
positive. A lost model is right by chance: what is observed is taken as g + (1 - g)·A(N), with g the share of
problems whose answers agree, which the paper's formula has no term for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import lambertw


@dataclass(frozen=True)
class Cell:
    """What was measured at one difficulty and one number of steps."""

    operators: int
    steps: int
    right: int
    n: int
    guess: float = 0.0
    """g: the chance that a lost model is right."""

    @property
    def accuracy(self) -> float:
        return self.right / self.n


@dataclass(frozen=True)
class Fit:
    """The parameters of A(N), and the log-likelihood they have (nats)."""

    scale: float
    """a"""
    planning: float
    """C, in operators."""
    capability: float
    """M, in operators a step."""
    log_likelihood: float
    power: float = 1.0
    """k"""

    def best_steps(self, operators: float) -> float:
        """The N that A is largest at."""
        return optimum(operators, self.planning, self.capability, self.power)


def predict(
    operators: float,
    steps: float,
    scale: float | NDArray[np.float64],
    planning: float | NDArray[np.float64],
    capability: float | NDArray[np.float64],
    power: float = 1.0,
) -> NDArray[np.float64]:
    """A(N), for arrays of parameters."""
    planned = np.maximum(1 - operators / np.asarray(planning), 0.0)
    solved = np.maximum(1 - (operators / (steps * np.asarray(capability))) ** power, 0.0)
    return np.asarray(scale * (planned * solved) ** steps)


def optimum(operators: float, planning: float, capability: float, power: float = 1.0) -> float:
    """The number of steps with the largest A, for k ≥ 1.

    d ln A / dN = 0 says ln(1 - T/C) + ln(1 - x) + k·x/(1 - x) = 0 with x = (T/(N·M))^k. Its root is x = 1 - 1/u with
    u = -W₋₁(-k·(1 - T/C)·e^-k) / k, W₋₁ the lower branch of Lambert's function, and N = T / (M·x^(1/k)). For k = 1 that
    is the paper's T·Z / (M·(Z + 1)), Z = W₋₁(-(1 - T/C) / e).
    Errors: ValueError where T ≥ C, since no number of steps has A > 0 then, or k < 1.
    """
    if not 0 < operators < planning:
        raise ValueError(f"operators must lie in (0, {planning}), not {operators}")
    if power < 1:
        raise ValueError(f"power must be at least 1, not {power}")
    u = -float(lambertw(-power * (1 - operators / planning) * math.exp(-power), -1).real) / power
    return float(operators / (capability * (1 - 1 / u) ** (1 / power)))


def fit(cells: Sequence[Cell], power: float = 1.0, rounds: int = 6, points: int = 25) -> Fit:
    """The likeliest parameters, each cell a binomial count, by a grid that closes in on its best point.

    `rounds` refinements of a grid of `points` a parameter: a in (0, 1], C above the hardest problem, M from one
    operator a step. Deterministic.
    """
    hardest = max(cell.operators for cell in cells)
    lows, highs = np.array([0.3, 1.02 * hardest, 1.02]), np.array([1.0, 300.0 * hardest, 60.0])
    best = Fit(1.0, float(highs[1]), float(highs[2]), -math.inf, power)
    for _ in range(rounds):
        axes = [np.geomspace(low, high, points) for low, high in zip(lows, highs, strict=True)]
        scale, planning, capability = np.meshgrid(*axes, indexing="ij")
        likelihood = np.zeros_like(scale)
        for cell in cells:
            p = cell.guess + (1 - cell.guess) * predict(cell.operators, cell.steps, scale, planning, capability, power)
            p = np.clip(p, 1e-6, 1 - 1e-6)
            likelihood += cell.right * np.log(p) + (cell.n - cell.right) * np.log1p(-p)
        place = np.unravel_index(int(np.argmax(likelihood)), likelihood.shape)
        a, c, m, log_likelihood = (float(grid[place]) for grid in (scale, planning, capability, likelihood))
        found = Fit(a, c, m, log_likelihood, power)
        best = max(best, found, key=lambda f: f.log_likelihood)
        steps = [(high / low) ** (2 / (points - 1)) for low, high in zip(lows, highs, strict=True)]
        centre = np.array([best.scale, best.planning, best.capability])
        lows = np.maximum(centre / steps, [1e-3, 1.001 * hardest, 1.001])
        highs = np.minimum(centre * steps, [1.0, 3000.0 * hardest, 600.0])
    return best


POWERS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)


def likeliest(cells: Sequence[Cell]) -> Fit:
    """The fit with the likeliest of a few k."""
    return max((fit(cells, power) for power in POWERS), key=lambda found: found.log_likelihood)
