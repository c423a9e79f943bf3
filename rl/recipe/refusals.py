"""What TRL's configuration may say that this trainer does not go with, and why.

Each function raises a UserError that says what to do instead.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from accelerate import ParallelismConfig
from trl import GRPOConfig

from rl.errors import UserError

PARALLEL = "ACCELERATE_USE_PARALLELISM_CONFIG"
"""By this `accelerate launch` says that its ranks find a `ParallelismConfig` in their environment."""


def sequence_ranks_of(given: ParallelismConfig | None) -> int:
    """Ranks over which a launch or a recipe would have accelerate split sequences, its `sp_size`; 1: none.

    TRL looks at `parallelism_config` only; `accelerate launch` hands the same on in the environment. Errors: UserError
    for what else would split them, or stand beside it.
    """
    parallel = given or (ParallelismConfig() if os.environ.get(PARALLEL, "").lower() == "true" else None)
    if parallel is None or not (parallel.cp_enabled or parallel.sp_enabled):
        return 1
    if parallel.cp_enabled:
        raise UserError(
            f"context parallelism (cp_size {parallel.cp_size}) would split a batch before its rollouts exist; set "
            "cp_size to 1, and use sp_size or trainer.sequence_ranks for long completions (rl/updates/README.md)"
        )
    beside = {"tp_size": parallel.tp_size, "dp_replicate_size": parallel.dp_replicate_size}
    for name, size in beside.items():
        if size > 1 and (name == "tp_size" or parallel.dp_shard_size > 1):
            raise UserError(f"sp_size {parallel.sp_size} does not go with {name} {size} here; set that to 1")
    return int(parallel.sp_size)


@contextmanager
def taken_over(config: Any) -> Iterator[None]:
    """While the context lasts, accelerate finds nothing of the sequence ranks that `config` has taken over from it."""
    told = os.environ.pop(PARALLEL, None) if config.sequence_ranks > 1 else None
    try:
        yield
    finally:
        if told is not None:
            os.environ[PARALLEL] = told


def require_shareable(config: Any) -> None:
    """Refuse what ranks cannot share a micro-batch of."""
    if config.tokens_per_micro_batch is None:
        raise UserError(
            f"trainer.sequence_ranks {config.sequence_ranks} shares packed micro-batches over ranks; set "
            "batch.tokens_per_micro_batch, or sequence_ranks to 1"
        )
    chosen = (config.model_init_kwargs or {}).get("attn_implementation")
    if chosen is not None:
        raise UserError(
            f"trainer.sequence_ranks {config.sequence_ranks} has an attention of its own; remove attn_implementation "
            f"{chosen} from trainer.model_init_kwargs"
        )


def require_kept(config: Any) -> None:
    """Refuse to do something to what is kept of layers and chunks where there is no such thing."""
    if config.sequence_chunk_share < 1 and (config.sequence_chunk is None or config.sequence_ranks > 1):
        raise UserError(
            f"sequence_chunk_share {config.sequence_chunk_share} draws some chunks of sequence_chunk, and goes without "
            "sequence_ranks, whose ranks would draw apart; set sequence_chunk, and sequence_ranks to 1"
        )
    if config.offload_activations and not (config.gradient_checkpointing or config.sequence_chunk):
        raise UserError(
            "offload_activations would move all that layers compute with; set gradient_checkpointing or "
            "sequence_chunk, which keep little of them"
        )


def require_correctable(config: GRPOConfig) -> None:
    """Refuse what would make the ratios of a correction mean something else."""
    if config.top_p < 1.0 or config.top_k or config.min_p is not None:
        raise UserError(
            "importance ratios of rollouts drawn with top_p, top_k or min_p would be wrong, since those cut the "
            "distribution; remove them, or set trainer.vllm_importance_sampling_correction: false"
        )


def require_partial(config: Any) -> None:
    """Refuse rollouts of several rounds that the rest cannot go with."""
    if not 1.0 <= config.oversample <= 2.0:
        raise UserError(
            f"rollouts.oversample must lie between 1 and 2, not {config.oversample}: more would not train in the next "
            "round either"
        )
    if config.oversample > 1.0 and config.max_staleness < 1:
        raise UserError(
            "rollouts.partial goes on with rollouts in the next round, from newer weights; set rollouts.max_staleness "
            "to 1 or more"
        )
    if config.correct_rollouts and config.oversample > 1.0 and config.vllm_importance_sampling_mode.startswith("seq"):
        raise UserError(
            "the tokens of a partial rollout come from several weights, and are corrected one by one; set "
            "trainer.vllm_importance_sampling_mode to token_truncate or token_mask"
        )


def require_whole_weights(config: GRPOConfig) -> None:
    """Refuse shards that could not be gathered: ranks stop at different tokens, and cannot sample in step."""
    if not config.ds3_gather_for_generation:
        raise UserError("each rank needs whole weights while it samples; leave ds3_gather_for_generation on")
    if not fully_sharded(config):
        return
    options: Any = config.fsdp_config or {}
    version = int(os.environ.get("FSDP_VERSION", "1")) if _launched_by_fsdp() else int(options.get("version", 1))
    if version != 2:
        raise UserError(
            "FSDP1 is not supported: its shards cannot be gathered while ranks sample; set fsdp_version: 2 "
            "(experiments/cluster/fsdp2.yaml), or use DDP or DeepSpeed"
        )


def fully_sharded(config: GRPOConfig) -> bool:
    """Whether FSDP shards the model."""
    return bool(config.fsdp) or _launched_by_fsdp()


def _launched_by_fsdp() -> bool:
    return os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true"


def refuse_repetition_penalty(config: GRPOConfig) -> None:
    if config.repetition_penalty != 1.0:
        raise UserError(
            f"repetition_penalty {config.repetition_penalty} would be ignored: the engine has none; remove it"
        )


def require_whole_steps(config: GRPOConfig) -> None:
    """Refuse a round that ends within an optimiser step."""
    micro_steps = config.steps_per_generation * config.num_iterations
    if micro_steps % config.gradient_accumulation_steps:
        raise UserError(
            f"a round of {micro_steps} micro-batches (steps_per_generation x num_iterations) must be a multiple "
            f"of gradient_accumulation_steps ({config.gradient_accumulation_steps}); change either"
        )


def require_resumable(config: GRPOConfig) -> None:
    """Refuse checkpoints that a killed run could not go on from."""
    if config.save_only_model:
        raise UserError("save_only_model leaves out the optimiser, so a killed run could not go on; remove it")
    if config.push_to_hub and config.hub_strategy in ("checkpoint", "all_checkpoints"):
        raise UserError(
            "this hub_strategy would upload checkpoints that are still being written; use every_save or end"
        )


def require_packable(config: GRPOConfig) -> None:
    """Refuse what a packed update could not give the plain loop's gradient for."""
    reasons = {
        "top_entropy_quantile below 1 (a quantile over every token of TRL's micro-batch)": (
            config.top_entropy_quantile < 1.0
        ),
        "use_adaptive_entropy": config.use_adaptive_entropy,
        "steps_per_generation that is no multiple of gradient_accumulation_steps": (
            config.steps_per_generation % config.gradient_accumulation_steps != 0
        ),
    }
    _refuse("tokens_per_micro_batch", reasons)


