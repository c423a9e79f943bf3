"""Groups asked in variants, cut, branched and credited, by an engine of chance."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from thinker import END, EOS, PROBLEMS, Thinker, decode, encode, maker

from curricula import Constant
from curricula.asking import Variant
from curricula.hbpo import Hbpo
from curricula.split import Split
from curricula.stages import Stages
from rewards import Group, HistoryView
from rewards.correct import Correct
from rewards.credit.thinkless import Thinkless
from rewards.edits import Branch, Change, Cut, Keep
from rewards.edits.dot import Dot
from rewards.edits.s_grpo import SGrpo
from rewards.length.s_grpo import SGrpo as SGrpoReward
from rewards.verifier.exact import ExactMatch
from rl.credit.calling.estimator import Estimator
from rl.errors import UserError
from rl.rollouts import Ask, Completion
from rl.rounds.asking import Asker
from rl.rounds.budgets import Budgets
from rl.rounds.maker import RoundMaker, RoundSettings
from rl.rounds.records import records
from rl.rounds.round import Round


class Chosen:
    """An edit that does what it is told."""

    name = "chosen"

    def __init__(self, *plan: Change, sampled: int | None = None) -> None:
        self.given, self.many = plan, sampled

    def sampled(self, size: int) -> int:
        return self.many or size

    def plan(self, group: Group, history: HistoryView, size: int, seed: int) -> list[Change]:
        return list(self.given)


def made(edit: Any, engine: Thinker | None = None, **given: Any) -> Round:
    size = len(edit.given)
    return maker(engine or Thinker(), size=size, edits=[edit], **given).make(0)


def test_a_tail_that_is_cut_is_gone_and_what_is_left_is_judged_again() -> None:
    whole = made(Chosen(Keep(0), Keep(1)), Thinker(right=1))
    cut = made(Chosen(Keep(0), Cut(1, 2)), Thinker(right=1))
    for before, after in zip(whole.batch, cut.batch, strict=True):
        kept, short = after.group.rollouts
        assert kept == before.group.rollouts[0]
        long = before.group.rollouts[1]
        assert (short.token_ids, list(short.logprobs)) == (long.token_ids[:2], list(long.logprobs[:2]))
        assert (short.length, short.stop, short.cut, short.raw_reward) == (2, "edited", long.length - 2, 0)
        assert (long.raw_reward, short.thinking, short.text) == (1, 0, "tt")
    assert [len(set(s.totals.tolist())) for s in cut.batch] == [2, 2, 2]


def test_of_a_middle_that_is_cut_out_nobody_sampled_what_follows() -> None:
    round_ = made(Chosen(Keep(0), Cut(0, 1, 2)), Thinker(right=1))
    for scored in round_.batch:
        whole, short = scored.group.rollouts
        assert tuple(short.token_ids) == (*whole.token_ids[:1], *whole.token_ids[2:])
        assert (short.raw_reward, short.stop, short.thinking) == (1, "edited", whole.thinking - 1)
        assert short.logprobs[0] == whole.logprobs[0]
        assert np.isnan(list(short.logprobs[1:])).all()


def test_a_branch_goes_on_from_what_it_shares_and_trains_what_it_says_itself() -> None:
    engine = Thinker()
    round_ = made(Chosen(Branch(0, 1, "xy</think>", tokens=9), Keep(0), sampled=1), engine)
    assert len([ask for ask in engine.asked if ask.prefix]) == 3
    assert round_.tokens == sum(r.length - (0 if r.root is None else 4) for s in round_.batch for r in s.group.rollouts)
    for scored in round_.batch:
        branch, root = scored.group.rollouts
        assert tuple(branch.token_ids[:4]) == (*root.token_ids[:1], ord("x"), ord("y"), END)
        assert (branch.root, branch.branched, root.root) == (1, 1, None)
        assert (branch.forced, branch.masked) == (((1, 4),), ((0, 4),))
        assert branch.logprobs[0] == root.logprobs[0]
        assert np.isnan(list(branch.logprobs[1:4])).all()
        assert not np.isnan(list(branch.logprobs[4:])).any()
        assert branch.stop == "closed"
        assert branch.raw_reward == (1 if 1 in branch.token_ids[4:] else 0)


def test_a_root_is_named_by_its_place_among_those_that_train() -> None:
    grown = Chosen(Branch(1, 1, "x", 9), Keep(1), Branch(0, 1, "y", 9), sampled=2)
    chosen = Chosen(Keep(2), Keep(1), Keep(0), sampled=3)
    (scored, *_) = maker(Thinker(), size=3, edits=[grown]).make(0).batch
    assert [r.root for r in scored.group.rollouts] == [1, None, None]  # the third one's is gone
    (scored, *_) = maker(Thinker(), size=3, edits=[grown, chosen]).make(0).batch
    assert [(r.root, r.branched) for r in scored.group.rollouts] == [(None, 1), (None, 0), (1, 1)]


def test_a_branch_of_a_rollout_without_log_probs_has_none_of_what_it_shares() -> None:
    class Silent(Thinker):
        """As one that was asked before anybody wanted log-probs."""

        def _one(self, ask: Ask) -> Completion:
            found = super()._one(ask)
            return found if ask.prefix else replace(found, logprobs=())

    (branch, *_) = made(Chosen(Branch(0, 1, "x", 9), Keep(0)), Silent()).rollouts()
    assert len(branch.logprobs) == branch.length
    assert np.isnan(list(branch.logprobs[:2])).all()


def test_what_a_branch_shares_may_train_and_so_may_its_text() -> None:
    (branch, *_) = made(Chosen(Branch(0, 1, "xy", 9, trains_shared=True), Keep(0))).rollouts()
    assert (branch.forced, branch.masked) == (((1, 3),), ((1, 3),))
    (branch, *_) = made(Chosen(Branch(0, 1, "xy", 9, trains_text=True), Keep(0))).rollouts()
    assert (branch.forced, branch.masked) == (((1, 3),), ((0, 1),))
    (branch, *_) = made(Chosen(Branch(0, 0, "", 9), Keep(0))).rollouts()
    assert (branch.forced, branch.masked) == ((), ())


def test_a_rollout_that_does_not_train_still_counts_in_its_group() -> None:
    round_ = made(Chosen(Keep(0, trains=False), Keep(1), Keep(2)))
    first = round_.batch[0].group.rollouts[0]
    assert first.masked == ((0, first.length),)
    assert len(round_.advantages) == 9


@pytest.mark.parametrize(
    ("plan", "wrong"),
    [
        ((Keep(0),), None),
        ((Keep(7), Keep(0)), "names rollout 7 of a group of 2"),
        ((Cut(0, 99), Keep(0)), "Cut"),
        ((Cut(0, 0), Keep(0)), "Cut"),
        ((Branch(0, 99), Keep(0)), "Branch"),
        (("all", Keep(0)), "gives Keep, Cut and Branch"),
        ((Branch(0, 1, "xy", 38), Keep(0)), "a branch of up to 41 tokens, and no rollout may have more than 40"),
    ],
)
def test_an_edit_that_cannot_be_is_refused_by_its_name(plan: tuple[Any, ...], wrong: str | None) -> None:
    edit = Chosen(*plan)
    with pytest.raises(UserError, match=wrong or "gave 1 rollouts for a group of 2"):
        maker(Thinker(), size=2, edits=[edit]).make(0)


def test_s_grpo_makes_a_group_of_one_rollout() -> None:
    engine = Thinker()
    made = maker(engine, size=5, edits=[SGrpo(answer=8)], rewards=[SGrpoReward()], estimator=Estimator("centred"))
    round_ = made.make(0)
    assert len(engine.asked) == 3 * 5
    for scored in round_.batch:
        *exits, whole = scored.group.rollouts
        assert [r.branched for r in exits] == sorted(r.branched for r in exits)
        assert all(1 <= r.branched < whole.thinking for r in exits if whole.thinking > 1)
        assert {r.root for r in exits} == {4}
        assert all(r.masked == r.forced for r in exits)  # what they share trains
    for place in range(3):
        assert round_.advantages[5 * place : 5 * place + 5].sum() == pytest.approx(0, abs=1e-6)


def test_dot_looks_before_groups_are_dropped() -> None:
    class Once(Thinker):
        """Always right; one in thirty thinks for long."""

        def _one(self, ask: Ask) -> Completion:
            long = ask.seed % 30 == 0
            ids = (*[7] * (900 if long else 20), END, 1, EOS)
            return Completion(ids, "eos")

    asker = Asker(Once(), encode, eos_ids=[EOS])
    settings = RoundSettings(groups=2, size=16, dynamic=True, draws=20)
    rounds = RoundMaker(
        PROBLEMS, [Correct()], Budgets(Constant(1000)), ExactMatch(), asker, decode, settings, edits=[Dot()]
    )
    round_ = rounds.make(0)
    assert round_.unfilled == 0
    for scored in round_.batch:
        assert {r.stop for r in scored.group.rollouts} == {"eos", "edited"}
        assert [r.raw_reward for r in scored.group.rollouts if r.stop == "edited"] == [0.0]


def test_variants_differ_in_prefix_and_budget_and_what_is_forced_does_not_train() -> None:
    engine = Thinker()
    asking = Hbpo(budgets=(20, 30), text="in {budget}")
    round_ = maker(engine, Budgets(Constant(40), cap=40, asking=asking)).make(0)
    assert {ask.prefix for ask in engine.asked} == {tuple(map(ord, "in 20")), tuple(map(ord, "in 30"))}
    assert {ask.budget for ask in engine.asked} == {40}
    for scored in round_.batch:
        assert [(r.variant, r.budget) for r in scored.group.rollouts] == [("20", 20)] * 2 + [("30", 30)] * 2
        assert all(r.forced == r.masked == ((0, 5),) for r in scored.group.rollouts)


def test_a_variant_may_have_a_prompt_of_its_own_and_train_its_prefix() -> None:
    class Politely:
        name = "politely"

        def variants(self, step: int, problem_id: str, size: int) -> Sequence[Variant]:
            return [Variant("plain"), Variant("polite", "x", prompt="Please: {prompt}", trains_prefix=True)]

    engine = Thinker()
    round_ = maker(engine, Budgets(Constant(40), asking=Politely()), size=2).make(0)
    plain, polite = round_.batch[0].group.rollouts
    assert (plain.prompt, polite.prompt) == (None, f"Please: {round_.batch[0].group.problem.prompt}")
    assert round_.prompts()[:2] == [round_.batch[0].group.problem.prompt, polite.prompt]
    assert [bytes(ask.prompt).startswith(b"Please") for ask in engine.asked[:2]] == [False, True]
    assert (polite.forced, polite.masked) == (((0, 1),), ())
    rows = [row for table in records(round_) for row in table.to_pylist()]
    assert [json.loads(row["prompt"]) for row in rows[:2]] == round_.prompts()[:2]
    assert rows[1]["forced"] == [[0, 1]]
    assert (rows[1]["variant"], rows[1]["masked"]) == ("polite", [])


def test_a_split_budget_is_asked_for_in_two_parts() -> None:
    engine = Thinker()
    maker(engine, Budgets(Split(20, 6))).make(0)
    parts = {
        (ask.budget, ask.thinking.budget, ask.thinking.answer, ask.thinking.closing)
        for ask in engine.asked
        if ask.thinking
    }
    assert parts == {(27, 20, 6, (END,))}
    engine.asked.clear()
    rounds = maker(engine, Budgets(Split(20, 6)))
    rounds.asker.forcing = replace(rounds.asker.forcing, over=lambda prompt: True)
    rounds.make(0)
    assert {(ask.budget, ask.thinking) for ask in engine.asked} == {(6, None)}
    with pytest.raises(UserError, match="go with one budget"):
        Budgets(Split(20, 6), cap=30)
    assert Budgets(Split(20, 6), extra=5).maximum == 26 + 27 + 5  # a mark of thinking has at most 27 bytes


def test_a_checkpoint_keeps_what_edits_made() -> None:
    class Wanted(Chosen):
        def plan(self, group: Group, history: HistoryView, size: int, seed: int) -> list[Change]:
            return [Cut(0, 1), Keep(1, trains=False), Keep(2), Keep(3)]

    def fresh() -> RoundMaker:
        made = maker(Thinker(), edits=[Wanted()])
        made.settings = replace(made.settings, dynamic=True, draws=4)
        made.sampling.most_draws = 4
        return made

    first = fresh()
    for step in range(4):
        first.make(step)
    first.sampling.leftover += first.roll(first.problems[:1], 4, 9)
    second = fresh()
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert [s.group for s in second.sampling.leftover] == [s.group for s in first.sampling.leftover]


def test_tokens_are_credited_and_the_unjudged_are_not() -> None:
    round_ = maker(Thinker(), credit=Thinkless()).make(0)
    assert round_.credits is not None
    rollouts, advantages = round_.rollouts(), round_.advantages.tolist()
    tokens = sum(r.length for r in rollouts)
    for r, own, credited in zip(rollouts, advantages, round_.credits, strict=True):
        assert credited is not None
        assert len(credited) == r.length
        assert credited[0] == pytest.approx(own * 0.001 * tokens / len(rollouts), abs=1e-6)


def test_a_credit_of_another_length_is_refused_by_its_name() -> None:
    class Short:
        name = "short"

        def credit(self, group: Group, advantages: Sequence[float]) -> list[Sequence[float] | None]:
            return [[1.0]] * len(advantages)

    with pytest.raises(UserError, match="token credit 'short' gave 1 advantages for a rollout of"):
        maker(Thinker(), credit=Short()).make(0)


def test_a_group_waits_only_while_both_parts_of_its_budget_stay() -> None:
    moving = Split(Stages(tokens=[20, 10], interval=1), Stages(tokens=[6, 16], interval=1))
    rounds = maker(Thinker(), Budgets(moving))
    assert moving.at(0) == moving.at(1) == 26
    (sampled,) = rounds.roll(rounds.problems[:1], 0, 9)
    assert rounds.budgets.in_force(0, sampled)
    assert not rounds.budgets.in_force(1, sampled)
    rounds.sampling.leftover = [sampled]
    again = maker(Thinker(), Budgets(moving))
    again.load_state_dict(json.loads(json.dumps(rounds.state_dict())))
    assert again.sampling.leftover == [sampled]
