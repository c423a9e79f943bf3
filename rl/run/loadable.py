"""Whether a run's model could be loaded as its recipe wants it, found out without its weights."""

from __future__ import annotations

from typing import Any

from transformers import AutoConfig, AutoModelForCausalLM, PretrainedConfig

from rl.errors import UserError, unknown
from rl.models import base_of, load_config, without_weights
from rl.recipe.config import LengthGRPOConfig

BUILT = ("dtype", "torch_dtype", "attn_implementation", "experts_implementation")
"""What a model is built by, beside its configuration."""
LOADED = (
    *("cache_dir", "force_download", "local_files_only", "proxies", "revision", "subfolder", "token", "variant"),
    *("device_map", "max_memory", "offload_buffers", "offload_folder", "offload_state_dict", "low_cpu_mem_usage"),
    *("ignore_mismatched_sizes", "key_mapping", "state_dict", "use_safetensors", "weights_only"),
    *("quantization_config", "tp_plan", "tp_size", "trust_remote_code", "use_kernels"),
)
"""What concerns its files alone."""


def require_loadable(model: str, config: LengthGRPOConfig) -> PretrainedConfig:
    """The model's configuration with `trainer.model_init_kwargs` in it.

    Errors: UserError for a setting that no model takes, and for a model that does not answer by text alone.
    """
    load_config(model, config.trust_remote_code)  # says why, where there is none
    given = {key: value for key, value in (config.model_init_kwargs or {}).items() if key not in LOADED}
    remote = config.trust_remote_code
    try:
        settings, rest = AutoConfig.from_pretrained(
            base_of(model) or model, trust_remote_code=remote, return_unused_kwargs=True, **given
        )
    except Exception as error:
        raise UserError(f"trainer.model_init_kwargs: {' '.join(str(error).split())}") from error
    built: dict[str, Any] = {key: given[key] for key in BUILT if key in given}
    for key in rest:
        if key not in BUILT:
            known = [*vars(settings), *BUILT, *LOADED]
            raise unknown("key", f"trainer.model_init_kwargs.{key}", (f"trainer.model_init_kwargs.{k}" for k in known))
    try:
        with without_weights():
            AutoModelForCausalLM.from_config(settings, trust_remote_code=remote, **built)
    except Exception as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        if "Unrecognized configuration class" in said[0]:
            raise UserError(
                f"{model} is a {type(settings).__name__}, no causal language model that answers by text alone; "
                "multimodal models and encoders are not trained here"
            ) from error
        raise UserError(f"cannot make a model of {model}: {said[0]}") from error
    return settings  # type: ignore[no-any-return]
