"""Models and tokenizers by path, hub name, or the name of an embedded model.

Where a folder of a model may stand, one of a LoRA adapter may: its base model is found and loaded with it. No code that
comes with a model is run unless `trust_remote_code` is given.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rl.errors import OutOfReach, UserError, first_line

if TYPE_CHECKING:
    from transformers import GenerationConfig, PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

EMBEDDED = {
    "demo": "demo_model",
    "keychain-demo": "keychain_model",
    "modes-demo": "modes_model",
    "dial-demo": "dial_model",
}
ADAPTER_CONFIG = "adapter_config.json"


def resolve_model(name: str) -> str:
    """A path or hub name for `from_pretrained`; a folder must be a model's or an adapter's."""
    if name in EMBEDDED:
        return str(resources.files("data_synth") / EMBEDDED[name])
    path = Path(name).expanduser()
    if path.exists() and not any((path / config).is_file() for config in ("config.json", ADAPTER_CONFIG)):
        raise UserError(f"model {name!r}: the folder is not a model, it has no config.json")
    if not path.exists() and (path.is_absolute() or name.count("/") > 1 or name[:1] in (".", "~")):
        raise UserError(f"model {name!r}: no such folder")
    return str(path) if path.exists() else name


def base_of(model: str) -> str | None:
    """The path or hub name of the base that the adapter in a folder names; None where it is no adapter's.

    Errors: UserError where the base is named and is not there, or is an adapter itself.
    """
    config = Path(model) / ADAPTER_CONFIG
    if not config.is_file():
        return None
    try:
        name = json.loads(config.read_text()).get("base_model_name_or_path")
    except (ValueError, AttributeError):
        raise UserError(f"{config} is no JSON object") from None
    if not name:
        raise UserError(f"the adapter {model} names no base model: write it into its {ADAPTER_CONFIG}")
    try:
        base = resolve_model(_where_it_lies(name, config.resolve()))
    except UserError:
        raise UserError(
            f"the adapter {model} needs its base model {name}, which is not there; bring it back, or write where it is "
            f"into {config}"
        ) from None
    if (Path(base) / ADAPTER_CONFIG).is_file():
        raise UserError(f"the base {name} of the adapter {model} is an adapter itself: fold it with lengthwise merge")
    return base


def _where_it_lies(base: str, adapter: Path) -> str:
    """A base that is the model of an earlier stage was moved with the run that both are of."""
    at, _, model = base.rpartition("/stages/")
    if at and not Path(base).exists():
        moved = (above / model for above in adapter.parents if above.name == "stages")
        return next((str(path) for path in moved if path.is_dir()), base)
    return base


def load_tokenizer(model: str, trust_remote_code: bool = False) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    place = model if (Path(model) / "tokenizer_config.json").is_file() else base_of(model) or model
    try:
        tokenizer = AutoTokenizer.from_pretrained(place, padding_side="left", trust_remote_code=trust_remote_code)
    except Exception as error:
        raise _cannot(f"load a tokenizer from {model!r}", model, error) from error
    if _loses_spaces(tokenizer, Path(place)):
        tokenizer = PreTrainedTokenizerFast.from_pretrained(place, padding_side="left")
    if not isinstance(tokenizer.model_max_length, int | float):
        raise UserError(f"{place}: model_max_length in tokenizer_config.json is no number; restore the file")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer  # type: ignore[no-any-return]


def _loses_spaces(tokenizer: PreTrainedTokenizerBase, folder: Path) -> bool:
    """Whether a tokenizer of bytes was loaded as one of SentencePiece.

    transformers 5 believes a config that says LlamaTokenizerFast, as R1-Distill-Llama's does; on the hub it knows it by
    its name, in a folder not.
    """
    file, backend = folder / "tokenizer.json", getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or not file.is_file():
        return False
    told = json.loads(file.read_text(encoding="utf-8")).get("pre_tokenizer")
    loaded = backend.pre_tokenizer.__getstate__() if backend.pre_tokenizer else b""
    return "ByteLevel" in json.dumps(told) and b"ByteLevel" not in loaded


def load_config(model: str, trust_remote_code: bool = False) -> PretrainedConfig:
    """Of an adapter, its base model's."""
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(base_of(model) or model, trust_remote_code=trust_remote_code)
    except UserError:
        raise
    except Exception as error:
        raise _cannot(f"load the config of {model!r}", model, error) from error


def load_generation_config(model: str) -> GenerationConfig:
    """How a model is sampled by default; where it does not say, what its config tells of it."""
    from transformers import GenerationConfig
    from transformers.utils import GENERATION_CONFIG_NAME

    try:
        if not (Path(model) / GENERATION_CONFIG_NAME).is_file() and Path(model).is_dir():
            return GenerationConfig.from_model_config(load_config(model))
        return GenerationConfig.from_pretrained(model)
    except UserError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and not Path(model).is_dir():  # the hub has none
            return GenerationConfig.from_model_config(load_config(model))
        raise _cannot(f"load the {GENERATION_CONFIG_NAME} of {model!r}", model, error) from error


