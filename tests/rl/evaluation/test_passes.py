from itertools import combinations
from statistics import fmean

import pytest

from rl.evaluation.figures.passes import pass_at, pass_table


@pytest.mark.parametrize("n", range(1, 8))
def test_pass_at_k_is_the_share_of_subsets_with_a_correct_sample(n: int) -> None:
    for correct in range(n + 1):
        samples = [1] * correct + [0] * (n - correct)
        for k in range(1, n + 1):
            assert pass_at(n, correct, k) == pytest.approx(fmean(any(chosen) for chosen in combinations(samples, k)))


def test_pass_at_1_is_the_accuracy_and_pass_at_n_whether_any_is_right() -> None:
    assert pass_at(16, 4, 1) == pytest.approx(0.25)
    assert (pass_at(16, 1, 16), pass_at(16, 0, 16)) == (1.0, 0.0)


def test_large_numbers_of_samples_are_exact_enough() -> None:
    # 1 - C(990, 100) / C(1000, 100), by logarithms of factorials: 1 - 0.346...
    from math import comb

    assert pass_at(1000, 10, 100) == pytest.approx(1 - comb(990, 100) / comb(1000, 100), rel=1e-12)


def test_the_table_has_powers_of_two_and_all_samples_over_problems_with_enough_of_them() -> None:
    table = pass_table([(6, 3), (6, 0), (4, 4)], 6)
    assert list(table) == ["1", "2", "4", "6"]
    assert table["1"] == pytest.approx(fmean([0.5, 0.0, 1.0]))
    assert table["2"] == pytest.approx(fmean([1 - 3 / 15, 0.0, 1.0]))
    assert table["6"] == pytest.approx(fmean([1.0, 0.0]))  # the third has but four that could be judged


def test_k_beyond_the_samples_is_refused() -> None:
    for k in (0, 5):
        with pytest.raises(ValueError, match="k must lie"):
            pass_at(4, 1, k)
