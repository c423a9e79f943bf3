"""What a run says about itself in its first ten steps."""

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

import pytest
import torch
from makers import group, rollout

from rewards import Rollout, Verdict
from rewards.verifier import MathVerifier
from rl.recipe.config import LengthGRPOConfig
from rl.rounds.round import Filled, Round, Sampled, ScoredGroup
from rl.trainer.alarms import Alarms, distance


def config(**settings: Any) -> LengthGRPOConfig:
    sizes = {"per_device_train_batch_size": 8, "num_generations": 4, "steps_per_generation": 2}
    return LengthGRPOConfig("unused", **{**sizes, "use_cpu": True, "bf16": False, **settings})


def alarms(*rewards: str, **settings: Any) -> Alarms:
    return Alarms(config(**settings), rewards)


NOTHING = torch.zeros(0)


def correctness(rollout: Rollout) -> float:
    return rollout.raw_reward or 0.0


def round_of(
    groups: Sequence[Sequence[Rollout]], step: int = 0, worth: Callable[[Rollout], float] = correctness
) -> Round:
    drawn = []
    for s in (Sampled(group(*g), 9, step) for g in groups):
        totals = torch.tensor([math.nan if r.raw_reward is None else worth(r) for r in s.group.rollouts])
        drawn.append(ScoredGroup(s.group, totals.unsqueeze(1), totals, s))
    filled = Filled(drawn, [], drawn, 1, len(drawn), 0, 0, 0, 0, 1.0)
    return Round(**vars(filled), step=step, number=0, advantages=NOTHING, reward_names=[], judging=0.0)


def see(watch: Alarms, step: int, *rollouts: Rollout) -> list[str]:
    return watch.see(round_of([rollouts], step))


def of(verdict: Verdict, text: str = "", stop: Literal["eos", "length"] = "eos") -> Rollout:
    return replace(rollout(5, 0.0, stop, text), verdict=verdict)


RIGHT, UNPARSABLE, LATE = rollout(5, 1), of(Verdict.UNPARSABLE, "it is 5"), of(Verdict.TIMED_OUT)
CUT = rollout(9, 0, "length")


@pytest.mark.parametrize(
    ("such", "cause"),
    [
        (
            UNPARSABLE,
            r"25% of the first 8 rollouts are unparsable: most have no \boxed{} answer; does `data.prompt` ask",
        ),
        (of(Verdict.UNPARSABLE, r"<think>\boxed{5}"), "never ended it"),
        (of(Verdict.UNPARSABLE, r"\boxed{((}"), "cannot be read"),
        (LATE, "are timed_out: their answers are too large"),
    ],
)
def test_the_likely_cause_of_answers_that_cannot_be_judged_is_named(such: Rollout, cause: str) -> None:
    (warning,) = see(alarms(), 0, *[RIGHT] * 6, such, such)
    assert cause in warning


def test_an_alarm_comes_once_in_the_first_ten_steps_and_over_the_threshold_only() -> None:
    watch = alarms()
    assert see(watch, 0, *[RIGHT] * 95, *[UNPARSABLE] * 5) == []  # 5 of 100 is not more than 5 %
    assert len(see(watch, 1, UNPARSABLE)) == 1  # 6 of 101 is
    assert see(watch, 2, *[UNPARSABLE] * 50) == []
    assert len(see(watch, 3, *[LATE] * 5)) == 1
    assert see(alarms(), 0, *[RIGHT] * 99, LATE) == []  # 1 of 100 is not more than 1 %
    assert see(alarms(), 10, *[UNPARSABLE] * 10) == []


def test_most_rollouts_truncated_is_said_with_its_remedy() -> None:
    cut_short = of(Verdict.UNPARSABLE, "so", "length")  # which is no fault of reading it
    assert see(alarms(), 0, CUT, CUT, cut_short, RIGHT) == []
    (warning,) = see(alarms(), 0, CUT, CUT, CUT, cut_short, RIGHT)
    assert warning.startswith("80% of the first 5 rollouts are cut at their budget")
    assert "raise `budget`" in warning


def test_nearly_all_groups_without_variance_is_said_once_enough_were_seen() -> None:
    watch = alarms()
    assert watch.see(round_of([[RIGHT, RIGHT]] * 15)) == []
    (warning,) = watch.see(round_of([[RIGHT, RIGHT]] * 4 + [[RIGHT, CUT]]))
    assert warning.startswith("95% of the first 20 groups are all right or all wrong")
    assert "`data.probe`" in warning
    assert alarms().see(round_of([[RIGHT, RIGHT]] * 18 + [[RIGHT, CUT]] * 2)) == []  # 90 % is not more than 90 %


