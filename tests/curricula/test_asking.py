"""What rollouts of one group are asked."""

import pytest

from curricula.adapt_think import AdaptThink
from curricula.asking import Asking, Variant
from curricula.begin import Begin
from curricula.hbpo import Hbpo
from curricula.schedule import SplitBudget
from curricula.split import Split


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
    with pytest.raises(ValueError, match="answer"):
        Split(10, 0)
