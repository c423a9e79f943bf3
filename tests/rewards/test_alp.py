from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import group, rollout

from rewards import Group, History
from rewards.length.alp import Alp

Cells = list[tuple[int, int | None]]


def of(cells: Cells, budget: int = 1000) -> Group:
    return group(*(rollout(length, correct, budget=budget) for length, correct in cells))


def reward(cells: Cells, beta: float = 0.2) -> list[float | None]:
    return Alp(beta)(of(cells), History())


@pytest.mark.parametrize(
    ("cells", "expected"),  # c - 0.2 max(p, 1/K) L / 1000
    [
        ([(0, 1), (0, 0)], [1.0, 0.0]),  # no tokens, no cost
        ([(1000, 1), (1000, 1)], [0.8, 0.8]),  # p = 1: 1 - 0.2
        ([(1000, 1), (1001, 1), (2000, 1)], [0.8, 0.7998, 0.6]),  # p = 1; 1 - 0.2002; 1 - 0.4: not clipped
        ([(10_000, 1)], [-1.0]),  # G = 1, p = 1: 1 - 0.2 * 10
        ([(500, 0)], [-0.1]),  # G = 1, p = 0: max(0, 1/1) = 1
        ([(1000, 1), (1000, 1), (1000, 0), (500, 0)], [0.9, 0.9, -0.1, -0.05]),  # p = 1/2; wrong ones pay alike
        ([(1000, 1), (1000, 0), (1000, 0), (2000, 0)], [0.95, -0.05, -0.05, -0.1]),  # one correct: p = 1/4 = 1/K
        ([(1000, 0), (1000, 0), (1000, 0), (2000, 0)], [-0.05, -0.05, -0.05, -0.1]),  # all wrong: 1/K = 1/4
        ([(1000, 1), (1000, 1), (1000, 1), (1000, 0)], [0.85, 0.85, 0.85, -0.15]),  # p = 3/4
        ([], []),
        ([(1000, None)], [None]),
        ([(1000, 1), (1000, None), (1000, 0)], [0.9, None, -0.1]),  # K = 2: p = 1/2, not 1/3
        ([(1000, 0), (1000, None), (1000, 0), (9, None)], [-0.1, None, -0.1, None]),  # K = 2: 1/K = 1/2
    ],
)
def test_reward_charges_tokens_by_the_share_solved(cells: Cells, expected: list[float | None]) -> None:
    assert reward(cells) == pytest.approx(expected)


def test_the_scale_is_the_budget_or_a_fixed_number_of_tokens() -> None:
    assert Alp(beta=0.5)(of([(1000, 1)], budget=4000), History()) == [0.875]  # 1 - 0.5 * 1/4
    assert Alp(beta=0.5, max_length=2000)(of([(1000, 1)], budget=4000), History()) == [0.75]  # 1 - 0.5 * 1/2
    assert Alp(beta=0)(of([(1000, 1), (9, 0)]), History()) == [1.0, 0.0]


def test_terms_are_correctness_and_the_unweighted_length_term() -> None:
    terms = Alp(beta=0.5).terms(of([(1000, 1), (500, 0), (0, 0), (9, None), (2000, 0)]), History())
    assert terms["correct"] == [1.0, 0.0, 0.0, None, 0.0]
    assert terms["length"] == pytest.approx([-0.25, -0.125, 0.0, None, -0.5])  # p = 1/4: -(1/4) L / 1000


def test_a_rollout_without_a_budget_needs_a_fixed_scale() -> None:
    loose = group(replace(rollout(1000, 1), budget=None))
    with pytest.raises(ValueError, match="budget"):
        Alp()(loose, History())
    assert Alp(max_length=1000)(loose, History()) == [pytest.approx(0.8)]  # 1 - 0.2


@pytest.mark.parametrize("options", [{"beta": -0.1}, {"beta": float("nan")}, {"max_length": 0}, {"max_length": -1}])
def test_bad_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="alp: "):
        Alp(**options)


def naive(cells: Cells, beta: float) -> list[float | None]:
    rollouts, solved = 0, 0
    for _, correct in cells:
        if correct is not None:
            rollouts, solved = rollouts + 1, solved + correct
    answer: list[float | None] = []
    for length, correct in cells:
        if correct is None:
            answer.append(None)
        else:
            share = solved / rollouts
            if share < 1 / rollouts:
                share = 1 / rollouts
            answer.append(correct - beta / 1000 * share * length)
    return answer


lengths = st.integers(0, 10_000)
drawn = st.lists(st.tuples(lengths, st.sampled_from([0, 1, None])), max_size=8)


@given(drawn, st.sampled_from([0.05, 0.2, 1.0]))
def test_reward_equals_a_naive_reference(cells: Cells, beta: float) -> None:
    assert reward(cells, beta) == pytest.approx(naive(cells, beta))


@given(drawn, lengths, lengths)
def test_right_and_wrong_pay_alike_and_more_for_more_tokens(cells: Cells, length: int, other: int) -> None:
    right, wrong, second = reward([(length, 1), (length, 0), (other, 0), *cells])[:3]
    assert right - wrong == pytest.approx(1.0)  # type: ignore[operator]
    assert (wrong > second) == (length < other)  # type: ignore[operator]


@given(st.integers(2, 16), st.data())
def test_a_token_costs_more_the_easier_the_problem(count: int, data: st.DataObject) -> None:
    fewer = data.draw(st.integers(0, count - 1))

    def cost(solved: int) -> float:
        value = reward([(1000, int(i < solved)) for i in range(count)])[-1]
        return int(solved == count) - value  # type: ignore[operator]

    assert cost(fewer + 1) > cost(fewer) or fewer == 0
    assert cost(0) == pytest.approx(cost(1))  # the floor: 1/K


@given(st.lists(st.tuples(st.integers(0, 1000), st.sampled_from([0, 1])), min_size=1, max_size=8))
def test_within_the_scale_nobody_pays_more_than_beta(cells: Cells) -> None:
    for (_, correct), value in zip(cells, reward(cells), strict=True):
        assert value is not None
        assert correct - 0.2 - 1e-9 <= value <= correct  # type: ignore[operator]


@given(drawn, st.data())
def test_reordering_the_group_reorders_the_rewards(cells: Cells, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(cells))))
    values = reward(cells)
    assert reward([cells[i] for i in order]) == [values[i] for i in order]


@given(drawn, st.integers(0, 20_000))
def test_one_nobody_could_judge_changes_nobodys_reward(cells: Cells, length: int) -> None:
    assert reward([*cells, (length, None)]) == [*reward(cells), None]
