import pytest
from makers import group, rollout

from curricula import Constant
from curricula.difficulty_tiers import DifficultyTiers
from curricula.sampled import Sampled
from curricula.schedule import Parts
from curricula.split import Split
from rewards import Problem
from rewards.length.truncation import Truncation
from rl.errors import UserError
from rl.rounds.budgets import Budgets

CHAT = Problem("p", [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1+1=?"}], "2")


def test_a_rollout_is_stopped_at_its_budget_unless_a_cap_or_a_factor_says_otherwise() -> None:
    schedule = Constant(87)
    assert Budgets(schedule).cap_of(87) == 87
    assert Budgets(schedule, cap_factor=2).maximum == 174  # Train Long, Think Short stops at 2B
    assert Budgets(schedule, cap_factor=1.5).cap_of(87) == 130  # 130.5, floored
    assert Budgets(schedule, cap=4096).maximum == 4096


def test_the_budget_is_written_into_the_users_turn_and_the_problem_keeps_its_id() -> None:
    budgets = Budgets(Constant(40), in_prompt="{prompt} Think for {budget} tokens.")
    written = budgets.written(CHAT, 40)
    assert written.prompt == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "1+1=? Think for 40 tokens."},
    ]
    assert written.id == CHAT.id
    assert budgets.written(Problem("q", "2+2=?", "4"), 7).prompt == "2+2=? Think for 7 tokens."
    assert budgets.written(CHAT, None) is CHAT
    assert Budgets(Constant(40)).written(CHAT, 40) is CHAT


def test_the_budget_of_thinking_is_written_where_it_has_one_of_its_own() -> None:
    budgets = Budgets(Split(Sampled(choices=[30, 100]), 8), in_prompt="{prompt} ({thinking} of {budget})")
    assert budgets.longest(Problem("q", "2+2=?", "4"), 1)[0].prompt == "2+2=? (100 of 108)"
    assert budgets.written(Problem("q", "2+2=?", "4"), 38, Parts(30, 8)).prompt == "2+2=? (30 of 38)"
    names = Budgets(Split(Sampled(choices={"low": 30, "high": 100}), 8), in_prompt="{effort}: {prompt} {effort}")
    assert names.written(Problem("q", "{effort}=?", "4"), 38, Parts(30, 8)).prompt == "low: {effort}=? low"
    assert names.longest(Problem("q", "2+2=?", "4"), 1)[0].prompt == "high: 2+2=? high"
    with pytest.raises(UserError, match="give budget `sampled` choices that have some"):
        Budgets(Split(30, 8), in_prompt="{effort}: {prompt}")
    with pytest.raises(UserError, match=r"\{thinking\} goes with budget `split`"):
        Budgets(Constant(38), in_prompt="{prompt} ({thinking})")


def test_braces_of_a_problem_are_left_alone() -> None:
    budgets = Budgets(Constant(9), in_prompt="{budget}: {prompt}")
    assert budgets.written(Problem("p", "What is {budget}?", "x"), 9).prompt == "9: What is {budget}?"


def test_each_problem_has_its_own_budget_where_the_schedule_draws_one() -> None:
    budgets = Budgets(Sampled(20, 120), cap=160)
    drawn = {budgets.of(0, Problem(str(i), "x", "1")) for i in range(50)}
    assert len(drawn) > 20
    assert drawn <= set(range(20, 121))
    assert budgets.of(0, CHAT) == budgets.of(99, CHAT)


def test_an_easy_group_is_scored_against_its_own_tier() -> None:
    budgets = Budgets(DifficultyTiers((0.5,), (4000, 2000)))
    # Accuracy 2/3 > 1/2: the tier is 2000, so the correct answer of 3000 tokens is beyond it.
    easy = budgets.rescored(group(rollout(1000, 1), rollout(3000, 1), rollout(500, 0)), 0)
    assert [r.budget for r in easy.rollouts] == [2000] * 3
    assert Truncation()(easy, None) == [1.0, 0.0, 0.0]  # type: ignore[arg-type]
    # Accuracy 1/2 is not above 1/2: the tier stays 4000.
    hard = budgets.rescored(group(rollout(1000, 0), rollout(3000, 1, budget=4000)), 0)
    assert Truncation()(hard, None) == [0.0, 1.0]  # type: ignore[arg-type]
    unjudged = group(rollout(5, None))
    assert budgets.rescored(unjudged, 0) is unjudged


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"in_prompt": "Think for {budget} tokens."}, r"must hold \{prompt\} and \{budget\}"),
        ({"cap": 50}, r"budget.cap \(50\) lies below the schedule's largest budget \(100\)"),
        ({"cap": 200, "cap_factor": 2.0}, "exclude one another"),
        ({"cap_factor": 0.5}, "must be at least 1"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Budgets(Constant(100), **options)  # type: ignore[arg-type]
