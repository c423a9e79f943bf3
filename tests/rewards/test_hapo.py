import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import group, rollout

from rewards import Group, History
from rewards.length.hapo import Hapo


def with_history(length: float, count: int = 1) -> History:
    history = History()
    history.put("hapo", "p", {"length": length, "count": count})
    return history


def test_without_history_hapo_is_plain_correctness() -> None:
    assert Hapo()(group(rollout(10, 1), rollout(99, 0)), History()) == [1.0, 0.0]


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (0, 2.0),  # 1 + cos(0) = 1 + 1
        (50, 1 + math.sqrt(0.5)),  # 1 + cos(pi/4)
        (100, 1.0),  # 1 + cos(pi/2) = 1 + 0
        (101, 1 + math.cos(math.pi / 2 * 1.01)),  # just beyond: 1 - 0.0157
        (200, 0.3),  # 1 + max(-0.7, cos(pi)) = 1 - 0.7
        (1000, 0.3),  # beyond 2h f stays -1, clipped at -0.7
    ],
)
def test_correct_reward_follows_the_cosine_of_length_over_history(length: int, expected: float) -> None:
    assert Hapo()(group(rollout(length, 1)), with_history(100)) == [pytest.approx(expected)]


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (0, 0.0),  # min(0, 1)
        (100, 0.0),  # min(0, 0)
        (150, -math.sqrt(0.5)),  # cos(3 pi/4)
        (200, -1.0),  # not clipped at -0.7: that is for correct answers
        (1000, -1.0),
    ],
)
def test_wrong_reward_is_negative_only_beyond_history(length: int, expected: float) -> None:
    assert Hapo()(group(rollout(length, 0)), with_history(100)) == [pytest.approx(expected, abs=1e-12)]


@pytest.mark.parametrize(
    ("length", "correct", "expected"),
    [
        (40, 1, 1.6),  # 1 + (1 - 40/100)
        (105, 1, 1.0),  # within the 10 % tolerance
        (150, 1, 0.6),  # 1 - (150 - 110)/100
        (400, 1, 0.3),  # 1 + max(-0.7, -2.9)
        (105, 0, 0.0),
        (150, 0, -0.4),
        (400, 0, -1.0),
    ],
)
def test_linear_shape_has_a_tolerance_of_a_tenth(length: int, correct: int, expected: float) -> None:
    assert Hapo(shape="linear")(group(rollout(length, correct)), with_history(100)) == [pytest.approx(expected)]


def test_weight_scales_the_length_term_only() -> None:
    assert Hapo(w=0.5)(group(rollout(0, 1)), with_history(100)) == [1.5]


def test_min_mode_keeps_the_shortest_correct_length() -> None:
    history, hapo = History(), Hapo()
    hapo.observe(group(rollout(80, 1), rollout(60, 1), rollout(10, 0)), history)
    assert history.get("hapo", "p") == {"length": 60.0, "count": 2}
    hapo.observe(group(rollout(70, 1)), history)
    assert history.get("hapo", "p") == {"length": 60.0, "count": 3}


def test_mean_mode_is_the_mean_of_all_correct_lengths() -> None:
    history, hapo = History(), Hapo(mode="mean")
    hapo.observe(group(rollout(80, 1), rollout(60, 1)), history)  # (80 + 60) / 2 = 70
    hapo.observe(group(rollout(40, 1), rollout(5, 0)), history)  # (2 * 70 + 40) / 3 = 60
    assert history.get("hapo", "p") == {"length": 60.0, "count": 3}


def test_a_visit_without_a_correct_answer_leaves_no_trace() -> None:
    history = History()
    Hapo().observe(group(rollout(5, 0), rollout(5, None)), history)
    assert history.get("hapo", "p") is None


def test_a_rollout_nobody_could_judge_gets_no_reward() -> None:
    assert Hapo()(group(rollout(5, None)), with_history(100)) == [None]


def test_an_empty_group_gets_an_empty_answer() -> None:
    assert Hapo()(Group(group(rollout(1, 1)).problem, ()), History()) == []


@pytest.mark.parametrize("options", [{"mode": "max"}, {"shape": "square"}, {"w": 1.5}, {"clip": 0.5}])
def test_options_outside_the_paper_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="hapo: "):
        Hapo(**options)  # type: ignore[arg-type]


lengths = st.integers(0, 5000)


@given(lengths, lengths, st.floats(1, 3000))
def test_right_beats_wrong_whatever_the_lengths(right: int, wrong: int, best: float) -> None:
    values = Hapo()(group(rollout(right, 1), rollout(wrong, 0)), with_history(best))
    assert values[0] is not None
    assert values[1] is not None
    assert values[0] >= 0.3 - 1e-9
    assert values[1] <= 0.0


@given(st.lists(st.lists(st.tuples(lengths, st.sampled_from([0, 1, None])), min_size=1), min_size=1))
def test_history_equals_a_naive_account_of_all_visits(visits: list[list[tuple[int, int | None]]]) -> None:
    shortest, mean = History(), History()
    for visit in visits:
        seen = group(*(rollout(length, correct) for length, correct in visit))
        Hapo().observe(seen, shortest)
        Hapo(mode="mean").observe(seen, mean)
    every = [length for visit in visits for length, correct in visit if correct == 1]
    if not every:
        assert shortest.get("hapo", "p") is None
        return
    assert shortest.get("hapo", "p") == {"length": min(every), "count": len(every)}
    entry = mean.get("hapo", "p")
    assert entry is not None
    assert entry["length"] == pytest.approx(sum(every) / len(every))