def require_token_credit(config: GRPOConfig) -> None:
    """Refuse what would not leave each token its own advantage."""
    reasons = {
        "loss_type vespo, which weighs a whole rollout by the sign of its advantage": config.loss_type == "vespo",
        "importance_sampling_level sequence, by which every token moves by the mean of its rollout's advantages": (
            config.importance_sampling_level == "sequence"
        ),
        "top_entropy_quantile below 1, which leaves tokens out of the loss whatever is credited to them": (
            config.top_entropy_quantile < 1.0
        ),
    }
    _refuse("credit", reasons)


def require_unclipped(config: GRPOConfig, share: float) -> None:
    """Refuse losses that KL-Cov's penalty is not of, and what clips or leaves out tokens. `share`: of the tokens."""
    if not 0 < share <= 1:
        raise UserError(f"kl_cov must be above 0 and at most 1, not {share}")
    fitting = ("grpo", "bnpo", "dr_grpo", "dapo")
    reasons = {
        f"loss_type {config.loss_type}, only with {', '.join(fitting)}": config.loss_type not in fitting,
        "importance_sampling_level sequence": config.importance_sampling_level == "sequence",
        "delta, which clips": config.delta is not None,
        "off_policy_mask_threshold": config.off_policy_mask_threshold is not None,
        "top_entropy_quantile below 1": config.top_entropy_quantile < 1.0,
    }
    _refuse("kl_cov", reasons)


def _refuse(setting: str, reasons: Mapping[str, bool]) -> None:
    for reason, holds in reasons.items():
        if holds:
            raise UserError(f"{setting} does not go with {reason}; change either")
