from dataclasses import replace

import pytest
from makers import group, rollout

from rewards import History, Verdict
from rewards.edits import Edit, Keep
from rewards.edits.long_correct import MaskLongCorrect


def trains(edit: MaskLongCorrect, *rollouts: object) -> list[bool]:
    plan = edit.plan(group(*rollouts), History(), len(rollouts), seed=0)  # type: ignore[arg-type]
    assert all(isinstance(change, Keep) for change in plan)
    assert [change.rollout for change in plan] == list(range(len(rollouts)))
    return [change.trains for change in plan if isinstance(change, Keep)]


def test_right_answers_beyond_the_limit_do_not_train_and_all_others_do() -> None:
    edit = MaskLongCorrect(limit=100)
    cut = replace(rollout(100, 0, stop="length"), verdict=Verdict.CORRECT)  # worth nothing, but its text is right
    assert isinstance(edit, Edit)
    assert trains(edit, rollout(100, 1), rollout(101, 1), rollout(101, 0), rollout(101, None), cut) == [
        *(True, False, True, True, False)
    ]


def test_the_limit_is_the_budget_unless_it_is_given() -> None:
    assert trains(MaskLongCorrect(), rollout(60, 1, budget=50), rollout(60, 1, budget=60)) == [False, True]
    assert trains(MaskLongCorrect(), replace(rollout(60, 1), budget=None)) == [True]


def test_a_limit_below_a_token_is_refused() -> None:
    with pytest.raises(ValueError, match="mask-long-correct: limit"):
        MaskLongCorrect(limit=0)
