"""What is probably wrong with a run, said in its first ten steps, each thing once and with its remedy.

An alarm is a function of what was counted so far and of the configuration: a line, or None. Counts
and what was said already are part of a checkpoint, so a resumed run neither repeats nor misses one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from accelerate.utils import gather_object
from torch import Tensor

from rewards import Rollout, Verdict
from rewards.thinking import THINK
from rl.recipe.config import LengthGRPOConfig
from rl.rounds.round import Round
from rl.rounds.scoring import shapes, varies

STEPS = 10
"""Optimiser steps that are watched."""
MOST_TRUNCATED, MOST_UNPARSABLE, MOST_TIMED_OUT = 0.75, 0.05, 0.01
"""Of truncation alone a run learns well from 60 % that are cut: the demo does."""
MOST_FLAT, ENOUGH_GROUPS = 0.9, 16
MOST_DROPPED = 0.75
"""Of the groups that a reward acts in, those that dynamic sampling does not let train."""
MOST_APART = 0.05
"""Mean distance of log-probs, in nats a token; rounding in bf16 stays well below."""
MOST_AT_START = 0.01
"""The same between policy and reference while they are one."""

ERRORS = 2.0
"""Standard errors by which the lengths that train may lie below those begun."""

Tally = Counter[str]


class Alarms:
    """Watches a run's first rounds."""

    def __init__(self, config: LengthGRPOConfig, rewards: Sequence[str]) -> None:
        self.config, self.rewards = config, list(rewards)
        self._tally: Tally = Counter()
        self._said: set[str] = set()

    def watch(self, step: int) -> bool:
        """Whether a round that begins at `step` is looked at."""
        return step < STEPS

    def see(self, round_: Round) -> list[str]:
        """What to warn about after this round."""
        if not self.watch(round_.step):
            return []
        self._tally.update(_counts(round_))
        return self._new()

    def compare(self, round_: Round, batches: Iterable[Mapping[str, Tensor]]) -> list[str]:
        """The same, after the engine's log-probs and the old ones of each rank's batches were compared."""
        if not self.watch(round_.step):
            return []
        ranks = gather_object([distance(round_, (b for b in batches if "old_per_token_logps" in b))])
        return self.see_logprobs(sum(apart for apart, _ in ranks), sum(tokens for _, tokens in ranks))

    def see_logprobs(self, distance: float, tokens: int) -> list[str]:
        """The same, after `tokens` log-probs of engine and trainer lay `distance` nats apart in sum."""
        self._tally.update({"distance": distance, "compared": tokens})  # type: ignore[dict-item]
        return self._new()

    def see_lengths(self, gap: tuple[float, float] | None, abandoned: float) -> list[str]:
        """The same, in any round, after the lengths that trained were compared with those begun: mean and error."""
        self._tally["gap"], self._tally["gap, error"] = gap or (0.0, 0.0)  # type: ignore[assignment]
        self._tally["abandoned"] = int(abandoned)
        return self._new()

    def see_kl(self, kl: float) -> list[str]:
        """The same, after the first update's KL from the reference, in nats a token, was computed."""
        self._tally.update({"kl": kl})  # type: ignore[dict-item]
        return self._new()

    def _new(self) -> list[str]:
        lines = {alarm.__name__: alarm(self._tally, self.config, self.rewards) for alarm in ALARMS}
        new = {name: line for name, line in lines.items() if line and name not in self._said}
        self._said |= set(new)
        return list(new.values())

    def state_dict(self) -> dict[str, Any]:
        return {"tally": dict(self._tally), "said": sorted(self._said)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._tally, self._said = Counter(state["tally"]), set(state["said"])


def distance(round_: Round, batches: Iterable[Mapping[str, Tensor]]) -> tuple[float, int]:
    """How far the engine's log-probs lie from the trainer's old ones: the sum in nats, and the tokens compared.

    `batches` hold `completion_ids`, `completion_mask` and `old_per_token_logps`, (rows, tokens) each, in
    any order. Only rollouts that this round sampled are compared: others came from other weights. Of their tokens,
    those are left out that were forced.
    """
    engine = _engine_logprobs(round_)
    total, tokens = 0.0, 0
    for batch in batches:
        for ids, mask, logps in zip(
            batch["completion_ids"].cpu(),
            batch["completion_mask"].bool().cpu(),
            batch["old_per_token_logps"].float().cpu(),
            strict=True,
        ):
            found = engine.get(_bytes(ids[mask]))
            if found is not None:
                sampled = ~found.isnan()
                total += float((logps[mask] - found)[sampled].abs().sum())
                tokens += int(sampled.sum())
    return total, tokens


def _bytes(ids: Any) -> bytes:
    return np.asarray(ids, dtype=np.int32).tobytes()


def _engine_logprobs(round_: Round) -> dict[bytes, Tensor]:
    """By token ids; a completion that several problems have in common is left out, and one without log-probs."""
    found: dict[bytes, dict[str, Rollout]] = {}
    for scored in round_.batch:
        if scored.sampled.step == round_.step:
            for rollout in scored.group.rollouts:
                found.setdefault(_bytes(rollout.token_ids), {})[rollout.problem_id] = rollout
    alone = {ids: next(iter(each.values())).logprobs for ids, each in found.items() if len(each) == 1}
    return {ids: torch.tensor(np.asarray(values, dtype=np.float32)) for ids, values in alone.items() if len(values)}


def _counts(round_: Round) -> Iterable[str]:
    for scored in round_.drawn:
        yield "groups"
        flat = not varies(scored, "raw")
        if flat:
            yield "flat"
        if shapes(scored):
            yield "shaped"
            if flat:
                yield "shaped, flat"
        for rollout, terms in zip(scored.group.rollouts, scored.terms.isnan().tolist(), strict=True):
            yield "rollouts"
            if rollout.raw_reward is not None:
                yield "judged"
                yield from (f"scored, {place}" for place, missing in enumerate(terms) if not missing)
            if rollout.stop == "length":
                yield "truncated"
            if rollout.verdict is Verdict.TIMED_OUT:
                yield "timed_out"
            if rollout.verdict is Verdict.UNPARSABLE and rollout.stop != "length":  # else it was cut, and is counted so
                yield "unparsable"
                yield from (f"unparsable, {sign}" for sign, shows in _SIGNS.items() if shows(rollout))


_SIGNS: dict[str, Callable[[Rollout], bool]] = {
    "thinking": lambda rollout: THINK.begin in rollout.read and THINK.end not in rollout.read,
    "unboxed": lambda rollout: "\\boxed" not in rollout.text,
}
_CAUSES = {
    "thinking": "most began to think and never ended it; is this the model's chat template?",
    "unboxed": "most have no \\boxed{} answer; does `data.prompt` ask for one, or should `verifier.places` look "
    "elsewhere?",
}


def unparsable(tally: Tally, config: LengthGRPOConfig, rewards: Sequence[str]) -> str | None:
    if tally["unparsable"] <= MOST_UNPARSABLE * tally["rollouts"]:
        return None
    likely = (cause for sign, cause in _CAUSES.items() if tally[f"unparsable, {sign}"] > tally["unparsable"] / 2)
    cause = next(likely, "their answers are boxed but cannot be read; look at the run's rollouts")
    return f"{_share(tally, 'unparsable')} are unparsable: {cause}"


def timed_out(tally: Tally, config: LengthGRPOConfig, rewards: Sequence[str]) -> str | None:
    if tally["timed_out"] <= MOST_TIMED_OUT * tally["rollouts"]:
        return None
    return (
        f"{_share(tally, 'timed_out')} are timed_out: their answers are too large to be checked in "
        "`verifier.seconds`, or the judge waits for something"
    )


def truncated(tally: Tally, config: LengthGRPOConfig, rewards: Sequence[str]) -> str | None:
    if tally["truncated"] <= MOST_TRUNCATED * tally["rollouts"]:
        return None
    return (
        f"{_share(tally, 'truncated')} are cut at their budget, so most of what is learnt is to stop; raise `budget`, "
        "or let it fall step by step from one that most rollouts keep to"
    )


def flat(tally: Tally, config: LengthGRPOConfig, rewards: Sequence[str]) -> str | None:
    if tally["groups"] < ENOUGH_GROUPS or tally["flat"] <= MOST_FLAT * tally["groups"]:
        return None
    return (
        f"{tally['flat'] / tally['groups']:.0%} of the first {tally['groups']} groups are all right or all wrong and "
        "teach nothing about that; choose problems by pass rate (`data.probe`), raise `trainer.num_generations`, or "
        "draw others in their place (`sampling.dynamic`)"
    )


def dropped(tally: Tally, config: LengthGRPOConfig, rewards: Sequence[str]) -> str | None:
    if not config.dynamic_sampling or config.filter_on == "shaped" or tally["shaped, flat"] < ENOUGH_GROUPS:
        return None
    if tally["shaped, flat"] <= MOST_DROPPED * tally["shaped"]:
        return None
    return (
        f"the rewards tell apart rollouts that are equally right in {tally['shaped']} of the first {tally['groups']} "
        f"groups, but in {tally['shaped, flat']} of these all are right or all wrong, and dynamic sampling drops such "
        "groups before they teach; set `sampling.filter_on: shaped`, which keeps groups whose reward varies (with "
        "rewards of whole batches: `sampling.dynamic: false`)"
    )


def silent(tally: Tally, config: LengthGRPOConfig, rewards: Sequence[str]) -> str | None:
    if tally["groups"] < ENOUGH_GROUPS or not tally["judged"]:
        return None
    nothing = [name for place, name in enumerate(rewards) if not tally[f"scored, {place}"]]
    if not nothing:
        return None
    return (
        f"reward {' and '.join(nothing)} gave no number for any of the first {tally['judged']} rollouts, so it teaches "
        "nothing; None and NaN mean that it does not judge a rollout"
    )


def idle_clipping(tally: Tally, config: LengthGRPOConfig, rewards: Sequence[str]) -> str | None:
    idle = None if config.epsilon_high in (None, config.epsilon) else f"epsilon_high {config.epsilon_high}"
    idle = idle if config.kl_cov is None else f"kl_cov {config.kl_cov}"
    if idle is None or config.round_steps > 1:
        return None
    return (
        f"{idle} cannot act: a round makes one update, so every importance ratio is 1; "
        "make several of it (`batch.updates`, or `trainer.steps_per_generation` above gradient_accumulation_steps)"
    )


def masked_penalty(tally: Tally, config: LengthGRPOConfig, rewards: Sequence[str]) -> str | None:
    penalised = config.truncated == "wrong" or "truncation" in rewards
    if not (config.mask_truncated_completions and penalised):
        return None
    return (
        "truncated rollouts earn nothing, but mask_truncated_completions takes them out of the loss, so the penalty "
        "is never learnt; remove trainer.mask_truncated_completions, or set `rollouts.truncated: judge` and no "
        "truncation reward"
    )


def sequence_mask(tally: Tally, config: LengthGRPOConfig, rewards: Sequence[str]) -> str | None:
    mode = config.vllm_importance_sampling_mode
    if not (config.correct_rollouts and mode.startswith("sequence_")):
        return None
    return (
        f"vllm_importance_sampling_mode {mode} multiplies the ratios of all tokens, so long rollouts are the first to "
        "be dropped or scaled down; set trainer.vllm_importance_sampling_mode to token_truncate"
    )


def apart(tally: Tally, config: LengthGRPOConfig, rewards: Sequence[str]) -> str | None:
    if tally["distance"] <= MOST_APART * tally["compared"]:
        return None
    return (
        f"the log-probs of rollouts differ by {tally['distance'] / tally['compared']:.2f} nats a token between the "
        "rollout engine and the trainer: they do not run the same model; give both the same dtype, weights and "
        "attention, and switch dropout off"
    )


def other_reference(tally: Tally, config: LengthGRPOConfig, rewards: Sequence[str]) -> str | None:
    if tally["kl"] <= MOST_AT_START:
        return None
    return (
        f"the KL term measures {tally['kl']:.2g} nats a token before the first step: its reference is not the model "
        "that training starts from; load both alike, with fsdp_cpu_ram_efficient_loading: false, and switch dropout off"
    )


def short_first(tally: Tally, config: LengthGRPOConfig, rewards: Sequence[str]) -> str | None:
    if tally["abandoned"]:
        return (
            f"{tally['abandoned']} rollouts were begun and neither train nor go on, and the longest are the likeliest: "
            "set `rollouts.partial: false`, and report it"
        )
    if tally["gap"] >= -ERRORS * tally["gap, error"]:
        return None
    return (
        f"rounds train on rollouts that are {-tally['gap']:.1f} tokens shorter in the mean than those they begin "
        f"(standard error {tally['gap, error']:.1f}): the long ones come later, while lengths grow; lower "
        "`rollouts.oversample`, or set `rollouts.partial: false`"
    )


ALARMS = (
    unparsable,
    timed_out,
    truncated,
    flat,
    dropped,
    silent,
    idle_clipping,
    masked_penalty,
    sequence_mask,
    apart,
    other_reference,
    short_first,
)


def _share(tally: Tally, name: str) -> str:
    return f"{tally[name] / tally['rollouts']:.0%} of the first {tally['rollouts']} rollouts"
