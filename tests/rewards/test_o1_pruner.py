from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import rollout

from rewards import Group, History, Problem
from rewards.length.o1_pruner import O1Pruner

Outcome = tuple[int, int | None]  # length, correct


def referred(outcomes: list[Outcome], length: float = 1000, accuracy: float = 0.75) -> Group:
    columns = {"ref_length": length, "ref_accuracy": accuracy}
    return Group(Problem("p", "1+1=?", "2", columns), tuple(rollout(*o) for o in outcomes))


@pytest.mark.parametrize(
    ("length", "correct", "expected"),
    [
        # reference: 1000 tokens, 75 %; lambda 2: correct earns 2 * 0.25 = 0.5, wrong 2 * -0.75 = -1.5
        (1000, 1, 0.5),  # 1000/1000 - 1 = 0
        (1000, 0, -1.5),
        (1001, 1, 1000 / 1001 - 0.5),  # 0.99900 - 1 + 0.5
        (500, 1, 1.5),  # 2 - 1 + 0.5
        (500, 0, -0.5),  # 2 - 1 - 1.5
        (2000, 1, 0.0),  # 1/2 - 1 + 0.5
        (2000, 0, -2.0),  # 1/2 - 1 - 1.5
        (10_000, 1, -0.4),  # the cap: 1/10 - 1 + 0.5
        (1, 0, 997.5),  # 1000 - 1 - 1.5
    ],
)
def test_reward_is_relative_to_the_reference_models_answers(length: int, correct: int, expected: float) -> None:
    assert O1Pruner()(referred([(length, correct)]), History()) == pytest.approx([expected])


def test_a_length_of_zero_counts_as_one_token() -> None:
    assert O1Pruner()(referred([(0, 1), (1, 1)]), History()) == [999.5, 999.5]


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([(100, 1), (100, 1)], [1.0, 1.0]),  # 200/100 - 1 + 2 * (1 - 1); the reference always right
        ([(100, 0), (400, 0)], [-1.0, -2.5]),  # 1 - 2; -1/2 - 2
        ([(100, 0), (200, 1), (50, None)], [-1.0, 0.0, None]),
        ([(50, None)], [None]),
        ([], []),
    ],
)
def test_no_rollout_depends_on_the_others(outcomes: list[Outcome], expected: list[float | None]) -> None:
    assert O1Pruner()(referred(outcomes, 200, 1.0), History()) == pytest.approx(expected)


def test_lambda_weighs_correctness_only() -> None:
    # 1000/800 - 1 = 0.25; + 4 * 0.25 or 4 * -0.75
    assert O1Pruner(lambda_=4)(referred([(800, 1), (800, 0)]), History()) == pytest.approx([1.25, -2.75])
    assert O1Pruner(lambda_=0)(referred([(800, 1), (800, 0)]), History()) == pytest.approx([0.25, 0.25])


def test_terms_are_correctness_and_the_relative_length() -> None:
    shown = O1Pruner().terms(referred([(500, 1), (2000, 0), (1, None)]), History())
    assert shown == {"correct": [1.0, 0.0, None], "length": [1.0, -0.5, None]}


@pytest.mark.parametrize("lam", [-0.1, float("nan")])
def test_a_negative_lambda_is_refused(lam: float) -> None:
    with pytest.raises(ValueError, match="o1-pruner: lambda"):
        O1Pruner(lambda_=lam)


@pytest.mark.parametrize("missing", ["ref_length", "ref_accuracy"])
def test_a_problem_without_reference_columns_is_refused(missing: str) -> None:
    columns = {name: 1.0 for name in ("ref_length", "ref_accuracy") if name != missing}
    with pytest.raises(ValueError, match=missing):
        O1Pruner()(Group(Problem("p", "1+1=?", "2", columns), (rollout(5, 1),)), History())


outcomes = st.lists(st.tuples(st.integers(1, 32_768), st.sampled_from([0, 1, None])), max_size=9)
references = st.floats(1, 32_768)
accuracies = st.floats(0, 1)


@given(outcomes, references, accuracies)
def test_rewards_equal_the_printed_formula(drawn: list[Outcome], length: float, accuracy: float) -> None:
    expected = []
    for own, correct in drawn:
        expected.append(None if correct is None else length / own - 1 + 2 * (correct - accuracy))
    assert O1Pruner()(referred(drawn, length, accuracy), History()) == pytest.approx(expected)


@given(outcomes, st.integers(0, 2**32))
def test_order_in_the_group_does_not_matter(drawn: list[Outcome], seed: int) -> None:
    order = Random(seed).sample(range(len(drawn)), len(drawn))
    before = O1Pruner()(referred(drawn), History())
    assert O1Pruner()(referred([drawn[i] for i in order]), History()) == [before[i] for i in order]


@given(outcomes, st.integers(0, 32_768))
def test_an_unjudged_rollout_changes_nobodys_reward(drawn: list[Outcome], length: int) -> None:
    before = O1Pruner()(referred(drawn), History())
    assert O1Pruner()(referred([(length, None), *drawn]), History()) == [None, *before]


@given(st.integers(1, 32_768), st.integers(1, 4096), st.sampled_from([0, 1]), references, accuracies)
def test_shorter_always_pays(short: int, more: int, correct: int, length: float, accuracy: float) -> None:
    values = O1Pruner()(referred([(short, correct), (short + more, correct)], length, accuracy), History())
    assert values[0] is not None
    assert values[1] is not None
    assert values[0] > values[1]


@given(st.integers(1, 32_768), references, accuracies)
def test_at_equal_length_right_beats_wrong_by_lambda(own: int, length: float, accuracy: float) -> None:
    right, wrong = O1Pruner()(referred([(own, 1), (own, 0)], length, accuracy), History())
    assert right is not None
    assert wrong is not None
    assert right - wrong == pytest.approx(2.0, abs=1e-6)


def test_a_short_wrong_answer_can_outrank_a_long_correct_one() -> None:
    # 1000/200 - 1 - 1.5 = 2.5 against 1000/1000 - 1 + 0.5 = 0.5
    assert O1Pruner()(referred([(200, 0), (1000, 1)]), History()) == pytest.approx([2.5, 0.5])
