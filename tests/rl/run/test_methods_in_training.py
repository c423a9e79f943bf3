import math
from pathlib import Path
from typing import Any

import pytest
import torch
from makers import Rounds, group, parameters, rollout

from curricula.difficulty_tiers import DifficultyTiers
from curricula.order import PassRateWindow
from curricula.stages import Stages
from rewards import Group, History, HistoryView, Problem
from rewards.correct import Correct
from rewards.length.hapo import Hapo
from rewards.length.l1 import L1Exact
from rewards.length.laser import LaserD
from rewards.length.truncation import Truncation
from rl.credit.gdpo import Gdpo
from rl.errors import UserError
from rl.folders import checkpoints
from rl.plugins import load_reward
from rl.rounds.budgets import Budgets
from rl.rounds.round import Sampled
from rl.rounds.scoring import score
from rl.trainer.trainer import LengthGRPOTrainer


def test_the_budget_stands_in_the_prompt_that_was_sampled_and_trained_on(make_trainer: Any) -> None:
    rounds = Rounds()
    budgets = Budgets(Stages([50, 30], interval=2), in_prompt="{prompt} ({budget} tokens)", cap_factor=1.2)
    trainer = make_trainer([L1Exact()], on_round=rounds, budget=budgets, max_steps=4)
    prompts: list[str] = []
    compute = trainer._compute_loss
    decode = trainer.processing_class.batch_decode
    trainer._compute_loss = lambda model, inputs: (
        prompts.extend(decode(inputs["prompt_ids"])),
        compute(model, inputs),
    )[1]
    trainer.train()
    for round_, budget in zip(rounds, (50, 30), strict=True):
        for sampled, prompt in zip(round_.rollouts(), round_.prompts(), strict=True):
            assert sampled.budget == budget
            assert sampled.length <= int(budget * 1.2)
            assert str(prompt[-1]["content"]).endswith(f"=? ({budget} tokens)")
    assert any("(50 tokens)" in p for p in prompts)
    assert any("(30 tokens)" in p for p in prompts)
    assert {s.group.problem.id for r in rounds for s in r.batch} <= {p.id for p in trainer.problems}


def test_easy_groups_are_scored_against_a_shorter_budget(make_trainer: Any) -> None:
    rounds = Rounds()
    tiers = Budgets(DifficultyTiers((0.5,), (60, 20)))
    make_trainer([Truncation()], on_round=rounds, budget=tiers, max_steps=2).train()
    seen = set()
    for scored in rounds[0].everything():
        accuracy = scored.group.accuracy()
        assert accuracy is not None
        expected = 20 if accuracy > 0.5 else 60
        seen.add(expected)
        assert {r.budget for r in scored.group.rollouts} == {expected}
        assert scored.totals.tolist() == [
            float(r.verdict.worth == 1.0 and r.stop == "eos" and r.length <= expected) for r in scored.group.rollouts
        ]
    assert seen == {20, 60}


def test_a_controller_looks_at_the_monitor_set_every_interval_and_training_never_does(
    make_trainer: Any, problems: list[Problem]
) -> None:
    reward = LaserD(target=50, minimum=10, maximum=60, step=10, interval=4)
    looks: list[tuple[int, set[str]]] = []
    watch = reward.monitor
    trainer = make_trainer([reward], problems_=problems[:40], monitor=problems[40:44], max_steps=10)
    reward.monitor = lambda groups, history: (  # type: ignore[method-assign]
        looks.append((trainer.state.global_step, {g.problem.id for g in groups})), watch(groups, history),
    )[1]  # fmt: skip
    trainer.train()
    monitored = {p.id for p in problems[40:44]}
    assert looks == [(4, monitored), (8, monitored)]
    assert trainer.rounds.history.get("laser-d", "targets") is not None
    with pytest.raises(UserError, match="'laser-d' sets itself by a monitor set"):
        make_trainer([reward])


def test_pass_rates_are_remembered_where_the_order_goes_by_them(make_trainer: Any, problems: list[Problem]) -> None:
    rounds = Rounds()
    trainer = make_trainer(problems_=problems[:8], on_round=rounds, order=PassRateWindow(0.1, 0.9), max_steps=6)
    trainer.train()
    latest = {s.group.problem.id: s.group.accuracy() for round_ in rounds for s in round_.batch}
    assert {p: entry["rate"] for p, entry in trainer.rounds.history.state_dict()["pass_rate"].items()} == latest
    assert make_trainer().rounds.history.state_dict() == {}


