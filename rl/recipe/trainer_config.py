"""How a recipe becomes the trainer's configuration."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers.integrations.deepspeed import unset_hf_deepspeed_config

from rl.errors import UserError
from rl.ranks import launched
from rl.recipe.config import LengthGRPOConfig, field_types
from rl.recipe.engine_choice import with_engine
from rl.recipe.parts import Recipe
from rl.recipe.refusals import fully_sharded
from rl.recipe.rollout_parts import RolloutPart
from rl.recipe.trainer_values import patience, require_values
from rl.recipe.trial import require_reporters, require_trainable

BATCH = {
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "steps_per_generation",
    "generation_batch_size",
    "num_iterations",
    "tokens_per_micro_batch",
}
"""Fields that `batch` of a recipe stands for."""


def trainer_config(recipe: Recipe, out: Path, budget_maximum: int) -> LengthGRPOConfig:
    """The trainer's configuration for a recipe; an unknown or misplaced key is an error that says so.

    An engine that is left to the machine is the one of this machine.
    """
    recipe = with_engine(recipe)
    require_values(recipe.trainer, field_types(), recipe.name)
    clash = sorted(BATCH & set(recipe.trainer)) if recipe.batch else []
    if clash:
        raise UserError(f"{recipe.name}: `batch` sets trainer.{clash[0]}; remove either")
    _require_engine(recipe)
    require_reporters(recipe.trainer.get("report_to"), recipe.name)
    launched(patience(recipe.trainer, recipe.name))
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
        "oversample": recipe.rollouts.oversample if recipe.rollouts.partial else 1.0,
        "correct_rollouts": recipe.rollouts.engine != "transformers" or recipe.rollouts.partial,
    }
    try:
        config = LengthGRPOConfig(**settings)
    except UserError:
        raise
    except Exception as error:  # whatever TRL and transformers say of these values
        unset_hf_deepspeed_config()  # half made, the error would keep it for every model loaded after
        raise UserError(f"{recipe.name}: {' '.join(str(error).split())}") from error
    require_trainable(config, recipe.name)
    if fully_sharded(config):
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
    if part.engine != "workers" and part.max_staleness and not part.partial:
        raise UserError(
            f"{recipe.name}: rollouts.max_staleness samples a round while another trains, which only rollouts.engine "
            "workers can; set it to 0"
        )
    if not part.partial and part.oversample != RolloutPart.oversample:
        raise UserError(
            f"{recipe.name}: rollouts.oversample begins more groups than a round needs, for rollouts.partial to go on "
            "with; set that to true, or leave this out"
        )
    if part.partial and part.oversample <= 1.0:
        raise UserError(
            f"{recipe.name}: rollouts.oversample must be above 1, not {part.oversample}: a round that begins no more "
            "groups than it needs waits for all of them; set rollouts.partial to false"
        )
    if part.partial and part.engine == "vllm" and part.vllm.tensor_parallel_size > 1:
        raise UserError(
            f"{recipe.name}: rollouts.partial pauses rank by rank, and rollouts.vllm.tensor_parallel_size "
            f"{part.vllm.tensor_parallel_size} has ranks share an engine; set it to 1, or use workers"
        )
    if part.partial and part.pool.weights == "nccl":
        raise UserError(
            f"{recipe.name}: rollouts.pool.weights nccl sends once nothing is under way, and rollouts.partial always "
            "has something; set it to files"
        )
    if part.pool.weights == "nccl" and part.max_staleness > 1:
        # Of one round ahead all that is under way is the round that is waited for anyhow.
        raise UserError(
            f"{recipe.name}: rollouts.pool.weights nccl sends once nothing is under way, which with "
            f"rollouts.max_staleness {part.max_staleness} holds up training for rounds whose turn has not come; set it "
            "to 1, or rollouts.pool.weights to files"
        )
    if part.pool.seconds <= 0:
        raise UserError(f"{recipe.name}: rollouts.pool.seconds must be above 0, not {part.pool.seconds}")


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


def batch_settings(recipe: Recipe, ranks: int | None = None) -> dict[str, int | None]:
    """A recipe's `batch` in TRL's terms, for so many ranks; by default, those of this launch."""
    batch = recipe.batch
    if batch is None:
        return {}
    ranks = ranks or launched().num_processes
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
