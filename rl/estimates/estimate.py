"""A recipe's whole estimate: its setup on a launch, its rounds, its operations, its time and its cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from statistics import fmean
from typing import Any

from rewards.edits import Edit
from rl.estimates.compute import Passes, training_flops
from rl.estimates.devices.cards import this_device
from rl.estimates.devices.rates import Rates
from rl.estimates.devices.speed import Speed, speed
from rl.estimates.edits import Drawn, drawn_for
from rl.estimates.memory import Memory, memory
from rl.estimates.remedies import Remedy, remedies
from rl.estimates.rollouts import Rounds, rounds_of
from rl.estimates.schedules.hours import hours_by_schedule
from rl.estimates.schedules.simulation import Schedule
from rl.estimates.setup import Setup
from rl.estimates.shapes import Shape
from rl.estimates.sizes import Sizes, sized
from rl.estimates.traffic import Traffic, of_rollout
from rl.launch.configuration import Launch
from rl.recipe.config import LengthGRPOConfig
from rl.recipe.engine_choice import with_engine
from rl.recipe.parts import LoraPart, Recipe
from rl.recipe.trainer_config import batch_settings
from rl.rounds.budgets import Budgets
from rl.updates.sequence import require_groups
from rl.updates.varlen import PROVEN

HALF = {"bfloat16": 2.0, "float16": 2.0, "bf16": 2.0, "fp16": 2.0}
QUANTIZED = {"nf4": 0.53, "int8": 1.01}
"""Bytes of a frozen weight, with the constants that go with its block."""


@dataclass(frozen=True)
class Prompts:
    """Lengths of the problems' prompts, in tokens."""

    mean: float
    longest: int
    assumed: bool = False
    """Nobody counted: there is no tokenizer, or there are no problems, in reach."""


ASSUMED = Prompts(200.0, 512, assumed=True)


@dataclass(frozen=True)
class Estimate:
    """Bytes, tokens, operations; seconds and cost where the rates are known."""

    setup: Setup
    memory: Memory
    room: float | None
    """Bytes that a rank has."""
    remedies: list[Remedy]
    rounds: Rounds
    prompts: Prompts
    rates: Rates
    passes: Passes
    sampled_tokens: tuple[float, float]
    """If no group is dropped, and if the most are; at full budgets unless a share of them is known."""
    sampling_flops: tuple[float, float]
    training_flops: float
    traffic: Traffic
    devices: int
    """Ranks, and workers beside them."""
    hours: tuple[float, float] | None
    sizes: Sizes
    """Of the engine, where the device's memory is known."""
    reckoned: Speed | None
    """By the card, where that is known."""
    schedules: dict[Schedule, float] | None = None
    """Hours by when rounds close, where card and lengths are known."""

    @property
    def fits(self) -> bool | None:
        return None if self.room is None else self.memory.peak <= self.room

    @property
    def cost(self) -> tuple[float, float] | None:
        price = self.rates.price_per_hour
        return None if self.hours is None or price is None else (self._priced(0, price), self._priced(1, price))

    def _priced(self, place: int, price: float) -> float:
        assert self.hours is not None
        return self.hours[place] * self.devices * price

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "parameters": self.setup.shape.parameters,
            "trained_parameters": self.setup.trained or self.setup.shape.parameters,
            "ranks": self.setup.launch.ranks,
            "sharding": self.setup.launch.sharding,
            "memory": self.memory.phases,
            "host_memory": self.memory.host,
            "peak_bytes": self.memory.peak,
            "fits": self.fits,
            "remedies": [vars(remedy) for remedy in self.remedies],
            "rounds": self.rounds.count,
            "rollouts_a_round": self.rounds.rollouts,
            "sampled_tokens": self.sampled_tokens,
            "prompt_tokens": vars(self.prompts),
            "sampling_flops": self.sampling_flops,
            "training_flops": self.training_flops,
            "traffic_bytes": vars(self.traffic),
            "hours": self.hours,
            "cost": self.cost,
            "rates": vars(self.rates),
            "engine": self.setup.engine,
            "engine_sizes": vars(self.sizes),
            "reckoned_rates": None if self.reckoned is None else vars(self.reckoned),
            "hours_by_schedule": self.schedules,
        }


