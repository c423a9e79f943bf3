import math
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from makers import Rounds, parameters
from transformers import PreTrainedTokenizerBase
from trl import GRPOConfig, GRPOTrainer

from curricula.stages import Stages
from rewards import Group, History, HistoryView, Problem
from rewards.correct import Correct
from rewards.length.hapo import Hapo
from rewards.length.truncation import Truncation
from rl.credit.dler import Dler
from rl.errors import UserError
from rl.models import load_model
from rl.plugins import load_reward
from rl.recipe.config import LengthGRPOConfig
from rl.rollouts.check import WeightCheck
from rl.rounds.budgets import Budgets
from rl.rounds.scoring import varies


def test_plain_grpo_equals_stock_trl_on_the_same_rollouts(
    make_trainer: Any, tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    rounds = Rounds()
    ours = make_trainer(on_round=rounds, shuffle_dataset=False, max_steps=2, beta=0.02)
    ours.train()
    (only,) = rounds
    answers = {s.group.problem.id: s.group.problem.answer for s in only.batch}
    rollouts = only.rollouts()
    raw = {r.token_ids: r.raw_reward for r in rollouts}

    class Stock(GRPOTrainer):
        def _generate_single_turn(self, *args: Any, **kwargs: Any) -> Any:
            return [list(r.token_ids) for r in rollouts], None

    def correct(completion_ids: list[list[int]], **_: Any) -> list[float | None]:
        return [raw[tuple(ids)] for ids in completion_ids]

    settings = {
        name: getattr(ours.args, name)
        for name in (
            "per_device_train_batch_size", "num_generations", "steps_per_generation", "learning_rate", "max_steps",
            "lr_scheduler_type", "gradient_checkpointing", "max_completion_length", "beta", "logging_steps",
        )
    }  # fmt: skip
    theirs = Stock(
        model=load_model(ours.model.name_or_path),
        reward_funcs=correct,
        args=GRPOConfig(
            str(tmp_path / "stock"),
            **settings,
            bf16=False,
            use_cpu=True,
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
            shuffle_dataset=False,
        ),
        train_dataset=Dataset.from_list([{"prompt": s.group.problem.prompt} for s in only.batch]),
        processing_class=tokenizer,
    )
    theirs.train()
    assert len(answers) == 4
    assert only.advantages.abs().max() > 0
    assert torch.equal(parameters(ours), parameters(theirs))


def test_trl_decodes_completions_only_where_it_is_to_print_them(make_trainer: Any) -> None:
    said, weights = {}, {}
    for printed in (False, True):
        trainer = make_trainer(log_completions=printed, num_completions_to_print=0, max_steps=1)
        trainer.train()
        said[printed], weights[printed] = (
            [turn["content"] for (turn,) in trainer._logs["completion"]],
            parameters(trainer),
        )
        texts = [rollout.text for rollout in trainer._round.rollouts()]
    assert said == {False: [""] * 16, True: texts}
    assert torch.equal(weights[False], weights[True])
    assert trainer.processing_class.batch_decode([[5]]) != [""]


@pytest.mark.parametrize("more", [{"num_generations": 4}, {"num_generations": 8, "tokens_per_micro_batch": 4096}])
def test_a_prompt_is_tokenised_once_whoever_asks_for_it(
    make_trainer: Any, monkeypatch: pytest.MonkeyPatch, more: dict[str, int]
) -> None:
    asked: list[str] = []
    theirs = GRPOTrainer._tokenize_prompts

    def counting(self: Any, prompts: list[Any]) -> Any:
        asked.extend(map(str, prompts))
        return theirs(self, prompts)

    monkeypatch.setattr(GRPOTrainer, "_tokenize_prompts", counting)
    trainer = make_trainer(max_steps=2, **more)
    trainer.train()
    of_round = set(map(str, trainer._round.prompts()))
    checked = {str(problem.prompt) for problem in trainer.problems[: WeightCheck.PROMPTS]}
    assert len(of_round) == 16 // more["num_generations"]
    assert sorted(asked) == sorted(of_round | checked)


def test_the_batch_that_trains_carries_the_estimators_advantages(make_trainer: Any) -> None:
    rounds = Rounds()
    trainer = make_trainer([Truncation()], on_round=rounds, advantage="dler", max_steps=1)
    seen: list[dict[str, Any]] = []
    compute = trainer._compute_loss
    trainer._compute_loss = lambda model, inputs: (seen.append(inputs), compute(model, inputs))[1]
    trainer.train()
    (only,) = rounds
    totals = torch.cat([s.totals for s in only.batch])
    expected = Dler()(totals, 4, torch.ones(16))
    assert torch.equal(only.advantages, expected)
    by_tokens = {tuple(r.token_ids): a for r, a in zip(only.rollouts(), expected.tolist(), strict=True)}
    checked = 0
    for inputs in seen:
        for ids, mask, advantage in zip(
            inputs["completion_ids"], inputs["completion_mask"], inputs["advantages"], strict=True
        ):
            assert by_tokens[tuple(ids[mask.bool()].tolist())] == pytest.approx(advantage.item())
            checked += 1
    assert checked == 8


def test_no_rollout_exceeds_its_budget_and_cut_ones_earn_nothing(make_trainer: Any) -> None:
    rounds = Rounds()
    make_trainer([Truncation()], tokens=30, on_round=rounds).train()
    rollouts = rounds[0].rollouts()
    assert max(r.length for r in rollouts) <= 30
    cut = [r for r in rollouts if r.stop == "length"]
    assert cut
    assert {r.raw_reward for r in cut} == {0.0}


@pytest.mark.parametrize("filter_on", ["raw", "shaped"])
def test_dynamic_sampling_trains_on_groups_that_vary(make_trainer: Any, filter_on: str) -> None:
    rounds = Rounds()
    trainer = make_trainer(
        [Hapo()], on_round=rounds, dynamic_sampling=True, max_sampling_rounds=3, filter_on=filter_on, max_steps=4
    )
    trainer.train()
    assert len(rounds) == 2
    for round_ in rounds:
        assert 1 <= round_.draws <= 3
        assert len(round_.batch) == 4
        assert sum(varies(s, filter_on) for s in round_.batch) == 4 - round_.unfilled
    # What the last round has over is dropped with the flat groups; those before it keep it for the next.
    assert not any(varies(s, filter_on) for round_ in rounds[:-1] for s in round_.dropped)
    drawn = sum(len(round_.batch) + len(round_.dropped) for round_ in rounds)
    assert trainer.rounds.sampler.drawn == drawn


class NeverVaries(Correct):
    name = "never"

    def __call__(self, group: Group, history: HistoryView) -> list[float | None]:
        return [1.0 for _ in group.rollouts]


def test_a_batch_that_cannot_be_filled_is_filled_with_flat_groups_and_counted(make_trainer: Any) -> None:
    rounds = Rounds()
    make_trainer(
        [NeverVaries()], on_round=rounds, dynamic_sampling=True, max_sampling_rounds=2, filter_on="shaped"
    ).train()
    assert (rounds[0].draws, rounds[0].unfilled, len(rounds[0].dropped)) == (2, 4, 4)
    assert rounds[0].advantages.tolist() == [0.0] * 16


def test_history_is_written_once_a_visit_and_scored_against_earlier_visits_only(
    make_trainer: Any, problems: list[Problem]
) -> None:
    rounds = Rounds()
    trainer = make_trainer([Hapo()], problems_=problems[:4], on_round=rounds, max_steps=6)
    trainer.train()
    expected = History()
    for round_ in rounds:
        for scored in round_.batch:
            assert scored.totals.tolist() == pytest.approx(
                [math.nan if v is None else v for v in Hapo()(scored.group, expected)], nan_ok=True
            )
        for scored in round_.batch:
            Hapo().observe(scored.group, expected)
    assert trainer.rounds.history.state_dict() == expected.state_dict()
    assert trainer.rounds.history.size() > 0


def test_a_trl_reward_function_plugs_in_unchanged(make_trainer: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "def shorter(prompts, completions, completion_ids, answer, difficulty, trainer_state, **kwargs):\n"
        "    assert completions[0][0]['role'] == 'assistant' and len(difficulty) == len(answer)\n"
        "    assert trainer_state.max_steps == 2\n"
        "    return [None if i == 0 else 1 / len(ids) for i, ids in enumerate(completion_ids)]\n"
    )
    rounds = Rounds()
    reward = load_reward(f"{tmp_path}/mine.py:shorter", {})
    make_trainer([Correct(), reward], on_round=rounds, reward_weights=[1.0, 0.5]).train()
    first, *others = rounds[0].rollouts()
    assert first.given == {"shorter": None}
    assert [r.given["shorter"] for r in others] == [1 / r.length for r in others]
    totals = torch.cat([s.totals for s in rounds[0].batch]).tolist()
    assert totals[0] == first.raw_reward
    assert totals[1:] == pytest.approx([(r.raw_reward or 0) + 0.5 / r.length for r in others])


class Raises(Correct):
    name = "raises"

    def __call__(self, group: Group, history: HistoryView) -> list[float | None]:
        raise KeyError("oops")


class TooFew(Correct):
    name = "too-few"

    def __call__(self, group: Group, history: HistoryView) -> list[float | None]:
        return [1.0]


@pytest.mark.parametrize(
    ("reward", "message"),
    [
        (Raises(), "reward 'raises' raised KeyError: 'oops'"),
        (TooFew(), "reward 'too-few' gave 1 numbers for 4 rollouts"),
    ],
)
def test_a_plug_in_that_fails_is_named(make_trainer: Any, reward: Correct, message: str) -> None:
    with pytest.raises(UserError, match=message):
        make_trainer([reward]).train()


def test_checkpoints_fall_on_round_ends() -> None:
    config = LengthGRPOConfig(
        "unused", per_device_train_batch_size=8, num_generations=4, steps_per_generation=3, save_steps=4, use_cpu=True,
        bf16=False,
    )  # fmt: skip
    assert (config.round_steps, config.groups_per_round, config.save_steps) == (3, 6, 6)


def test_a_round_that_ends_inside_an_optimiser_step_is_refused() -> None:
    with pytest.raises(UserError, match="multiple of gradient_accumulation_steps"):
        LengthGRPOConfig(
            "unused", per_device_train_batch_size=8, num_generations=4, steps_per_generation=3,
            gradient_accumulation_steps=2, use_cpu=True, bf16=False,
        )  # fmt: skip


def test_shards_that_could_not_be_gathered_to_sample_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="leave ds3_gather_for_generation on"):
        LengthGRPOConfig("unused", use_cpu=True, bf16=False, ds3_gather_for_generation=False)
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(UserError, match="set fsdp_version: 2"):
        LengthGRPOConfig("unused", use_cpu=True, bf16=False)
    monkeypatch.setenv("FSDP_VERSION", "2")
    assert LengthGRPOConfig("unused", use_cpu=True, bf16=False)