@pytest.mark.parametrize(
    ("settings", "reward", "remedy"),
    [
        ({"steps_per_generation": 1, "epsilon_high": 0.28}, "correct", "batch.updates"),
        ({"steps_per_generation": 1, "kl_cov": 0.002}, "correct", "kl_cov 0.002 cannot act"),
        ({"mask_truncated_completions": True}, "correct", "remove trainer.mask_truncated_completions"),
        ({"mask_truncated_completions": True, "truncated": "judge"}, "truncation", "no truncation reward"),
        ({"correct_rollouts": True, "vllm_importance_sampling_mode": "sequence_mask"}, "correct", "to token_truncate"),
        (
            {"correct_rollouts": True, "vllm_importance_sampling_mode": "sequence_truncate"},
            "correct",
            "to token_truncate",
        ),
    ],
)
def test_settings_that_work_against_each_other_are_said_with_their_remedy(
    settings: dict[str, Any], reward: str, remedy: str
) -> None:
    (warning,) = see(alarms(reward, **settings), 0, RIGHT)
    assert remedy in warning


@pytest.mark.parametrize(
    "settings",
    [
        {"steps_per_generation": 1},
        {"epsilon_high": 0.28},
        {"steps_per_generation": 1, "epsilon": 0.2, "epsilon_high": 0.2},
        {"mask_truncated_completions": True, "truncated": "judge"},
        {"correct_rollouts": True},
        {"vllm_importance_sampling_mode": "sequence_mask"},
    ],
)
def test_settings_that_are_well_say_nothing(settings: dict[str, Any]) -> None:
    assert see(alarms("correct", **settings), 0, RIGHT) == []


def test_log_probs_that_lie_apart_are_said() -> None:
    def drawn(problem: str, ids: tuple[int, ...], step: int = 0) -> ScoredGroup:
        row = replace(RIGHT, problem_id=problem, token_ids=ids, logprobs=tuple(-float(i) for i in ids))
        return ScoredGroup(group(row), NOTHING, NOTHING, Sampled(group(row), 9, step))

    forced = replace(RIGHT, problem_id="e", token_ids=(9, 1), logprobs=(math.nan, -1.0))
    groups = [drawn("a", (1, 2)), drawn("b", (3,)), drawn("c", (3,)), drawn("d", (4, 4), step=-2)]
    groups.append(ScoredGroup(group(forced), NOTHING, NOTHING, Sampled(group(forced), 9, 0)))
    round_ = replace(round_of([]), batch=groups)
    batch = {
        "completion_ids": torch.tensor([[1, 2, 0], [3, 0, 0], [4, 4, 0], [1, 2, 0], [9, 1, 0]]),
        "completion_mask": torch.tensor([[1, 1, 0], [1, 0, 0], [1, 1, 0], [0, 0, 0], [1, 1, 0]]),
        "old_per_token_logps": torch.tensor([[-1.1, -2.5, -7.0]] * 4 + [[-7.0, -1.3, -7.0]]),
    }
    # Not: padding, a completion of two problems, one of the round before, a row that is masked, a token that was forced.
    total, tokens = distance(round_, [batch])
    assert (total, tokens) == (pytest.approx(0.9), 3)
    assert alarms().see_logprobs(0.05 * 100, 100) == []
    (warning,) = alarms().see_logprobs(total, tokens)
    assert "differ by 0.30 nats a token" in warning


def test_what_was_seen_and_said_outlives_a_checkpoint() -> None:
    watch = alarms()
    see(watch, 0, CUT)
    see(watch, 1, *[RIGHT] * 95, *[UNPARSABLE] * 4)
    resumed = alarms()
    resumed.load_state_dict(json.loads(json.dumps(watch.state_dict())))
    (warning,) = see(resumed, 2, *[UNPARSABLE] * 2)
    assert warning.startswith("6% of the first 102 rollouts are unparsable")