def estimate(
    recipe: Recipe,
    config: LengthGRPOConfig,
    budgets: Budgets,
    shape: Shape,
    launch: Launch | None = None,
    rates: Rates | None = None,
    prompts: Prompts = ASSUMED,
    problems: int | None = None,
    edits: Sequence[Edit] = (),
) -> Estimate:
    """What a recipe will take on a launch (by default, one rank on this machine). Errors: UserError."""
    recipe, rates = with_engine(recipe), rates or Rates()
    if launch is None:
        launch, rates = _here(rates)
    require_groups(config.sequence_ranks, launch.ranks)
    batch = _batch(recipe, config, launch)
    edited = drawn_for(edits, config.num_generations)
    setup, room = setup_of(recipe, config, budgets, shape, launch, prompts, batch, edited), rates.memory
    sizes = Sizes()
    if room is not None and not launch.cpu:
        setup, sizes = sized(setup, room, _given(recipe))
    rounds = rounds_of(
        budgets, _steps(config, batch, problems), config.round_steps, batch.rollouts, _most_draws(recipe), edited
    )
    passes = passes_of(config)
    share = rates.length_share or 1.0
    sampled = rounds.sampled_tokens(share, rates.kept)
    drawn = (1.0, float(rounds.most_draws)) if rates.kept is None else (rounds.draws(rates.kept),) * 2
    one_sampling = fmean(edited.flops(shape, prompts.mean, share, cap) for cap in rounds.caps) * rounds.trained
    training = rounds.trained * fmean(
        training_flops(shape, prompts.mean, share * cap, passes, setup.sharing) for cap in rounds.caps
    )
    each = [of_rollout(setup, passes, prompts.mean + share * cap) for cap in rounds.caps]
    traffic = Traffic(*(rounds.trained * fmean(values) for values in zip(*map(astuple, each), strict=True)))
    workers = len(recipe.rollouts.workers)
    samplers = workers or launch.ranks
    context = prompts.mean + share * fmean(rounds.caps) / 2
    at_once = rounds.rollouts * edited.together
    reckoned = speed(setup, rates.of_card, at_once / samplers, context) if rates.of_card else None
    updates = _update_seconds(training, traffic, rates, reckoned, launch.ranks)
    size = config.num_generations
    known = updates and hours_by_schedule(recipe.rollouts, setup, rates, rounds, size, samplers, updates)
    return Estimate(
        setup,
        memory(setup),
        room,
        [] if room is None else list(remedies(setup, room)),
        rounds,
        prompts,
        rates,
        passes,
        sampled,
        (drawn[0] * one_sampling, drawn[1] * one_sampling),
        training,
        traffic,
        launch.ranks + workers,
        _hours(sampled, updates, rates, reckoned, samplers),
        sizes,
        reckoned,
        known or None,
    )


def _here(rates: Rates) -> tuple[Launch, Rates]:
    """One rank on this machine, and what is known of its device; of another's, where its memory is given."""
    if rates.memory is not None:
        return Launch(), rates
    device = this_device()
    if device is None:
        return Launch(cpu=True), rates
    card = rates.card or (device.card.name if device.card else None)
    return Launch(), replace(rates, gpu_memory=device.memory, card=card)


def _given(recipe: Recipe) -> Sizes:
    """The sizes that a recipe says itself."""
    part = recipe.rollouts
    return Sizes(part.vllm.gpu_memory_utilization, part.vllm.sleep, part.batch_size, part.pool.in_flight_tokens)


def _update_seconds(
    training: float, traffic: Traffic, rates: Rates, reckoned: Speed | None, ranks: int
) -> float | None:
    """Of all updates; by the card where no rate is given."""
    tflops = rates.tflops or (reckoned.tflops if reckoned else None)
    return None if tflops is None else training / (tflops * 1e12 * ranks) + traffic.seconds(rates.of_card, ranks)


def _hours(
    sampled: tuple[float, float], updates: float | None, rates: Rates, reckoned: Speed | None, samplers: int
) -> tuple[float, float] | None:
    """One after the other, as a round has them; by the card where no rate is given."""
    a_second = rates.tokens_per_second or (reckoned.tokens_per_second if reckoned else None)
    if a_second is None or updates is None:
        return None
    least, most = (tokens / (a_second * samplers) + updates for tokens in sampled)
    return least / 3600, most / 3600


@dataclass(frozen=True)
class _Batch:
    """Of a round, on this launch."""

    rollouts: int
    rows: int
    micro_batches: int
    """Of an update, padded as TRL has them."""


def _batch(recipe: Recipe, config: LengthGRPOConfig, launch: Launch) -> _Batch:
    given = batch_settings(recipe, launch.ranks)
    rows = int(given.get("per_device_train_batch_size") or config.per_device_train_batch_size)
    accumulation = int(given.get("gradient_accumulation_steps") or config.gradient_accumulation_steps)
    steps = int(given.get("steps_per_generation") or config.steps_per_generation)
    return _Batch(rows * steps * launch.ranks, rows, accumulation)


