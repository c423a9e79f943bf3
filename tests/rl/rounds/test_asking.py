"""What variants of a group are asked, and the budgets that they are held to."""

from collections.abc import Sequence

import pytest
from thinker import EOS, PROBLEMS, Thinker, maker

from curricula import Constant
from curricula.asking import Variant
from curricula.split import Split
from rewards.length.truncation import Truncation
from rl.errors import UserError
from rl.rollouts import Ask, Completion
from rl.rounds.budgets import Budgets
from rl.rounds.records import records


class Asked:
    """Asks a group in these variants."""

    name = "asked"

    def __init__(self, *variants: Variant) -> None:
        self.each = variants

    def variants(self, step: int, problem_id: str, size: int) -> Sequence[Variant]:
        return self.each


def test_a_prompt_states_the_budget_that_its_rollout_has() -> None:
    asking = Asked(Variant("short", budget=20), Variant("own", prompt="{budget}! {prompt}"), Variant("plain"))
    budgets = Budgets(Constant(40), in_prompt="{prompt} In {budget}.", asking=asking)
    for scored in maker(Thinker(), budgets, size=3).make(0).batch:
        said = [r.prompt or scored.group.problem.prompt for r in scored.group.rollouts]
        assert [r.budget for r in scored.group.rollouts] == [20, 40, 40]
        assert said[0] == said[2].replace("In 40.", "In 20.") != said[2]  # type: ignore[union-attr]
        assert said[1] == f"40! {said[2]}"
        assert [each.prompt for each in budgets.longest(PROBLEMS[0], 3)] == [
            f"{PROBLEMS[0].prompt} In 40.",
            f"40! {PROBLEMS[0].prompt} In 40.",
        ]


def test_a_variant_s_budget_holds_beside_one_for_thinking_and_one_for_the_answer() -> None:
    engine = Thinker()
    asking = Asked(Variant("short", budget=9), Variant("little", thinking=5), Variant("plain"))
    round_ = maker(engine, Budgets(Split(20, 6), asking=asking), size=3).make(0)
    assert [(ask.budget, ask.thinking and ask.thinking.budget) for ask in engine.asked[:3]] == [
        (9, 20),
        (12, 5),
        (27, 20),
    ]
    assert [r.budget for r in round_.batch[0].group.rollouts] == [9, 11, 26]
    assert [r.thinking_budget for r in round_.batch[0].group.rollouts] == [20, 5, 20]
    assert next(records(round_))["thinking_budget"].to_pylist()[:3] == [20, 5, 20]
    for wrong in (0, 21):
        with pytest.raises(UserError, match=f"thinking budget of {wrong} tokens; beside its 6 for the answer"):
            maker(engine, Budgets(Split(20, 6), asking=Asked(Variant("no", thinking=wrong))), size=1).make(0)


def test_what_closes_thinking_is_no_part_of_the_budget_that_a_rollout_is_held_to() -> None:
    class Closed(Thinker):
        """Thinks to the end of its budget, and answers to the end of that."""

        def _one(self, ask: Ask) -> Completion:
            thinking = ask.thinking
            assert thinking is not None
            ids = (*[7] * thinking.budget, *thinking.closing, *[7] * (thinking.answer - 2), 1, EOS)
            forced = ((thinking.budget, thinking.budget + len(thinking.closing)),)
            return Completion(ids, "closed", (), 0, forced)

    round_ = maker(Closed(), Budgets(Split(20, 6)), rewards=[Truncation()]).make(0)
    assert {(r.length, r.budget) for r in round_.rollouts()} == {(27, 27)}
    assert round_.batch[0].totals.tolist() == [1.0] * 4
