from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import group, rollout

from rewards import Group, History
from rewards.length.kimi import Kimi

Cells = list[tuple[int, int | None]]


def of(cells: Cells) -> Group:
    return group(*(rollout(length, correct) for length, correct in cells))


def reward(cells: Cells, w: float = 0.4) -> list[float | None]:
    return Kimi(w)(of(cells), History())


@pytest.mark.parametrize(
    ("cells", "expected"),  # c + 0.4 (lam if correct else min(0, lam)), lam = 1/2 - (L - Lmin)/(Lmax - Lmin)
    [
        ([(0, 1), (50, 1), (100, 1)], [1.2, 1.0, 0.8]),  # lam = 1/2, 0, -1/2
        ([(0, 0), (50, 0), (100, 0)], [0.0, 0.0, -0.2]),  # min(0, lam) = 0, 0, -1/2
        ([(0, 0), (100, 1), (200, 0)], [0.0, 1.0, -0.2]),  # lam = 1/2 (withheld), 0, -1/2
        ([(0, 1), (51, 0), (100, 0)], [1.2, -0.004, -0.2]),  # lam of 51 = -0.01
        ([(100, 1), (0, 0), (400, 0)], [1.1, 0.0, -0.2]),  # Lmin and Lmax are of wrong ones too: 1/2 - 100/400 = 1/4
        ([(1000, 1), (2000, 1)], [1.2, 0.8]),  # target and twice the target
        ([(1000, 1), (1001, 1), (2000, 1)], [1.2, 1.1996, 0.8]),  # 1/2 - 1/1000 = 0.499: 1 + 0.1996
        ([(0, 1), (10_000, 1)], [1.2, 0.8]),  # nothing and the cap
        ([(7, 1), (7, 0), (7, 1)], [1.0, 0.0, 1.0]),  # equal lengths: no term
        ([(7, 0), (7, 0)], [0.0, 0.0]),
        ([(7, 1)], [1.0]),  # G = 1: Lmax = Lmin
        ([(7, 0)], [0.0]),
        ([], []),
        ([(9000, None)], [None]),
        ([(0, 1), (9000, None), (100, 1)], [1.2, None, 0.8]),  # 9000 is not Lmax
        ([(50, 1), (0, None), (100, 1), (9000, None)], [1.2, None, 0.8, None]),  # 0 is not Lmin
        ([(50, 1), (9000, None)], [1.0, None]),  # only one is judged: Lmax = Lmin
    ],
)
def test_reward_follows_the_place_between_the_shortest_and_the_longest(
    cells: Cells, expected: list[float | None]
) -> None:
    assert reward(cells) == pytest.approx(expected)


def test_weight_scales_the_length_term_only() -> None:
    assert reward([(0, 1), (100, 0)], w=1.0) == [1.5, -0.5]  # 1 + 1/2, 0 - 1/2
    assert reward([(0, 1), (100, 0)], w=0.0) == [1.0, 0.0]


def test_terms_are_correctness_and_the_unweighted_length_term() -> None:
    terms = Kimi(w=0.1).terms(of([(0, 1), (0, 0), (100, 1), (75, 0), (5000, None)]), History())
    assert terms == {"correct": [1.0, 0.0, 1.0, 0.0, None], "length": [0.5, 0.0, -0.5, -0.25, None]}


@pytest.mark.parametrize("w", [-0.1, float("nan")])
def test_a_negative_weight_is_refused(w: float) -> None:
    with pytest.raises(ValueError, match="kimi: w"):
        Kimi(w=w)


def naive(cells: Cells, w: float) -> list[float | None]:
    shortest, longest = 10**9, -1
    for length, correct in cells:
        if correct is not None and length < shortest:
            shortest = length
        if correct is not None and length > longest:
            longest = length
    answer: list[float | None] = []
    for length, correct in cells:
        if correct is None:
            answer.append(None)
            continue
        lam = 0.0
        if longest != shortest:
            lam = 0.5 - (length - shortest) / (longest - shortest)
        if correct == 0 and lam > 0:
            lam = 0.0
        answer.append(correct + w * lam)
    return answer


drawn = st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from([0, 1, None])), max_size=8)


@given(drawn, st.sampled_from([0.4, 0.1, 1.0]))
def test_reward_equals_a_naive_reference(cells: Cells, w: float) -> None:
    assert reward(cells, w) == pytest.approx(naive(cells, w))


@given(drawn)
def test_a_wrong_answer_never_earns_by_its_length(cells: Cells) -> None:
    terms = Kimi().terms(of(cells), History())["length"]
    for (_, correct), term in zip(cells, terms, strict=True):
        assert (term is None) == (correct is None)
        assert term is None or -0.5 <= term <= (0.5 if correct else 0.0)


@given(drawn)
def test_among_equals_the_longer_never_earns_more(cells: Cells) -> None:
    for right in (0, 1):
        paid = sorted((n, v) for (n, c), v in zip(cells, reward(cells), strict=True) if c == right and v is not None)
        for (short, more), (long, less) in pairwise(paid):
            assert more >= less
            assert more > less or short == long or not right


@given(drawn)
def test_right_beats_wrong_by_the_default_weight(cells: Cells) -> None:
    values = reward(cells)
    right = [v for (_, c), v in zip(cells, values, strict=True) if c == 1 and v is not None]
    wrong = [v for (_, c), v in zip(cells, values, strict=True) if c == 0 and v is not None]
    assert min(right, default=1.0) >= 0.8 - 1e-9  # 1 - 0.4/2
    assert max(wrong, default=0.0) <= 0.0


@given(drawn, st.data())
def test_reordering_the_group_reorders_the_rewards(cells: Cells, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(cells))))
    values = reward(cells)
    assert reward([cells[i] for i in order]) == [values[i] for i in order]


@given(drawn, st.integers(0, 20_000))
def test_one_nobody_could_judge_changes_nobodys_reward(cells: Cells, length: int) -> None:
    assert reward([*cells, (length, None)]) == [*reward(cells), None]


@given(drawn, st.integers(1, 5), st.integers(0, 1000))
def test_only_the_relative_place_counts(cells: Cells, factor: int, offset: int) -> None:
    assert reward([(factor * n + offset, c) for n, c in cells]) == pytest.approx(reward(cells))
