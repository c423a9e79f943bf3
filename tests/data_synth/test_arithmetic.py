import ast
import random
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_synth.arithmetic import Habits, Split, draw_sum, problems, solve, sums
from rewards.verifier import boxed_answer

SPLITS: tuple[Split, ...] = ("train", "validation", "test")


def evaluate(expression: str) -> int:
    """The value by Python's own parser, independent of the generator's arithmetic."""
    return eval(compile(ast.parse(expression, mode="eval"), "", "eval"), {"__builtins__": {}})  # type: ignore[no-any-return]


@given(st.integers())
def test_answers_are_what_python_makes_of_the_expression(seed: int) -> None:
    drawn = draw_sum(random.Random(seed))
    assert evaluate(str(drawn)) == drawn.answer
    assert 0 <= drawn.answer <= 45


@pytest.mark.parametrize("split", SPLITS)
def test_a_split_gives_as_many_different_problems_as_asked(split: Split) -> None:
    rows = problems(split, 2048, seed=7)
    assert len({row["problem"] for row in rows}) == 2048
    assert {row["difficulty"] for row in rows} == {2, 3, 4, 5}


def test_longer_problems_than_the_model_has_seen_can_be_asked_for() -> None:
    rows = problems("test", 200, seed=3, fewest=6, most=7)
    assert {row["difficulty"] for row in rows} == {6, 7}
    assert all(evaluate(str(row["problem"]).removesuffix("=?")) == int(row["answer"]) for row in rows)
    with pytest.raises(ValueError, match="no 100 problems of 2 to 2 terms in test"):
        problems("test", 100, fewest=2, most=2)
    with pytest.raises(ValueError, match="fewest <= most"):
        problems(fewest=4, most=3)


def test_splits_share_nothing_whatever_the_seeds() -> None:
    seen = {(split, row["problem"]) for split in SPLITS for seed in range(3) for row in problems(split, 3000, seed)}
    texts = [text for _, text in seen]
    assert len(texts) == len(set(texts))


def test_problems_are_a_function_of_the_seed() -> None:
    assert problems("train", 50, 1) == problems("train", 50, 1)
    assert problems("train", 50, 1) != problems("train", 50, 2)


def test_a_faultless_demonstrator_is_always_right_and_checks_as_planned() -> None:
    habits = Habits(first_error=0, check_error=0, direct=0, checks=(0, 0, 1))
    for problem in islice(sums("train", 0), 100):
        trace = solve(problem, random.Random(0), habits)
        assert boxed_answer(trace) == str(problem.answer)
        assert trace.count("That agrees.") == 2
        assert trace.count("=") == 3 * (len(problem.terms) - 1)


def test_checking_repairs_first_passes_that_err() -> None:
    def accuracy(checks: tuple[float, ...]) -> float:
        habits = Habits(direct=0, restart=0, checks=checks)
        rng = random.Random(0)
        chosen = list(islice(sums("train", 0), 2000))
        return sum(boxed_answer(solve(p, rng, habits)) == str(p.answer) for p in chosen) / 2000

    assert accuracy((1,)) < 0.8 < 0.95 < accuracy((0, 1))


def test_harder_problems_take_longer_traces() -> None:
    rng = random.Random(0)
    lengths: dict[int, list[int]] = {}
    for problem in islice(sums("train", 0), 2000):
        lengths.setdefault(len(problem.terms), []).append(len(solve(problem, rng)))
    means = [sum(lengths[n]) / len(lengths[n]) for n in sorted(lengths)]
    assert means == sorted(means)
