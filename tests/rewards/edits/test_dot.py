"""DOT's cuts, by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import group, rollout

from rewards import History
from rewards.edits import Cut, Keep
from rewards.edits.dot import Dot


def cuts(lengths: list[int], wrong: int = 0, **options: float) -> dict[int, int]:
    """The places that are cut, and to how many tokens."""
    rollouts = [rollout(length, 0 if place < wrong else 1) for place, length in enumerate(lengths)]
    plan = Dot(**options).plan(group(*rollouts), History(), len(lengths), 0)
    assert [change.rollout for change in plan] == list(range(len(lengths)))
    return {change.rollout: change.start for change in plan if isinstance(change, Cut)}


@pytest.mark.parametrize(
    ("lengths", "options", "expected"),
    [
        # mean (31000 + 5000) / 32 = 1125; squares 31 * 125^2 + 3875^2 = 15.5e6, / 31 = 500,000, root 707.107;
        # T = floor(1125 + 2121.32) = 3246 (the population's deviation would give 3212)
        ([1000] * 31 + [5000], {}, {31: 3246}),
        # mean 1003.125, deviation sqrt((31 * 3.125^2 + 96.875^2) / 31) = 17.678; T = floor(1056.158) = 1056, 44 >= 32
        ([1000] * 31 + [1100], {}, {31: 1056}),
        ([1000] * 31 + [1100], {"margin": 45}, {}),  # a cut of 44 is not worth it
        ([1000] * 31 + [1100], {"margin": 0.04}, {31: 1056}),  # floor(0.04 * 1100) = 44
        ([1000] * 31 + [1100], {"margin": 0.05}, {}),  # 55 > 44
        ([10] * 31 + [60], {"margin": 0.01}, {31: 38}),  # mean 11.5625, deviation 8.839: T = 38, 22 >= max(0, 16)
        ([1000] * 32, {}, {}),
        ([1000] * 9 + [100_000], {}, {}),  # ten: the furthest is 9 / sqrt(10) = 2.85 deviations out
        # mean 10900; squares 9 * 9900^2 + 89100^2 = 8.8209e9, / 9 = 9.801e8, root 31306.549; 10900 + 62613.097
        ([1000] * 9 + [100_000], {"alpha": 2}, {9: 73_513}),
    ],
)
def test_it_cuts_what_lies_alpha_deviations_out(
    lengths: list[int], options: dict[str, float], expected: dict[int, int]
) -> None:
    assert cuts(lengths, **options) == expected


def test_a_group_with_one_wrong_answer_is_left_alone() -> None:
    assert cuts([1000] * 31 + [5000], wrong=1) == {}
    one = group(*(rollout(1000, 1) for _ in range(31)), rollout(9000, None))
    assert Dot().plan(one, History(), 32, 0) == [Keep(place) for place in range(32)]


@given(st.lists(st.integers(1, 9000), min_size=1, max_size=24), st.floats(0.5, 4), st.integers(1, 64))
def test_cuts_are_few_and_take_at_least_the_margin(lengths: list[int], alpha: float, margin: int) -> None:
    found = cuts(lengths, alpha=alpha, margin=margin)
    assert len(found) <= len(lengths) / (alpha**2 + 1) + 1e-9  # Cantelli
    assert all(lengths[place] - most >= margin and most >= 1 for place, most in found.items())


def test_it_doubts_groups_that_it_never_cuts() -> None:
    assert "groups of 10" in str(Dot().doubt(10))
    assert Dot().doubt(11) is None
    assert Dot(alpha=2.5).doubt(10) is None
