"""README's table and figure: the study's DLER and plain GRPO over five seeds, accuracy and tokens at one cap.

    python -m experiments.readme_figure

From the committed results of `experiments/study`; nothing is trained.
"""

from __future__ import annotations

from pathlib import Path
from statistics import fmean, stdev

import matplotlib as mpl
from scipy.stats import t

from experiments.study.grid import HERE
from experiments.study.results import Result, result_file

mpl.use("Agg")

from matplotlib import pyplot as plt

PICTURE = Path(__file__).with_name("figures") / "five-seeds.png"
CAP = 320
ARMS = {"start": ("before", [0]), "dler": ("DLER", range(5)), "grpo": ("plain GRPO", range(5))}
Point = tuple[float, float]
"""Tokens, and accuracy in per cent, of one run's answers to the test."""


def points(arm: str) -> list[Point]:
    """Seed by seed, at the cap."""
    answers = [Result.read(result_file(HERE, arm, seed)).tests["test"].at(CAP) for seed in ARMS[arm][1]]
    return [(float(each.lengths.mean()), 100 * float(each.correct.mean())) for each in answers]


def interval(values: list[float]) -> str:
    """The mean over seeds with its 95 % interval by Student's t; of one seed the value."""
    mean = fmean(values)
    if len(values) == 1:
        return f"{mean:.1f}"
    half = float(t.ppf(0.975, len(values) - 1)) * stdev(values) / len(values) ** 0.5
    return f"{mean:.1f} [{mean - half:.1f}, {mean + half:.1f}]"


def table() -> str:
    """Rows as README has them."""
    rows = ["| | seeds | accuracy (%) | tokens |", "|---|---|---|---|"]
    for arm, (name, _) in ARMS.items():
        tokens, accuracy = (list(values) for values in zip(*points(arm), strict=True))
        rows.append(f"| {name} | {len(tokens)} | {interval(accuracy)} | {interval(tokens)} |")
    return "\n".join(rows) + "\n"


def draw(place: Path) -> None:
    """A mark a run: accuracy over mean tokens."""
    figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
    for arm, mark in zip(ARMS, "so^", strict=True):
        tokens, accuracy = zip(*points(arm), strict=True)
        axes.scatter(tokens, accuracy, marker=mark, s=55, alpha=0.75, label=ARMS[arm][0])
    axes.set(xlabel=f"mean tokens of an answer (cap {CAP})", ylabel=f"accuracy within {CAP} tokens (%)", xlim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(place, dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    draw(PICTURE)
    print(table(), end="")