def _steps(config: LengthGRPOConfig, batch: _Batch, problems: int | None) -> int:
    """Optimiser steps of the run; one round's where nobody says how long it is."""
    if config.max_steps > 0:
        return int(config.max_steps)
    if problems is None:
        return int(config.round_steps)
    groups = batch.rollouts // config.num_generations
    return int(math.ceil(config.num_train_epochs * (problems // groups)) * config.round_steps)


def _most_draws(recipe: Recipe) -> int:
    return recipe.sampling.max_rounds if recipe.sampling.dynamic else 1


def passes_of(config: LengthGRPOConfig) -> Passes:
    """How often the trainer puts a trained token through the model."""
    aligned = config.gradient_accumulation_steps % (config.steps_per_generation * config.num_iterations) == 0
    old = not aligned or config.correct_rollouts
    repeated = config.gradient_checkpointing or config.sequence_chunk is not None
    return Passes(config.num_iterations, repeated, int(old) + int(config.beta != 0))


def setup_of(
    recipe: Recipe,
    config: LengthGRPOConfig,
    budgets: Budgets,
    shape: Shape,
    launch: Launch,
    prompts: Prompts,
    batch: _Batch,
    edited: Drawn,
) -> Setup:
    """What one rank of the launch holds and does."""
    sampled = -(-math.ceil(batch.rollouts * edited.together) // launch.ranks)
    dtype = str((config.model_init_kwargs or {}).get("dtype", "float32")).removeprefix("torch.")
    weight_bytes = HALF.get(dtype, 4.0)
    half = config.bf16 or config.fp16
    if "bf16" not in recipe.trainer and "fp16" not in recipe.trainer and not launch.cpu:
        half = True  # what a recipe that says nothing gets on CUDA
    packed = config.tokens_per_micro_batch
    attention = str((config.model_init_kwargs or {}).get("attn_implementation", ""))
    group = config.sequence_ranks
    chosen = bool(attention) or config.sequence_chunk is not None
    varlen_default = not chosen and (not launch.cpu or group > 1) and shape.model_type in PROVEN
    whole = prompts.longest + budgets.maximum
    share = batch.rows * batch.micro_batches * group
    together = 1 if packed is None or not varlen_default else (packed - prompts.longest) // (budgets.maximum + 1)
    lora, engine = recipe.lora, recipe.rollouts.engine
    return Setup(
        shape=shape,
        launch=launch,
        prompt=prompts.longest,
        completion=budgets.maximum,
        rows=batch.rows,
        rollout_rows=min(recipe.rollouts.batch_size or sampled, sampled),
        micro_batches=batch.micro_batches if packed is None else math.ceil(share * whole / max(packed, whole)),
        packed=None if packed is None else min(packed, share * whole),
        trained=None if lora is None else _adapter(shape, lora),
        weight_bytes=weight_bytes,
        frozen_bytes=weight_bytes if lora is None else _frozen_bytes(lora, 2.0 if half else weight_bytes, weight_bytes),
        compute_bytes=2 if half or weight_bytes == 2.0 else 4,
        optimizer=str(getattr(config.optim, "value", config.optim)),
        reference=config.beta != 0 and lora is None,
        checkpointing=config.gradient_checkpointing,
        chunk=config.sequence_chunk,
        offload_activations=config.offload_activations,
        padding_free=packed is not None and (varlen_default or "flash" in attention),
        sequence_ranks=group,
        sharing=max(1, min(config.num_generations, together)),
        engine=engine,  # type: ignore[arg-type]
        vllm_share=(recipe.rollouts.vllm.gpu_memory_utilization or 0.0) if engine == "vllm" else 0.0,
        vllm_sleep=recipe.rollouts.vllm.sleep or 0,
        tensor_parallel=recipe.rollouts.vllm.tensor_parallel_size if engine == "vllm" else 1,
        vllm_rollouts=sampled * recipe.rollouts.vllm.tensor_parallel_size,
        answered=_answered(recipe, budgets, prompts),
        cpu=launch.cpu,
    )


def _answered(recipe: Recipe, budgets: Budgets, prompts: Prompts) -> int:
    """Tokens of the longest prompt and completion outside the rounds; held-out prompts count as the training ones."""
    caps = [recipe.evaluation.budget] * bool(recipe.data.eval) + [budgets.maximum] * bool(recipe.data.probe)
    return prompts.longest + max(caps) if caps else 0


def _frozen_bytes(part: LoraPart, computed: float, loaded: float) -> float:
    """Of a weight under an adapter, which is held as it computes, unless modules of it are trained whole."""
    return QUANTIZED.get(str(part.quantize), loaded if part.modules_to_save else min(computed, loaded))


def _adapter(shape: Shape, part: LoraPart) -> int:
    """Parameters of a recipe's LoRA adapter, `modules_to_save` apart."""
    targets = part.target_modules
    return shape.adapter_parameters(part.rank, None if targets == "all-linear" else targets)
