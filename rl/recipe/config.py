"""What `LengthGRPOTrainer` adds to TRL's configuration, and how a recipe becomes one."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from accelerate import ParallelismConfig, PartialState
from trl import GRPOConfig

from rl.credit.estimator import Estimator
from rl.errors import UserError, unknown
from rl.recipe.parts import Recipe

MANAGED = {
    "max_completion_length": "budget",
    "seed": "seed",
    "output_dir": "--out",
    "reward_weights": "rewards.N.weight",
    "scale_rewards": "advantage.name",
    "multi_objective_aggregation": "advantage.name",
    "eval_strategy": "data.eval and evaluation",
    "use_vllm": "rollouts.engine",
    "use_transformers_continuous_batching": "rollouts.engine",
    "generation_kwargs": "trainer.temperature, top_p, top_k or min_p",
    "advantage": "advantage.name",
    "advantage_options": "advantage",
    "shuffle_dataset": "data.order",
    "dynamic_sampling": "sampling.dynamic",
    "max_sampling_rounds": "sampling.max_rounds",
    "filter_on": "sampling.filter_on",
    "truncated": "rollouts.truncated",
    "rollout_batch_size": "rollouts.batch_size",
    "rollout_check_steps": "rollouts.check_every",
    "max_staleness": "rollouts.max_staleness",
    "correct_rollouts": "trainer.vllm_importance_sampling_correction, with an engine other than transformers",
}
"""Fields that a recipe sets in one place only, and which place that is."""

BATCH = {
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "steps_per_generation",
    "generation_batch_size",
    "num_iterations",
    "tokens_per_micro_batch",
}
"""Fields that `batch` of a recipe stands for."""


@dataclass
class LengthGRPOConfig(GRPOConfig):
    """TRL's `GRPOConfig` with the settings of length control.

    A *round* is one generation batch and the updates made from it: `round_steps` optimiser steps.
    Checkpoints fall on round ends, so `save_steps` is rounded up to a multiple of that.
    """

    advantage: str = field(
        default="group", metadata={"help": "Advantage estimator, by its name in rl.credit.advantages."}
    )
    advantage_options: dict[str, Any] = field(default_factory=dict, metadata={"help": "Options of the estimator."})
    dynamic_sampling: bool = field(
        default=False, metadata={"help": "Replace groups whose reward does not vary by fresh ones."}
    )
    max_sampling_rounds: int = field(default=4, metadata={"help": "Generation rounds a batch may take."})
    filter_on: str = field(default="raw", metadata={"help": "Which reward must vary: raw or shaped."})
    truncated: str = field(
        default="wrong", metadata={"help": "Raw reward of a truncated rollout: wrong (0), or judge its text."}
    )
    max_staleness: int = field(
        default=0,
        metadata={
            "help": "Rounds that generation may run ahead of training, and so how many weight versions old a rollout "
            "may be. 0: every round is sampled by the weights it trains."
        },
    )
    correct_rollouts: bool = field(
        default=False,
        metadata={
            "help": "Weigh each token by what lies between the weights and the engine that sampled it and those that "
            "train, by TRL's vllm_importance_sampling_* settings. False: not even if those say so."
        },
    )
    vllm_importance_sampling_mode: str = field(
        default="token_truncate",
        metadata={"help": "TRL's setting. Per token here: its sequence modes drop long rollouts first."},
    )
    rollout_batch_size: int | None = field(default=None, metadata={"help": "Rollouts side by side on a rank."})
    rollout_check_steps: int = field(
        default=20, metadata={"help": "Steps between comparisons of an engine's weights with the trainer's."}
    )
    sequence_chunk: int | None = field(
        default=None,
        metadata={
            "help": "Train on long completions this many tokens at a time (rl.updates.chunked): exact, in less memory "
            "than gradient_checkpointing, which it takes the place of."
        },
    )
    tokens_per_micro_batch: int | None = field(
        default=None,
        metadata={
            "help": "Leave out rollouts without gradient and pack the others into micro-batches of at most so many "
            "tokens, padding counted. None: TRL's own loop, over all rollouts padded to the longest."
        },
    )

    def __post_init__(self) -> None:
        self._refuse_sequence_parallelism()
        super().__post_init__()
        if self.sequence_chunk is not None:
            if self.sequence_chunk < 1:
                raise UserError(f"sequence_chunk must be at least 1 token, not {self.sequence_chunk}")
            self.gradient_checkpointing = False
        self._require_correctable()
        Estimator(self.advantage, self.advantage_options)
        if self.rollout_check_steps < 1:
            raise UserError(f"rollout_check_steps must be at least 1 optimiser step, not {self.rollout_check_steps}")
        if self.max_sampling_rounds < 1:
            raise UserError(f"max_sampling_rounds must be at least 1, not {self.max_sampling_rounds}")
        self._require_whole_weights()
        if self.repetition_penalty != 1.0:
            raise UserError(
                f"repetition_penalty {self.repetition_penalty} would be ignored: the engine has none; remove it"
            )
        micro_steps = self.steps_per_generation * self.num_iterations
        if micro_steps % self.gradient_accumulation_steps:
            raise UserError(
                f"a round of {micro_steps} micro-batches (steps_per_generation x num_iterations) must be a multiple "
                f"of gradient_accumulation_steps ({self.gradient_accumulation_steps}); change either"
            )
        if self.save_only_model:
            raise UserError("save_only_model leaves out the optimiser, so a killed run could not go on; remove it")
        if self.push_to_hub and self.hub_strategy in ("checkpoint", "all_checkpoints"):
            raise UserError(
                "this hub_strategy would upload checkpoints that are still being written; use every_save or end"
            )
        if self.tokens_per_micro_batch is not None:
            self._require_packable()
        if self.save_strategy == "steps":
            every: float = self.save_steps
            if every < 1:
                raise UserError(f"save_steps must be a whole number of optimiser steps, not {every}")
            self.save_steps: float = -(-int(every) // self.round_steps) * self.round_steps

    def _require_whole_weights(self) -> None:
        """Refuse shards that could not be gathered: ranks stop at different tokens, and cannot sample in step."""
        if not self.ds3_gather_for_generation:
            raise UserError("each rank needs whole weights while it samples; leave ds3_gather_for_generation on")
        if not self.fully_sharded:
            return
        options: Any = self.fsdp_config or {}
        version = int(os.environ.get("FSDP_VERSION", "1")) if _launched_by_fsdp() else int(options.get("version", 1))
        if version != 2:
            raise UserError(
                "FSDP1 is not supported: its shards cannot be gathered while ranks sample; set fsdp_version: 2 "
                "(experiments/cluster/fsdp2.yaml), or use DDP or DeepSpeed"
            )

    def _refuse_sequence_parallelism(self) -> None:
        """TRL looks at `parallelism_config` only; `accelerate launch` hands the same on in the environment."""
        given: Any = vars(self)["parallelism_config"]
        if isinstance(given, dict):  # as a recipe gives it
            self.parallelism_config = given = ParallelismConfig(**given)
        launched = os.environ.get("ACCELERATE_USE_PARALLELISM_CONFIG", "").lower() == "true"
        parallel = given or (ParallelismConfig() if launched else None)
        if parallel and (parallel.cp_enabled or parallel.sp_enabled):
            raise UserError(
                f"sequence parallelism (cp_size {parallel.cp_size}, sp_size {parallel.sp_size}) would split a batch "
                "before its rollouts exist; set both to 1, and use sequence_chunk for long completions "
                "(rl/updates/chunked/README.md says why)"
            )

    def _require_correctable(self) -> None:
        """Refuse what would make the ratios of a correction mean something else."""
        if self.max_staleness < 0:
            raise UserError(f"max_staleness must be at least 0 rounds, not {self.max_staleness}")
        self.correct_rollouts = self.correct_rollouts and self.vllm_importance_sampling_correction
        if self.correct_rollouts and (self.top_p < 1.0 or self.top_k or self.min_p is not None):
            raise UserError(
                "importance ratios of rollouts drawn with top_p, top_k or min_p would be wrong, since those cut the "
                "distribution; remove them, or set trainer.vllm_importance_sampling_correction: false"
            )

    def _require_packable(self) -> None:
        """Refuse what a packed update could not give the plain loop's gradient for."""
        if self.tokens_per_micro_batch is not None and self.tokens_per_micro_batch < 1:
            raise UserError(f"tokens_per_micro_batch must be at least 1, not {self.tokens_per_micro_batch}")
        reasons = {
            "top_entropy_quantile below 1 (a quantile over every token of TRL's micro-batch)": (
                self.top_entropy_quantile < 1.0
            ),
            "use_adaptive_entropy": self.use_adaptive_entropy,
            "steps_per_generation that is no multiple of gradient_accumulation_steps": (
                self.steps_per_generation % self.gradient_accumulation_steps != 0
            ),
        }
        for reason, holds in reasons.items():
            if holds:
                raise UserError(f"tokens_per_micro_batch does not go with {reason}; change either")

    def require_problems(self, count: int, source: str) -> None:
        """Refuse a set of problems that cannot fill one round."""
        if count < self.groups_per_round:
            raise UserError(
                f"{source}: {count} problems cannot fill a round of {self.groups_per_round} groups; "
                "give more problems or a smaller generation batch"
            )

    @property
    def fully_sharded(self) -> bool:
        """Whether FSDP shards the model."""
        return bool(self.fsdp) or _launched_by_fsdp()

    @property
    def round_steps(self) -> int:
        """Optimiser steps made from one generation batch."""
        return int(self.steps_per_generation * self.num_iterations // self.gradient_accumulation_steps)

    @property
    def round_updates(self) -> int:
        """Optimiser steps that go once over all of a generation batch."""
        return int(self.steps_per_generation // self.gradient_accumulation_steps)

    @property
    def groups_per_round(self) -> int:
        """Groups in one generation batch, over all ranks."""
        return int(self.generation_batch_size // self.num_generations)


def require_shardable(recipe: Recipe) -> None:
    """Refuse what FSDP's shards do not go with. Errors: UserError."""
    if recipe.lora is not None and recipe.lora.quantize is not None:
        raise UserError(
            f"{recipe.name}: lora.quantize holds weights that FSDP does not shard here; launch it by DDP or DeepSpeed "
            "(experiments/cluster/ddp.yaml, zero2.yaml), or remove it"
        )
    if recipe.trainer.get("sequence_chunk") is not None:
        raise UserError(
            f"{recipe.name}: sequence_chunk needs whole weights on each rank, which FSDP shards; use ZeRO-2 or DDP"
        )


def _launched_by_fsdp() -> bool:
    return os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true"


def trainer_config(recipe: Recipe, out: Path, budget_maximum: int) -> LengthGRPOConfig:
    """The trainer's configuration for a recipe; an unknown or misplaced key is an error that says so."""
    known = {f.name for f in dataclasses.fields(LengthGRPOConfig) if f.init}
    for key in recipe.trainer:
        if key in MANAGED:
            raise UserError(f"trainer.{key} is set elsewhere in a recipe: use {MANAGED[key]}")
        if key not in known:
            raise unknown("key", f"trainer.{key}", (f"trainer.{k}" for k in known), recipe.name)
    clash = sorted(BATCH & set(recipe.trainer)) if recipe.batch else []
    if clash:
        raise UserError(f"{recipe.name}: `batch` sets trainer.{clash[0]}; remove either")
    _require_engine(recipe)
    _require_reporters(recipe)
    cuda = torch.cuda.is_available()
    defaults = {"bf16": cuda, "use_cpu": not cuda, "logging_steps": 1, "save_total_limit": 2, "report_to": []}
    settings = {
        **defaults,
        **batch_settings(recipe),
        **recipe.trainer,
        "output_dir": str(out / "checkpoints"),
        "seed": recipe.seed,
        "data_seed": recipe.seed,
        "disable_tqdm": True,
        "max_completion_length": budget_maximum,
        "reward_weights": [reward.weight for reward in recipe.rewards],
        "advantage": recipe.advantage.name,
        "advantage_options": recipe.advantage.options,
        "dynamic_sampling": recipe.sampling.dynamic,
        "max_sampling_rounds": recipe.sampling.max_rounds,
        "filter_on": recipe.sampling.filter_on,
        "truncated": recipe.rollouts.truncated,
        "rollout_batch_size": recipe.rollouts.batch_size,
        "rollout_check_steps": recipe.rollouts.check_every,
        "max_staleness": recipe.rollouts.max_staleness,
        "correct_rollouts": recipe.rollouts.engine != "transformers",
    }
    try:
        config = LengthGRPOConfig(**settings)
    except (ValueError, TypeError) as error:
        raise UserError(f"{recipe.name}: {' '.join(str(error).split())}") from error
    if config.fully_sharded:
        require_shardable(recipe)
    return config


def _require_engine(recipe: Recipe) -> None:
    """Refuse settings of an engine that the recipe does not use, or does not describe."""
    part = recipe.rollouts
    if part.engine == "workers" and not part.workers:
        raise UserError(
            f"{recipe.name}: rollouts.engine workers needs addresses, as rollouts.workers: [http://127.0.0.1:8000]; "
            "`lengthwise serve` starts one"
        )
    if part.engine != "workers" and part.workers:
        raise UserError(f"{recipe.name}: rollouts.workers would not be asked; set rollouts.engine to workers")
    if part.engine != "workers" and part.max_staleness:
        raise UserError(
            f"{recipe.name}: rollouts.max_staleness samples a round while another trains, which only rollouts.engine "
            "workers can; set it to 0"
        )
    for name in ("in_flight", "seconds", "load_seconds"):
        if getattr(part.pool, name) <= 0:
            raise UserError(f"{recipe.name}: rollouts.pool.{name} must be above 0, not {getattr(part.pool, name)}")


def _require_reporters(recipe: Recipe) -> None:
    """Refuse a reporter that would fail once the model is loaded."""
    given = recipe.trainer.get("report_to") or []
    for name in [given] if isinstance(given, str) else given:
        if name in ("tensorboard", "trackio", "wandb") and find_spec(name) is None:
            raise UserError(f"{recipe.name}: trainer.report_to: {name} is not installed; pip install {name}")


def batch_settings(recipe: Recipe, ranks: int | None = None) -> dict[str, int | None]:
    """A recipe's `batch` in TRL's terms, for so many ranks; by default, those of this launch."""
    batch = recipe.batch
    if batch is None:
        return {}
    ranks = ranks or PartialState().num_processes
    rollouts = batch.groups * int(recipe.trainer.get("num_generations", 8))
    share, odd = divmod(rollouts, batch.updates * ranks)
    size = batch.per_device or share
    if odd or size < 1 or share % size:
        raise UserError(
            f"{recipe.name}: batch.groups x num_generations = {rollouts} rollouts do not part into {batch.updates} "
            f"updates on {ranks} ranks with {size} rollouts at once; change batch or the number of ranks"
        )
    accumulation = share // size
    return {
        "per_device_train_batch_size": size,
        "gradient_accumulation_steps": accumulation,
        "steps_per_generation": accumulation * batch.updates,
        "tokens_per_micro_batch": batch.tokens_per_micro_batch,
    }