def test_a_run_whose_answers_cannot_be_read_says_so_once_in_a_line_of_its_own(
    make_trainer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = make_trainer(verifier=MathVerifier(places=["tag"]), max_steps=6)
    trainer.train()
    (said,) = [line for line in capsys.readouterr().err.splitlines() if "are unparsable" in line]
    assert re.match(r"alarm: \d+% of the first 16 rollouts are unparsable: ", said)


def test_engine_and_trainer_agree_on_the_log_probs_of_a_run(make_trainer: Any) -> None:
    trainer = make_trainer(max_steps=4, temperature=0.8)
    trainer.train()
    tally = trainer.teller.alarms.state_dict()["tally"]
    assert tally["compared"] > 500
    assert tally["distance"] < 1e-4 * tally["compared"]


def test_an_engine_with_other_weights_is_heard(
    make_trainer: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = make_trainer()
    compare = trainer.teller.alarms.compare

    def shifted(round_: Round, batches: Any) -> list[str]:
        shifted = [{**b, "old_per_token_logps": b["old_per_token_logps"] - 0.2} for b in batches]
        return compare(round_, shifted)  # type: ignore[no-any-return]

    monkeypatch.setattr(trainer.teller.alarms, "compare", shifted)
    trainer.train()
    assert "differ by 0.20 nats a token" in capsys.readouterr().err


def test_log_probs_are_not_compared_where_the_engine_draws_from_others(make_trainer: Any) -> None:
    for settings in ({"top_p": 0.9}, {"steps_per_generation": 1, "per_device_train_batch_size": 16}):
        trainer = make_trainer(**settings)
        trainer.train()
        assert "compared" not in trainer.teller.alarms.state_dict()["tally"]


def test_a_reference_that_is_not_the_start_is_told_once() -> None:
    watch = alarms()
    assert watch.see_kl(1e-6) == []
    (line,) = watch.see_kl(5.4)
    assert line.startswith("the KL term measures 5.4 nats a token before the first step")
    assert see(watch, 0, RIGHT) == []


@pytest.mark.parametrize("packed", [None, 600])
def test_the_first_update_tells_of_a_reference_without_its_weights(packed: int | None, make_trainer: Any) -> None:
    def alarms_of(spoil: bool) -> list[str]:
        trainer, said = make_trainer(beta=0.04, tokens_per_micro_batch=packed), list[str]()
        trainer.teller.on_alarm = lambda step, line: said.append(line)
        if spoil:
            trainer.ref_model.get_input_embeddings().weight.data.zero_()
        trainer.train()
        return [line for line in said if "KL term" in line]

    assert alarms_of(spoil=False) == []
    assert len(alarms_of(spoil=True)) == 1


def test_a_reward_that_acts_in_groups_that_dynamic_sampling_drops_is_said() -> None:
    wrong, longer = rollout(5, 0), rollout(9, 1)

    def shorter_is_better(rollout: Rollout) -> float:
        return (rollout.raw_reward or 0.0) * (1 + (rollout.length < 6))

    right, plain, mixed = [RIGHT, longer], [RIGHT, wrong], [RIGHT, longer, wrong]
    drawn = [right] * 16 + [plain] * 20
    raw = alarms(dynamic_sampling=True)
    assert raw.see(round_of(drawn[1:], 0, shorter_is_better)) == []  # 15 groups are too few to tell
    (warning,) = raw.see(round_of([right], 1, shorter_is_better))
    assert "equally right in 16 of the first 36 groups, but in 16 of these all are right" in warning
    assert "set `sampling.filter_on: shaped`" in warning
    # 16 of 22 is not more than three quarters.
    assert alarms(dynamic_sampling=True).see(round_of(drawn + [mixed] * 6, 0, shorter_is_better)) == []
    assert alarms(dynamic_sampling=True).see(round_of(drawn)) == []  # correctness alone tells none apart
    for settings in ({"dynamic_sampling": True, "filter_on": "shaped"}, {"dynamic_sampling": False}):
        assert alarms(**settings).see(round_of(drawn, 0, shorter_is_better)) == []


def test_a_reward_that_gives_no_number_is_named_once() -> None:
    pair = [rollout(2, correct=True), rollout(3, correct=False)]
    watched = alarms("mine")
    assert not [line for line in watched.see(round_of([pair] * 15, worth=lambda _: math.nan)) if "no number" in line]
    (said,) = [line for line in watched.see(round_of([pair], worth=lambda _: math.nan)) if "no number" in line]
    assert said.startswith("reward mine gave no number for any of the first 32 rollouts")
    assert not [line for line in watched.see(round_of([pair])) if "no number" in line]
    assert not [line for line in alarms("mine").see(round_of([pair] * 16)) if "no number" in line]
