"""What stands under `trainer` in a recipe, held to the types of TRL's configuration, whoever tells them.

To narrower ones where some value of the type would end in a traceback once the run is under way, or teach nothing.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any, Literal

from pydantic import Field

from rl.errors import UserError, unknown
from rl.plugins.typed import require
from rl.ranks import PATIENCE
from rl.recipe.rollout_parts import Above, Count

NotBelow = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]

MANAGED = {
    "max_completion_length": "budget",
    "seed": "seed",
    "output_dir": "--out",
    "reward_weights": "rewards.N.weight",
    "scale_rewards": "advantage.name",
    "multi_objective_aggregation": "advantage.name",
    "eval_strategy": "data.eval and evaluation",
    "eval_on_start": "evaluation.before",
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
    "oversample": "rollouts.partial and rollouts.oversample",
    "correct_rollouts": "trainer.vllm_importance_sampling_correction, with an engine other than transformers",
}
"""Fields that a recipe sets in one place only, and which place that is."""

NARROWED: Mapping[str, Any] = {
    "max_steps": Count,
    "num_train_epochs": Above,
    "learning_rate": Above,
    "num_generations": Count,
    "per_device_train_batch_size": Count,
    "gradient_accumulation_steps": Count,
    "steps_per_generation": Count | None,
    "generation_batch_size": Count | None,
    "num_iterations": Count,
    "logging_strategy": Literal["steps"],
    "logging_steps": Count,
    "save_strategy": Literal["steps", "no"],
    "save_steps": Above,
    "save_total_limit": Count | None,
    "keep_steps": Count | None,
    "temperature": Above,
    "top_p": Annotated[float, Field(gt=0, le=1)],
    "top_k": Annotated[int, Field(ge=0)],
    "min_p": Annotated[float, Field(ge=0, le=1)] | None,
    "weight_decay": NotBelow,
    "warmup_steps": NotBelow,
    "max_grad_norm": NotBelow,
    "adam_beta1": Share,
    "adam_beta2": Share,
    "adam_epsilon": NotBelow,
    "beta": NotBelow,
    "epsilon": NotBelow,
    "epsilon_high": NotBelow | None,
    "delta": Above | None,
    "kl_cov": Annotated[float, Field(gt=0, le=1)] | None,
    "kl_cov_coef": NotBelow,
    "sequence_ranks": Count,
    "sequence_chunk_share": Annotated[float, Field(gt=0, le=1)],
    "ref_model_sync_steps": Count,
    "ddp_timeout": Count,
    "top_entropy_quantile": Annotated[float, Field(ge=0, le=1)],
    "loss_type": Literal["grpo", "dr_grpo", "dapo", "bnpo", "cispo", "sapo", "luspo", "vespo"],
    "importance_sampling_level": Literal["token", "sequence"],
    "vllm_importance_sampling_mode": Literal["token_truncate", "token_mask", "sequence_truncate", "sequence_mask"],
    "include_num_input_tokens_seen": Literal["all", "non_padding", "no"] | bool,
    # TRL takes a text of JSON, too, in which nothing could be looked at.
    "model_init_kwargs": dict[str, Any] | None,
    "chat_template_kwargs": dict[str, Any] | None,
    "parallelism_config": dict[str, Any] | None,
}


def require_values(trainer: Mapping[str, Any], types: Mapping[str, Any], where: str) -> None:
    """`types`: of the configuration's fields, by name.

    Errors: UserError for a key that the configuration has not, or a value that cannot be.
    """
    known, types = list(types), {**types, **NARROWED}
    for key, value in trainer.items():
        if key in MANAGED:
            raise UserError(f"trainer.{key} is set elsewhere in a recipe: use {MANAGED[key]}")
        if key not in known:
            raise unknown("key", f"trainer.{key}", (f"trainer.{name}" for name in known), where)
        _refuse_references(value, f"{where}: trainer.{key}")
        if key == "model_init_kwargs" and isinstance(value, Mapping):
            _refuse_code(value, bool(trainer.get("trust_remote_code")), where)
        require(types[key], value, f"{where}: trainer.{key}")
        names = [m.value for hint in typing.get_args(types[key]) if _is_enum(hint) for m in hint]
        if names and value not in names:
            raise unknown(f"trainer.{key}", value, names, where)


def patience(trainer: Mapping[str, Any], where: str) -> int:
    """Seconds that the ranks of a launch wait for one another. Errors: UserError for what is no such number."""
    given = trainer.get("ddp_timeout", PATIENCE)
    require(NARROWED["ddp_timeout"], given, f"{where}: trainer.ddp_timeout")
    return int(given)


def _refuse_references(value: Any, place: str) -> None:
    """What stands under `trainer` is kept in every checkpoint."""
    if isinstance(value, Mapping):
        if set(value) == {"env"}:
            raise UserError(f"{place}: only options take {{env: NAME}}, and HF_TOKEN is read by itself; remove it")
        for key, inner in value.items():
            _refuse_references(inner, f"{place}.{key}")


def _refuse_code(options: Mapping[str, Any], trusted: bool, where: str) -> None:
    """Errors: UserError for what would run code of a model's, or of a kernel's repository, though nobody allows it."""
    place = f"{where}: trainer.model_init_kwargs"
    if "trust_remote_code" in options:
        raise UserError(f"{place}.trust_remote_code has a place of its own: trainer.trust_remote_code; remove it here")
    kernels = options.get("use_kernels") or "/" in str(options.get("attn_implementation", ""))
    if kernels and not trusted:
        raise UserError(f"{place} would run kernels of a repository; allow that by trainer.trust_remote_code: true")


def _is_enum(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Enum)
