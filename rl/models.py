"""Models and tokenizers by path, hub name, or the name of an embedded model."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as transformers_logging

from rl.errors import UserError

EMBEDDED = {"demo": "demo_model", "keychain-demo": "keychain_model"}


def resolve_model(name: str) -> str:
    """A path or hub name for `from_pretrained`; a folder must be a model's."""
    if name in EMBEDDED:
        return str(resources.files("data_synth") / EMBEDDED[name])
    path = Path(name).expanduser()
    if path.exists() and not (path / "config.json").is_file():
        raise UserError(f"model {name!r}: the folder is not a model, it has no config.json")
    if not path.exists() and (path.is_absolute() or name.count("/") > 1 or name[:1] in (".", "~")):
        raise UserError(f"model {name!r}: no such folder")
    return str(path) if path.exists() else name


def load_tokenizer(model: str) -> PreTrainedTokenizerBase:
    try:
        tokenizer = AutoTokenizer.from_pretrained(model, padding_side="left")
    except Exception as error:
        raise UserError(f"cannot load a tokenizer from {model!r}: {_first_line(error)}") from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer  # type: ignore[no-any-return]


def load_config(model: str) -> PretrainedConfig:
    try:
        return AutoConfig.from_pretrained(model)
    except Exception as error:
        raise UserError(f"cannot load the config of {model!r}: {_first_line(error)}") from error


def load_model(model: str, **options: Any) -> PreTrainedModel:
    """The weights in fp32 unless `options` give another `dtype`, as under TRL.

    Training needs that: a step of a usual learning rate is too small for half-precision weights to
    show. `bf16: true` still computes in bf16.
    """
    try:
        return AutoModelForCausalLM.from_pretrained(model, **{"dtype": "float32", **options})  # type: ignore[no-any-return]
    except Exception as error:
        raise UserError(f"cannot load a model from {model!r}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def quieten_libraries() -> None:
    """Leave the terminal to our own progress bar; warnings of substance still pass."""
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
