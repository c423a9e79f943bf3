"""Rewards that look at a whole batch, and rewards that look at the step."""

import random
from collections.abc import Sequence

import pytest
import torch
from makers import group, rollout

from curricula import Constant
from rewards import Group, History, HistoryView, LengthReward, Problem
from rewards.correct import Correct
from rewards.types import Values
from rewards.verifier.exact import ExactMatch
from rl.errors import UserError
from rl.plugins import load_reward, score_one
from rl.plugins.rewards import OneTerm
from rl.rollouts import Ask, Completion
from rl.rounds.asking import Asker
from rl.rounds.budgets import Budgets
from rl.rounds.maker import RoundMaker, RoundSettings
from rl.rounds.round import Sampled
from rl.rounds.scoring import score, score_batch


class Share:
    """Each rollout's share of all tokens of the batch; keeps which batches it saw."""

    name = "share"

    def __init__(self) -> None:
        self.seen: list[list[str]] = []

    def batch(self, groups: Sequence[Group], history: HistoryView) -> list[Values]:
        self.seen.append([group.problem.id for group in groups])
        total = sum(r.length for group in groups for r in group.rollouts)
        return [[r.length / total for r in group.rollouts] for group in groups]

    def __call__(self, group: Group, history: HistoryView) -> Values:
        return self.batch([group], history)[0]


class Stepwise:
    """The step that it is told; as `terms`, ten times that."""

    name = "stepwise"
    group_only = True

    def __init__(self) -> None:
        self.observed: list[int] = []

    def __call__(self, group: Group, history: HistoryView, step: int) -> Values:
        return [float(step) for _ in group.rollouts]

    def terms(self, group: Group, history: HistoryView, step: int = 0) -> dict[str, Values]:
        return {"tenfold": [10.0 * step for _ in group.rollouts]}

    def observe(self, group: Group, history: History, step: int = 0) -> None:
        self.observed.append(step)


class ByChance:
    def generate(self, asks: Sequence[Ask]) -> list[Completion]:
        draws = [random.Random(ask.seed) for ask in asks]
        return [Completion((*[0] * draw.randint(1, 40), draw.randint(1, 2)), "eos") for draw in draws]


def make_maker(*rewards: LengthReward, **settings: object) -> RoundMaker:
    given = {"groups": 4, "size": 2, "dynamic": True, "draws": 4, **settings}
    return RoundMaker(
        [Problem(str(number), f"Say 1 ({number}).", "1") for number in range(24)],
        rewards,
        Budgets(Constant(64)),
        ExactMatch(),
        Asker(ByChance(), lambda prompts: [[1] for _ in prompts]),
        lambda completions: [rf"\boxed{{{completion.token_ids[-1]}}}" for completion in completions],
        RoundSettings(**given),  # type: ignore[arg-type]
    )


def test_a_reward_of_batches_sees_exactly_what_trains_once_the_batch_is_full() -> None:
    share, correct = Share(), Correct()
    maker = make_maker(correct, share)
    more = 0
    for step in range(4):
        seen = len(share.seen)
        made = maker.make(step)
        assert share.seen[-1] == [scored.group.problem.id for scored in made.batch]
        more += len(share.seen) - seen > 2
        shares = torch.cat([scored.terms[:, 1] for scored in made.batch])
        lengths = torch.tensor([float(r.length) for r in made.rollouts()])
        assert torch.allclose(shares, lengths / lengths.sum())
        for scored in made.batch:
            assert scored.terms[:, 0].tolist() == [r.raw_reward for r in scored.group.rollouts]
            assert torch.equal(scored.totals, scored.terms.sum(dim=1))
    assert more, "no round took several draws, of which each is not yet the batch"


def test_what_nobody_judged_has_no_score_after_the_batch_was_scored_again() -> None:
    weights, sampled = torch.tensor([2.0]), [Sampled(group(rollout(5, 1), rollout(15, None)), 10, 0)]
    (scored,) = score_batch(score(sampled, [Share()], weights, History()), [Share()], weights, History(), 0)
    assert scored.totals.tolist() == pytest.approx([0.5, float("nan")], nan_ok=True)  # 2 · 5/20


def test_without_a_reward_of_batches_nothing_is_scored_twice() -> None:
    scored = score([Sampled(group(rollout(5, 1)), 10, 0)], [Correct()], torch.ones(1), History())
    assert score_batch(scored, [Correct()], torch.ones(1), History(), 0)[0] is scored[0]


def test_groups_cannot_be_chosen_by_a_reward_of_the_batch_that_they_make() -> None:
    with pytest.raises(UserError, match=r"'share' looks at the whole batch.*set sampling.filter_on: raw"):
        make_maker(Share(), filter_on="shaped")


@pytest.mark.parametrize(
    ("given", "told"), [([[1.0]], "1 lists of numbers for 2 groups"), ([[1.0], []], "0 numbers for 1 rollouts")]
)
def test_a_reward_of_batches_that_gives_too_little_is_named(given: list[Values], told: str) -> None:
    class Short(Share):
        def batch(self, groups: Sequence[Group], history: HistoryView) -> list[Values]:
            return given

    two = [Sampled(group(rollout(5, 1), id=name), 10, 0) for name in "pq"]
    with pytest.raises(UserError, match=rf"reward 'share' gave .*{told}"):
        score(two, [Short()], torch.ones(1), History())


def test_a_reward_that_asks_for_the_step_is_told_that_of_its_round_wherever_it_is_called() -> None:
    whole, term = Stepwise(), OneTerm(Stepwise(), "tenfold")
    maker = make_maker(Correct(), whole, term, steps=2)
    for step in (0, 2, 4):
        made = maker.make(step)
        told = {tuple(row) for scored in made.everything() for row in scored.terms[:, 1:].tolist()}
        assert told == {(step, 10 * step)}
    assert set(whole.observed) == {0, 2, 4}
    assert score_one(whole, group(rollout(1, 1)), History()) == [0.0]


def test_a_term_of_a_reward_of_batches_cannot_be_taken() -> None:
    class Shown(Share):
        def terms(self, group: Group, history: HistoryView) -> dict[str, Values]:
            return {}

    with pytest.raises(UserError, match="'share' looks at a whole batch"):
        OneTerm(Shown(), "correct")


def test_a_number_called_batch_makes_no_reward_of_batches() -> None:
    class Numbered(Correct):
        batch = 8

    (scored,) = score([Sampled(group(rollout(5, 1)), 10, 0)], [Numbered()], torch.ones(1), History())
    assert scored.totals.tolist() == [1.0]


def test_a_call_that_must_have_a_step_can_be_loaded() -> None:
    assert load_reward(f"{__file__}:Stepwise", {}).name == "stepwise"
