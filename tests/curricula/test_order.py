import math
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curricula import Admission, ProblemOrder, Uniform
from curricula.order import AsGiven, EasyAnchors, EasyToHard, PassRateWindow

WHOLE_PASSES = [Uniform(), AsGiven(), EasyToHard(), EasyToHard(easy="high"), PassRateWindow()]
columns = st.lists(st.floats(0, 1), max_size=40)
seeds = st.integers(0, 10**6)


@pytest.mark.parametrize("order", WHOLE_PASSES, ids=lambda order: order.name)
@given(values=columns, number=st.integers(0, 99), seed=seeds)
def test_a_pass_has_every_problem_once_and_is_the_same_again(
    order: ProblemOrder, values: list[float], number: int, seed: int
) -> None:
    indices = order.sequence(number, seed, values)
    assert sorted(indices) == list(range(len(values)))
    assert order.sequence(number, seed, values) == indices


@pytest.mark.parametrize("order", [*WHOLE_PASSES, EasyAnchors()], ids=lambda order: order.name)
def test_every_order_says_which_column_it_goes_by(order: ProblemOrder) -> None:
    assert isinstance(order, ProblemOrder)
    expected = {"easy-to-hard": "difficulty", "easy-anchors": "pass_rate"}
    assert order.column == expected.get(type(order).name)  # type: ignore[attr-defined]


@pytest.mark.parametrize("order", [Uniform(), PassRateWindow(), EasyToHard(), EasyAnchors()], ids=lambda o: o.name)
def test_passes_and_seeds_shuffle_anew(order: ProblemOrder) -> None:
    values = [0.0] * 50
    drawn = [order.sequence(number, seed, values) for number in range(3) for seed in range(3)]
    assert len({tuple(indices) for indices in drawn}) == 9


def test_as_given_is_the_order_of_the_file() -> None:
    assert AsGiven().sequence(3, 7, [5.0, 1.0, 3.0]) == [0, 1, 2]


def test_a_shuffle_puts_every_problem_first_about_equally_often() -> None:
    first = Counter(Uniform().sequence(number, 0, [0.0] * 4)[0] for number in range(4000))
    # 1000 each expected, standard deviation 27
    assert set(first) == {0, 1, 2, 3}
    assert all(abs(count - 1000) < 120 for count in first.values())


@pytest.mark.parametrize(
    ("order", "expected"),
    [(EasyToHard(), [2, 0, 3, 1]), (EasyToHard(easy="high"), [1, 3, 0, 2])],
)
def test_easy_to_hard_sorts_by_its_column(order: EasyToHard, expected: list[int]) -> None:
    for number in range(5):
        assert order.sequence(number, number, [2.0, 9.0, 1.0, 3.0]) == expected


@given(values=st.lists(st.integers(1, 5).map(float), min_size=1, max_size=40), number=st.integers(0, 9), seed=seeds)
def test_easy_to_hard_never_steps_back(values: list[float], number: int, seed: int) -> None:
    low = [values[i] for i in EasyToHard().sequence(number, seed, values)]
    high = [values[i] for i in EasyToHard(easy="high").sequence(number, seed, values)]
    assert low == sorted(values)
    assert high == sorted(values, reverse=True)


@pytest.mark.parametrize(
    ("rate", "admitted"),
    [(None, True), (0.0, False), (0.049, False), (0.05, True), (0.5, True), (0.95, True), (0.951, False), (1.0, False)],
)
def test_the_window_admits_rates_within_it_and_problems_never_tried(rate: float | None, admitted: bool) -> None:
    assert PassRateWindow().admits(rate) is admitted


def test_only_the_window_looks_at_pass_rates() -> None:
    assert isinstance(PassRateWindow(), Admission)
    assert not any(isinstance(order, Admission) for order in (Uniform(), AsGiven(), EasyToHard(), EasyAnchors()))
    everything = PassRateWindow(0, 1)
    assert everything.admits(0.0)
    assert everything.admits(1.0)


@pytest.mark.parametrize(
    ("share", "rest", "anchors"),
    [
        (0.1, 9, [9]),  # every tenth problem
        (0.1, 18, [9, 19]),
        (0.25, 6, [3, 7]),
        (0.5, 3, [1, 3, 5]),
    ],
)
def test_anchors_come_at_every_one_in_share_place(share: float, rest: int, anchors: list[int]) -> None:
    values = [0.9] * 30 + [0.1] * rest
    indices = EasyAnchors(share=share).sequence(0, 0, values)
    assert sorted(place for place, i in enumerate(indices) if values[i] >= 0.8) == anchors


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_a_long_pass_has_the_share_of_anchors_it_was_told(share: float) -> None:
    values = [0.9] * 300 + [0.1] * 300
    indices = EasyAnchors(share=share).sequence(0, 0, values)
    assert sum(values[i] >= 0.8 for i in indices) / len(indices) == pytest.approx(share, abs=0.01)


@given(
    values=st.lists(st.sampled_from([0.1, 0.79, 0.8, 1.0]), max_size=60),
    percent=st.integers(1, 50),
    number=st.integers(0, 9),
    seed=seeds,
)
def test_anchors_never_exceed_their_share_and_the_others_come_once(
    values: list[float], percent: int, number: int, seed: int
) -> None:
    order = EasyAnchors(share=percent / 100)
    indices = order.sequence(number, seed, values)
    assert order.sequence(number, seed, values) == indices
    easy = {i for i, value in enumerate(values) if value >= 0.8}
    if not easy or len(easy) == len(values):  # nothing to anchor, or nothing but anchors
        assert sorted(indices) == list(range(len(values)))
        return
    assert sorted(i for i in indices if i not in easy) == sorted(set(range(len(values))) - easy)
    anchors = [i for i in indices if i in easy]
    for place in range(1, len(indices) + 1):
        assert sum(i in easy for i in indices[:place]) <= Fraction(percent, 100) * place + Fraction(1, 10**9)
    assert len(anchors) >= math.floor(Fraction(percent, 100) * len(indices)) - 1
    counts = Counter(anchors)  # in turn: none a second time before all came once
    assert not counts or max(counts.values()) - min(counts[i] for i in easy) <= 1


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (EasyToHard, {"easy": "hard"}, "^easy-to-hard: easy"),
        (PassRateWindow, {"minimum": 0.6, "maximum": 0.5}, "^pass-rate-window: need"),
        (PassRateWindow, {"minimum": -0.1}, "^pass-rate-window: need"),
        (PassRateWindow, {"maximum": 1.1}, "^pass-rate-window: need"),
        (PassRateWindow, {"minimum": math.nan}, "^pass-rate-window: need"),
        (EasyAnchors, {"share": 0}, "^easy-anchors: share"),
        (EasyAnchors, {"share": 1}, "^easy-anchors: share"),
        (EasyAnchors, {"share": math.nan}, "^easy-anchors: share"),
    ],
)
def test_bad_options_name_the_order(kind: type, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**options)