@pytest.mark.parametrize(("updates", "acts"), [(2, True), (1, False)])
def test_clip_higher_acts_only_where_a_round_has_several_updates(make_trainer: Any, updates: int, acts: bool) -> None:
    trainer = make_trainer(
        advantage="dler", epsilon_high=0.28, learning_rate=5e-3, max_steps=4, steps_per_generation=updates,
        per_device_train_batch_size=16 // updates,
    )  # fmt: skip
    trainer.train()
    clipped = [line["clip_ratio/high_mean"] for line in trainer.state.log_history if "clip_ratio/high_mean" in line]
    assert (max(clipped) > 0) == acts


def test_dr_grpos_loss_divides_by_the_schedules_maximum_whatever_the_budget_is(make_trainer: Any) -> None:
    budget = Budgets(Stages(tokens=[60, 30], interval=2))
    trainer = make_trainer(
        budget=budget, loss_type="dr_grpo", advantage="centred", max_steps=4, max_completion_length=256
    )
    seen: list[tuple[int, float, float]] = []
    compute = trainer._compute_loss

    def spy(model: Any, inputs: dict[str, Any]) -> Any:
        loss = compute(model, inputs)
        lengths = inputs["completion_mask"].sum(dim=1)
        # The first update of a round: every ratio is 1, so a token's loss is minus its advantage.
        expected = -(inputs["advantages"] * lengths).sum() / (len(lengths) * 60)
        seen.append((int(lengths.max()), loss.item(), expected.item()))
        return loss

    trainer._compute_loss = spy
    trainer.train()
    (longest, *first), _, (capped, *second), _ = seen
    assert (longest, capped) == (60, 30)
    assert first[0] == pytest.approx(first[1], abs=1e-6)
    assert second[0] == pytest.approx(second[1], abs=1e-6)
    assert first[1] != 0 != second[1]
    assert trainer.max_completion_length == trainer.args.max_completion_length == 60


@pytest.mark.parametrize(("file", "sharded"), [("optimizer.bin", False), ("optimizer.pt", True)])
def test_a_checkpoint_of_another_sharding_is_refused_in_one_line(
    file: str, sharded: bool, make_trainer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / file).touch()
    monkeypatch.setattr("rl.trainer.writing.is_sharded", lambda model: sharded)
    trainer = make_trainer()
    with pytest.raises(UserError, match="its optimiser cannot go on there; launch it as it was"):
        trainer.writing.load_weights(tmp_path, trainer.model, lambda: None)
