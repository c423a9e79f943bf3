import math
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import group, rollout

from rewards import Group, History
from rewards.length.arlcp import Arlcp, reflections

Cells = list[tuple[int, int, int | None]]
"""Length, words of reflection, and whether it is right."""


def of(cells: Cells) -> Group:
    return group(*(rollout(length, correct, text="wait " * words) for length, words, correct in cells))


def reward(cells: Cells) -> list[float | None]:
    return Arlcp()(of(cells), History())


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def test_one_rollout_by_hand() -> None:
    # Six right ones: z = 2 of 50 words and z = 1 of length would cost .1 σ(2) + .1 σ(1) = .0881 + .0731: .8388.
    assert 1 + Arlcp()._cost(50, 2.0, 1.0) * -1 == pytest.approx(0.8388, abs=1e-4)
    # 40 words are the first tier, 80 the second, 81 the third: .05 / .15, .1 / .1, .15 / .05.
    for words, weight in ((40, 0.05), (41, 0.1), (80, 0.1), (81, 0.15)):
        assert Arlcp()._cost(words, 2.0, 1.0) == pytest.approx(weight * sigmoid(2) + (0.2 - weight) * sigmoid(1))


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([(100, 0, 1)], [0.9]),  # alone: both z are 0, and 1 - .2/2
        ([(100, 5, 1), (100, 5, 1)], [0.9, 0.9]),  # no deviation
        # z of length ∓ 1/sqrt(2), by the sample deviation 100 sqrt(2) of 100 and 300
        ([(100, 0, 1), (300, 0, 1)], [1 - 0.025 - 0.15 * sigmoid(-(0.5**0.5)), 1 - 0.025 - 0.15 * sigmoid(0.5**0.5)]),
        ([(100, 0, 1), (9000, 90, 0)], [0.9, 0.0]),  # wrong ones earn nothing and count in nothing
        ([(100, 0, 1), (9000, 90, None)], [0.9, None]),
        ([], []),
    ],
)
def test_right_answers_pay_for_reflection_and_length_among_right_ones(
    cells: Cells, expected: list[float | None]
) -> None:
    assert reward(cells) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Wait, wait. WAIT! waiting awaits", 3),
        ("Hold on: however, but alternatively an alternative", 5),
        ("double-check", 1),
        ("check, double-check, verify; oh, hmm", 5),
        ("another thought: think again", 2),
        ("button, ohm, checked", 0),
        ("", 0),
    ],
)
def test_words_of_reflection_are_counted_whole_and_in_any_case(text: str, count: int) -> None:
    assert reflections(rollout(1, 1, text=text)) == count


@pytest.mark.parametrize("options", [{"counts": (9, 3)}, {"counts": (-1, 3)}, {"total": 0.1}])
def test_bad_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="arlcp: "):
        Arlcp(**options)  # type: ignore[arg-type]


drawn = st.lists(st.tuples(st.integers(1, 9999), st.integers(0, 100), st.sampled_from([0, 1, None])), max_size=6)


@given(drawn)
def test_reward_equals_a_naive_reference(cells: Cells) -> None:
    def z(values: list[int], value: int) -> float:
        scale = stdev(values) if len(values) > 1 else 1.0
        return (value - fmean(values)) / scale if scale else 0.0

    right = [(n, w) for n, w, c in cells if c == 1]
    expected: list[float | None] = []
    for length, words, correct in cells:
        weight = 0.05 if words <= 40 else 0.1 if words <= 80 else 0.15
        if correct == 1:
            first, second = z([w for _, w in right], words), z([n for n, _ in right], length)
            expected.append(1 - weight * sigmoid(first) - (0.2 - weight) * sigmoid(second))
        else:
            expected.append(None if correct is None else 0.0)
    assert reward(cells) == pytest.approx(expected)


@given(drawn)
def test_a_right_answer_keeps_at_least_four_fifths(cells: Cells) -> None:
    for (_, _, correct), value in zip(cells, reward(cells), strict=True):
        assert value is None or (0.8 <= value <= 1 if correct else value == 0)
