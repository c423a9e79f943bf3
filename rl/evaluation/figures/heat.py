"""Accuracy by how long the context is and how deep in it the answer lies, for rows of `lengthwise synth`."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from rewards import Problem
from rl.evaluation.rows import Row, by_problem

DEPTHS = (0.2, 0.4, 0.6, 0.8, 1.0)
"""Upper ends of the bins of depth, as shares of the user's turn."""


def heat_map(problems: Mapping[str, Problem], rows: Sequence[Row]) -> dict[str, Any] | None:
    """Accuracy over lengths and depths; None where no problem says where its answer lies.

    `lengths` are upper ends in tokens, powers of two; `depths` upper ends as shares of the prompt. A problem
    counts once for every gold document, at the depth of its middle, so that one with two counts in two cells.
    `n` are these counts; `accuracy`, of the samples of a cell's problems in the mean, is null where n is 0.
    """
    cells: dict[tuple[int, int], list[float]] = {}
    for name, own in by_problem([row for row in rows if row["correct"] is not None]).items():
        columns = problems[name].columns
        if not columns.get("gold_docs") or not columns.get("n_tokens"):
            continue
        length = 1 << (int(columns["n_tokens"]) - 1).bit_length()
        accuracy = fmean(row["correct"] for row in own)
        for depth in gold_depths(problems[name]):
            cells.setdefault((length, bisect_left(DEPTHS, depth)), []).append(accuracy)
    if not cells:
        return None
    lengths = sorted({length for length, _ in cells})
    grid = [[cells.get((length, depth), []) for depth in range(len(DEPTHS))] for length in lengths]
    return {
        "lengths": lengths,
        "depths": list(DEPTHS),
        "accuracy": [[fmean(cell) if cell else None for cell in line] for line in grid],
        "n": [[len(cell) for cell in line] for line in grid],
    }


def gold_depths(problem: Problem) -> list[float]:
    """Where the middle of each gold document lies in the user's turn, from 0 to 1."""
    prompt = problem.prompt if isinstance(problem.prompt, str) else problem.prompt[-1]["content"]
    middles = [(doc["char_start"] + doc["char_end"]) / 2 for doc in problem.columns["gold_docs"]]
    return [min(1.0, middle / len(prompt)) for middle in middles]
