"""What rollouts of one group are asked."""

import pytest

from curricula.adapt_think import AdaptThink
from curricula.asking import Asking, Variant
from curricula.begin import Begin
from curricula.hbpo import Hbpo
from curricula.sampled import Sampled
from curricula.schedule import SplitBudget
from curricula.split import Split
from curricula.stages import Stages
from rl.errors import UserError
from rl.plugins import load_budget


def test_half_of_a_group_thinks() -> None:
    asking = AdaptThink()
    assert isinstance(asking, Asking)
    found = asking.variants(0, "p", 16)
    assert [each.name for each in found] == ["no-thinking"] * 8 + ["thinking"] * 8
    assert {(each.prefix, each.budget) for each in found} == {("</think>", 4096), ("Alright", None)}
    with pytest.raises(ValueError, match="two halves"):
        asking.variants(0, "p", 5)


def test_each_quarter_states_a_budget_of_its_own() -> None:
    found = Hbpo().variants(0, "p", 16)
    assert [each.budget for each in found] == [512] * 4 + [1024] * 4 + [2048] * 4 + [2560] * 4
    assert found[4].prefix == "I will answer the question within 1024 tokens. "
    with pytest.raises(ValueError, match="4 subgroups"):
        Hbpo().variants(0, "p", 6)
    with pytest.raises(ValueError, match="holds"):
        Hbpo(text="Be brief.")


def test_all_rollouts_may_be_made_to_begin_alike() -> None:
    assert Begin("<think>").variants(0, "p", 3) == [Variant("", "<think>")] * 3
    with pytest.raises(ValueError, match="text"):
        Begin("")


def test_a_split_budget_has_two_parts_and_their_sum() -> None:
    split = Split(1024, 512)
    assert isinstance(split, SplitBudget)
    assert (split.at(3), split.maximum, split.split(3, "p")) == (1536, 1536, (1024, 512))
    with pytest.raises(ValueError, match="split: answer must be a whole number of at least 1, or a schedule, not 0"):
        Split(10, 0)


def test_either_part_may_have_a_schedule_of_its_own() -> None:
    split = Split(Stages(tokens=[100, 50], interval=4), Sampled(10, 20))
    assert (split.maximum, split.at(0), split.at(4)) == (120, 120, 70)
    thinking, answer = split.split(4, "p")
    assert (thinking, answer) == (50, Sampled(10, 20).for_problem(4, "p"))
    named = load_budget(
        "split", {"thinking": {"name": "siri-cosine", "maximum": 80, "minimum": 40, "period": 8}, "answer": 9}
    )
    assert (named.at(0), named.at(4)) == (89, 49)
    with pytest.raises(UserError, match="unknown option of budget 'constant'"):
        load_budget("split", {"thinking": {"name": "constant", "tokns": 3}, "answer": 9})