def load_model(model: str, **options: Any) -> PreTrainedModel:
    """The weights in fp32 unless `options` give another `dtype`, as under TRL; an adapter on its base, unmerged.

    Training needs that: a step of a usual learning rate is too small for half-precision weights to
    show. `bf16: true` still computes in bf16. What is read is safetensors, or a pickle that holds
    nothing but tensors.
    """
    from transformers import AutoModelForCausalLM

    base = base_of(model)
    try:
        if base is not None:
            from peft import PeftModel

            return PeftModel.from_pretrained(load_model(base, **options), model)  # type: ignore[return-value]
        defaults = {"dtype": "float32", "trust_remote_code": False}
        return AutoModelForCausalLM.from_pretrained(model, **{**defaults, **options})  # type: ignore[no-any-return]
    except UserError as error:
        raise UserError(f"the base of the adapter {model}: {error}") from error
    except Exception as error:
        raise UserError(f"cannot load a model from {model!r}: {first_line(error)}") from error


@contextmanager
def whole_on_each_rank() -> Iterator[None]:
    """Have models that are loaded in this block hold their weights, on every rank of a launch that shards them.

    To save memory transformers leaves zeros on all ranks of a node but the first under FSDP's
    `cpu_ram_efficient_loading`, and each its share under ZeRO-3: right for what accelerate is to prepare, only.
    """
    from transformers.integrations import deepspeed

    name, config = "FSDP_CPU_RAM_EFFICIENT_LOADING", deepspeed._hf_deepspeed_config_weak_ref
    before = os.environ.get(name)
    os.environ[name] = "false"
    deepspeed._hf_deepspeed_config_weak_ref = None
    try:
        yield
    finally:
        deepspeed._hf_deepspeed_config_weak_ref = config
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before


@contextmanager
def without_weights() -> Iterator[None]:
    """Have models that are made in this block have shapes and no memory, in a launch that shards them, too."""
    import torch

    with whole_on_each_rank(), torch.device("meta"):
        yield


def _cannot(what: str, model: str, error: Exception) -> UserError:
    kind = UserError if Path(model).exists() else OutOfReach
    return kind(f"cannot {what}: {first_line(error)}")


def context_of(config: PretrainedConfig) -> int | None:
    """Tokens that a model was made for, prompt and completion together; None where its configuration does not say."""
    text = config.get_text_config()
    limit = next((found for name in CONTEXT if isinstance(found := getattr(text, name, None), int)), None)
    scaling = getattr(text, "rope_parameters", None) or getattr(text, "rope_scaling", None) or {}
    kind = scaling.get("rope_type", scaling.get("type"))
    if limit is None or kind not in ("linear", "dynamic", "yarn"):
        return limit
    begun = scaling.get("original_max_position_embeddings") or limit
    return max(limit, int(begun * scaling.get("factor", 1.0)))


CONTEXT = ("max_position_embeddings", "max_seq_len", "max_sequence_length", "seq_length", "n_positions")
"""What configurations call it."""


def require_end(tokenizer: PreTrainedTokenizerBase) -> None:
    """Errors: UserError for a tokenizer by which a completion could not end."""
    if tokenizer.eos_token_id is None:
        raise UserError(
            f"the tokenizer {tokenizer.name_or_path} has no end token, so no completion could end: "
            "name its eos_token in tokenizer_config.json"
        )


def require_room(
    ids: Sequence[Sequence[int]], budget: int, tokenizer: PreTrainedTokenizerBase, config: PretrainedConfig, what: str
) -> int:
    """Tokens of the longest of the prompts `ids`. Errors: UserError where a model cannot be given them.

    They and the `budget` tokens after them must fit into its context, and their ids into its vocabulary.
    """
    longest = max(map(len, ids))
    limit = context_of(config)
    if limit is not None and longest + budget > limit:
        raise UserError(
            f"{what}: the longest prompt ({longest} tokens) and the largest budget ({budget}) need {longest + budget} "
            f"tokens, and the model has {limit}; shorten prompts or budget"
        )
    if not min(map(len, ids)):
        raise UserError(
            f"{what}: the tokenizer {tokenizer.name_or_path} makes no token of a prompt; is it the model's?"
        )
    size = getattr(config.get_text_config(), "vocab_size", None)
    highest = max(max(map(max, ids)), tokenizer.eos_token_id or 0)
    if size is not None and highest >= size:
        raise UserError(
            f"{what}: the tokenizer {tokenizer.name_or_path} has token {highest}, and the model knows {size}; "
            "take the model's own tokenizer"
        )
    return longest


def quieten_libraries() -> None:
    """Leave the terminal to our own progress bar; warnings of substance still pass."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
