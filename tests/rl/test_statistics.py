import math

import numpy as np
import pytest

from rl.statistics import bootstrap_mean, paired_difference


def test_paired_difference_has_the_error_of_the_differences() -> None:
    # Differences 1, 0, 0, -1, 1: mean .2; squares about it .64 + .04 + .04 + 1.44 + .64 = 2.8; 2.8 / 4 = .7.
    mean, error = paired_difference([0, 1, 0, 1, 0], [1, 1, 0, 0, 1])
    assert mean == pytest.approx(0.2)
    assert error == pytest.approx(math.sqrt(0.7 / 5))


def test_bootstrap_intervals_cover_the_truth_about_95_times_in_100() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(120):
        estimate = bootstrap_mean(rng.binomial(1, 0.7, 200).tolist(), seed=trial)
        covered += estimate.low <= 0.7 <= estimate.high
    assert 105 <= covered <= 120


def test_nothing_has_no_mean() -> None:
    assert math.isnan(bootstrap_mean([]).mean)
    assert all(map(math.isnan, paired_difference([], [])))
