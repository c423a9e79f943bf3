import json
import math
import random

import pytest
import torch
from torch import Tensor

import rl.credit
from rl.credit.calling.estimator import Estimator
from rl.credit.gdpo import Gdpo
from rl.credit.gfpo import AdaptiveK, Gfpo
from rl.credit.group import Grpo
from rl.errors import UserError
from rl.plugins import built_in

NAN = math.nan
ESTIMATORS = {name: make() for name, make in built_in(rl.credit, "__call__").items()}


def groups_of(size: int, *solved: int) -> Tensor:
    """Groups of `size` rewards, so many of them 1 and the rest 0."""
    return torch.tensor([[1.0] * count + [0.0] * (size - count) for count in solved])


def warmed(size: int = 16) -> AdaptiveK:
    """One that saw 64 groups, 16 each of the mean rewards 1, 3/4, 1/2, 1/4."""
    adaptive = AdaptiveK()
    quarter = size // 4
    adaptive(groups_of(size, *[4 * quarter, 3 * quarter, 2 * quarter, quarter] * 16))
    return adaptive


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("grp", {}, "unknown advantage estimator 'grp'; did you mean 'group'?"),
        ("GRPO", {}, "unknown advantage estimator 'GRPO'; its name here is 'group'"),
        ("dr_grpo", {}, "unknown advantage estimator 'dr_grpo'; its name here is 'centred'"),
        ("lead", {"rh": 0.5}, "unknown option of advantage estimator 'lead' 'rh'; did you mean 'rho'?"),
        ("group", {"k": 4}, "unknown option of advantage estimator 'group' 'k'; known: none"),
        ("group", {"adaptive": True}, "unknown option of advantage estimator 'group' 'adaptive'"),
        ("gdpo", {"weights": [1.0]}, "unknown option of advantage estimator 'gdpo' 'weights'"),
        ("gfpo", {"lengths": 3}, "unknown option of advantage estimator 'gfpo' 'lengths'"),
        ("gfpo", {"adaptiv": True}, "did you mean 'adaptive'?"),
        ("gfpo", {"adaptive": True, "k": 4}, "option 'k' of advantage estimator 'gfpo' cannot stand beside `adaptive"),
    ],
)
def test_names_and_options_are_checked_when_it_is_made(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as refused:
        Estimator(name, options)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("name", "options"), [("gfpo", {"k": 0}), ("gfpo", {"k": 2.5}), ("gfpo", {"by": "longest"}), ("lead", {"a": "x"})]
)
def test_an_option_that_cannot_be_is_refused_and_says_whose_it_is(name: str, options: dict[str, object]) -> None:
    with pytest.raises(UserError, match=name):
        Estimator(name, options)(torch.zeros(4, 1), torch.tensor([1.0, 0, 1, 0]), 2, torch.ones(4))


def test_options_reach_the_function_and_are_not_changed() -> None:
    options = {"k": 1, "by": "efficiency", "adaptive": False}
    rewards, lengths = torch.tensor([1.0, 0, 2, 0]), torch.tensor([1.0, 2, 3, 4])
    estimator = Estimator("gfpo", options)
    assert torch.equal(estimator(rewards.view(4, 1), rewards, 2, lengths), Gfpo(1, "efficiency")(rewards, 2, lengths))
    assert options == {"k": 1, "by": "efficiency", "adaptive": False}
    assert estimator.state_dict() == {}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_only_gdpo_looks_at_each_reward_by_itself(name: str) -> None:
    estimator = Estimator(name, weights=[2.0, 0.5])
    assert estimator.apart is (name == "gdpo")
    terms = torch.tensor([[1.0, 3.0], [0.0, 1.0], [1.0, 0.0], [0.0, 5.0]])
    totals, lengths = terms @ torch.tensor([2.0, 0.5]), torch.ones(4)
    expected = Gdpo()(terms, 2, lengths, [2.0, 0.5]) if name == "gdpo" else ESTIMATORS[name](totals, 2, lengths)
    assert torch.equal(estimator(terms, totals, 2, lengths), expected)