def test_decoupled_advantages_take_each_reward_by_itself(make_trainer: Any) -> None:
    rounds = Rounds()
    rewards = [Correct(), load_reward("conditioned-length", {"target": 30, "conditioned": False}, "length")]
    make_trainer(rewards, on_round=rounds, advantage="gdpo", reward_weights=[1.0, 0.5], max_steps=2).train()
    (only,) = rounds
    terms = torch.cat([s.terms for s in only.batch])
    assert set(only.reward_names) == {"correct", "conditioned-length.length"}
    assert torch.equal(only.advantages, Gdpo()(terms, 4, torch.ones(16), weights=[1.0, 0.5]))


def test_an_adaptive_estimators_memory_is_part_of_a_checkpoint(make_trainer: Any, tmp_path: Path) -> None:
    def run(steps: int, folder: str, resume: str | None = None) -> LengthGRPOTrainer:
        trainer: LengthGRPOTrainer = make_trainer(
            advantage="gfpo", advantage_options={"adaptive": True}, max_steps=steps, save_strategy="steps",
            save_steps=2, output_dir=str(tmp_path / folder),
        )  # fmt: skip
        trainer.train(resume_from_checkpoint=resume)
        return trainer

    unbroken = run(4, "unbroken")
    run(2, "broken")
    resumed = run(4, "broken", str(checkpoints.latest(tmp_path / "broken")))
    assert resumed.rounds.estimator.state_dict() == unbroken.rounds.estimator.state_dict() != {"seen": []}
    assert torch.equal(parameters(resumed), parameters(unbroken))


class Nan(Correct):
    name = "nan"

    def __call__(self, group: Group, history: HistoryView) -> list[float | None]:
        return [math.nan, *[r.raw_reward for r in group.rollouts[1:]]]


def test_nan_from_a_plug_in_means_not_judged(make_trainer: Any) -> None:
    rounds = Rounds()
    trainer = make_trainer([Nan()], on_round=rounds, max_steps=2)
    trainer.train()
    assert torch.cat([s.totals for s in rounds[0].batch]).isnan().tolist() == [True, False, False, False] * 4
    assert rounds[0].advantages[::4].tolist() == [0.0] * 4
    assert parameters(trainer).isfinite().all()


def test_a_rank_without_rows_samples_nothing_and_harms_nothing(make_trainer: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def mine(completions, **_): return [1.0 for _ in completions]\n")
    trainer = make_trainer([Correct(), load_reward(f"{tmp_path}/mine.py:mine", {})])
    trainer.engine.load_weights(trainer.weights.whole, version=0)
    assert trainer.rounds.roll([], step=0, seed=0) == []


class Infinite(Correct):
    name = "infinite"

    def __call__(self, group: Group, history: HistoryView) -> list[float | None]:
        return [math.inf for _ in group.rollouts]


def test_an_infinite_reward_is_refused_and_named(make_trainer: Any) -> None:
    with pytest.raises(UserError, match="reward 'infinite' gave an infinite reward"):
        make_trainer([Infinite()]).train()


def test_a_rollout_nobody_judged_is_left_out_whatever_else_it_earned() -> None:
    class AlwaysOne(Correct):
        name = "one"

        def __call__(self, group: Group, history: HistoryView) -> list[float | None]:
            return [1.0 for _ in group.rollouts]

    sampled = Sampled(group(rollout(5, 1), rollout(5, None)), 10, 0)
    (scored,) = score([sampled], [Correct(), AlwaysOne()], torch.ones(2), History())
    assert scored.totals.tolist() == pytest.approx([2.0, math.nan], nan_ok=True)
    assert scored.terms.isnan().tolist() == [[False, False], [True, True]]


def test_a_group_of_none_has_no_scores() -> None:
    (scored,) = score([Sampled(group(), 10, 0)], [Correct(), Hapo()], torch.ones(2), History())
    assert (scored.terms.shape, scored.totals.tolist()) == ((0, 2), [])
