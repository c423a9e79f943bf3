"""The table of the dial: from what evaluations say to its lines."""

import math
from typing import Any

import pytest

from experiments.dial import accuracy_at, at_equal_tokens, line, table


def found(accuracies: list[float], whole: float, told: bool = True) -> dict[str, Any]:
    """Five settings whose answers take 50, 70, 90, 120 and 160 tokens; by itself `whole`, for 90 tokens."""
    budgets = {
        str(i): {"accuracy": {"mean": accuracy}, "tokens": {"all": {"mean": tokens}}}
        for i, (accuracy, tokens) in enumerate(zip(accuracies, (50, 70, 90, 120, 160), strict=True))
    }
    stated = {"rank_correlation": 0.9, "budgets": {str(i): {"error": {"mean": i / 10}} for i in range(5)}}
    caps = {"256": {"accuracy": {"mean": whole}, "mean_tokens": {"mean": 90.0}}}
    return {"caps": caps, "forced": {"budgets": budgets, **({"stated": stated} if told else {})}}


def test_a_curve_is_read_between_its_points_over_the_logarithm_and_not_beyond_its_ends() -> None:
    curve = [(100.0, 0.5), (25.0, 0.25), (50.0, 0.4)]
    assert accuracy_at(curve, 50) == 0.4
    assert accuracy_at(curve, 100 / math.sqrt(2)) == pytest.approx(0.45)  # half of the way from 50 to 100 in logarithms
    assert math.isnan(accuracy_at(curve, 24))
    assert math.isnan(accuracy_at(curve, 101))


def test_a_line_has_means_over_seeds_with_their_standard_errors() -> None:
    seeds = [found([0.5, 0.6, 0.7, 0.8, 0.9], 0.8), found([0.6, 0.6, 0.7, 0.8, 0.9], 0.8)]
    # Of 50 and 60: their deviation is 7.07, over the root of 2 that is 5. Errors 0, 10, 20, 30, 40 %.
    assert line("dial", seeds).startswith("| dial | 55.0 ± 5.0 at 50 | 60.0 ± 0.0 at 70 |")
    assert line("dial", seeds).endswith("| 0.90 | 20% |")
    assert line("DLER", [found([0.5] * 5, 0.8, told=False)]).endswith("| 50.0 at 160 | – | – |")


def test_a_majority_stands_by_its_samples() -> None:
    majority = {str(k): {"accuracy": {"mean": 0.5}, "tokens": {"mean": 30.0 * k}} for k in (1, 2, 4, 8, 16)}
    rival = {"caps": {"256": {"majority_at": majority}}, "forced": None}
    assert "| 50.0 at 30 | 50.0 at 60 | 50.0 at 120 | 50.0 at 240 | 50.0 at 480 | – | – |" in line("majority", [rival])


def test_the_dial_is_held_against_another_at_the_tokens_which_that_takes() -> None:
    ours = [found([0.5, 0.6, 0.7, 0.8, 0.9], 0.8), found([0.5, 0.6, 0.9, 0.9, 0.9], 0.8)]
    # 70 and 90 % at 90 tokens, less 75 %: -5 and 15, in the mean 5, deviation 14.1 over the root of 2.
    said = at_equal_tokens("DLER", ours, [found([0.5] * 5, 0.75)] * 2)
    assert said == "The dial less DLER at the 90 tokens which that takes by itself: 5.0 ± 10.0 points."
    assert said in table({"dial": ours, "DLER": [found([0.5] * 5, 0.75)] * 2})