def test_adaptive_keeps_half_until_64_groups_were_seen() -> None:
    adaptive = AdaptiveK()
    assert adaptive(groups_of(16, *[16] * 31, *[0] * 31)) == [8] * 62
    assert adaptive.seen.total == 62


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (16, [4, 6, 8, 8]),  # the paper's: 4 easy, 6 medium, 8 hard, 8 very hard
        (8, [2, 3, 4, 4]),  # the same shares: 1/4, 3/8, 1/2, 1/2
        (24, [6, 9, 12, 12]),
    ],
)
def test_easy_quartiles_keep_fewer(size: int, expected: list[int]) -> None:
    # With these four, 17 groups of each mean: above 1 none, above 3/4 17 of 68 (a quarter), 34, 51.
    quarter = size // 4
    assert warmed(size)(groups_of(size, 4 * quarter, 3 * quarter, 2 * quarter, quarter)) == expected


def test_the_quartile_is_that_of_all_means_seen_so_far() -> None:
    # 16/16 and 14/16 join 16 groups each of 1, 3/4, 1/2, 1/4. Above 14/16: 17 of 66, so the second quartile.
    assert warmed()(groups_of(16, 16, 14)) == [4, 6]
    # Alone, 14/16 has 16 of 65 above it, less than a quarter; nothing is easier than 0 but all of it: last.
    assert warmed()(groups_of(16, 14)) == [4]
    assert warmed()(groups_of(16, 0)) == [8]


def test_a_group_keeps_at_least_one_rollout() -> None:
    adaptive = AdaptiveK()
    adaptive(groups_of(2, *[2] * 40, *[0] * 40))
    assert adaptive(groups_of(2, 2, 0)) == [1, 1]  # 2/4 is no rollout; 2/2 is one


def test_rollouts_and_groups_nobody_judged_do_not_count() -> None:
    gap = groups_of(16, 12)
    gap[0, 12:] = NAN  # the 12 judged ones are all solved: mean 1
    assert warmed()(gap) == warmed()(groups_of(16, 16)) == [4]
    adaptive = warmed()
    before = adaptive.state_dict()
    assert adaptive(torch.full((1, 16), NAN))[0] >= 1
    assert adaptive.state_dict() == before


def test_k_equals_a_naive_ranking_among_all_means() -> None:
    draw = random.Random(0)
    adaptive, seen = AdaptiveK(), []
    for _ in range(12):
        solved = [draw.randint(0, 16) for _ in range(10)]
        seen += solved
        expected = []
        for count in solved:
            above = sum(other > count for other in seen) / len(seen)
            share = 4 if above < 0.25 else 6 if above < 0.5 else 8
            expected.append(share if len(seen) >= 64 else 8)
        assert adaptive(groups_of(16, *solved)) == expected


def batch(seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    rewards = torch.randint(0, 2, (80 * 16,), generator=generator).double()
    return rewards, torch.randperm(80 * 16, generator=generator).double()


def test_a_checkpoint_goes_on_with_the_same_k() -> None:
    first, second, fresh = (Estimator("gfpo", {"adaptive": True}) for _ in range(3))
    rewards, lengths = batch(0)
    first(rewards.view(-1, 1), rewards, 16, lengths)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert second.state_dict() == first.state_dict()
    rewards, lengths = batch(1)
    rewards[:640] = 1.0  # an easy half
    expected = first(rewards.view(-1, 1), rewards, 16, lengths)
    assert torch.equal(second(rewards.view(-1, 1), rewards, 16, lengths), expected)
    assert second.state_dict() == first.state_dict() != fresh.state_dict()

    few, tokens = groups_of(16, 16, 12, 8, 2).flatten(), torch.arange(64.0)
    expected = first(few.view(-1, 1), few, 16, tokens)
    assert torch.equal(second(few.view(-1, 1), few, 16, tokens), expected)


def test_a_restored_adaptive_k_is_past_its_warm_up_and_a_fresh_one_is_not() -> None:
    restored = AdaptiveK()
    restored.load_state_dict(json.loads(json.dumps(warmed().state_dict())))
    assert restored(groups_of(16, 16, 4)) == warmed()(groups_of(16, 16, 4)) == [4, 8]
    assert AdaptiveK()(groups_of(16, 16, 4)) == [8, 8]


def test_an_estimator_that_remembers_nothing_has_no_state() -> None:
    estimator = Estimator("group")
    assert estimator.state_dict() == {}
    estimator.load_state_dict({})
    rewards = torch.tensor([1.0, 0.0])
    assert torch.equal(estimator(rewards.view(2, 1), rewards, 2, rewards), Grpo()(rewards, 2, rewards))
