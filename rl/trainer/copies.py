"""A run's model apart from its trainer: a plain copy to ask before and after training, and how memory is given back."""

from __future__ import annotations

import gc

import torch
from transformers import PreTrainedModel

from rl.errors import UserError
from rl.models import whole_on_each_rank
from rl.recipe.config import LengthGRPOConfig
from rl.recipe.parts import Recipe
from rl.rollouts.samplable import require_samplable
from rl.trainer.divergence import not_finite
from rl.trainer.lora import load_options, start_from


def plain_copy(source: str, recipe: Recipe, config: LengthGRPOConfig) -> PreTrainedModel:
    """The model at a path or hub name, whole, on this rank's device, in the dtype that training computes in.

    What `accelerate` has not prepared may lie in host memory, or hold zeros; what it has prepared computes otherwise
    than what is saved. Errors: UserError where its weights are not finite.
    """
    options = load_options(recipe, config)
    if config.bf16 or config.fp16:
        options["dtype"] = "bfloat16" if config.bf16 else "float16"
    with whole_on_each_rank():
        model, _ = start_from(source, recipe.lora, options)
    require_finite(model, source)
    if "device_map" not in options:
        model.to(config.device)
    require_samplable(model, config.device)
    return model.eval()  # type: ignore[no-any-return]


def require_finite(model: PreTrainedModel, source: str) -> None:
    """Errors: UserError for weights, loaded from `source`, that are not finite."""
    wrong = not_finite(model, trained=False)
    if wrong is not None:
        raise UserError(
            f"{source}: the weights are not finite in {wrong}; start from another model, or delete that folder"
        )


def give_back() -> None:
    """Free what nobody holds any more: models and trainers hold one another, so their memory waits for a collection."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
