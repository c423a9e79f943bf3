"""What a model that was trained keeps of its base, so that it loads wherever the base does.

transformers 5 writes tokenizers and configs in words of its own. 4.57 refuses some (`TokenizersBackend`, a list of
`extra_special_tokens`) and passes over others: without `rope_theta` it computes with its default. So where a tokenizer
is the base's, its own files stay to the byte, and a config is the base's with what has changed.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rl.errors import UserError
from rl.merging.folders import leads_out, read_json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TOKENIZER = (
    *("tokenizer*", "special_tokens_map.json", "added_tokens.json", "chat_template*"),
    *("vocab.*", "merges.txt", "*.model", "*.tiktoken"),
)
"""A tokenizer's files."""
CONFIG, TOKENIZER_CONFIG = "config.json", "tokenizer_config.json"
OF_THE_FILE = {"dtype", "torch_dtype", "transformers_version", "_name_or_path"}
"""What a config says of its file, and not of the model."""
OF_TRAINING = {"use_cache"}
"""What training turns off, and who samples wants."""


def keep(base: Path | None, model: Path, trust_remote_code: bool = False) -> None:
    """Have the folder of a model, or an adapter, be its base's where both are the same, and elsewhere as 4.57 reads it.

    `base` is None where it is not there. What the config says of the dtype is for `dtypes.state` to say.
    """
    if base is not None and _same_tokenizer(base, model, trust_remote_code):
        for path in tokenizer_files(model):
            path.unlink()
        for path in tokenizer_files(base):
            shutil.copyfile(path, model / path.name)
    elif (model / TOKENIZER_CONFIG).is_file():
        _write(model / TOKENIZER_CONFIG, _readable_tokenizer(read_json(model / TOKENIZER_CONFIG)))
    if (model / CONFIG).is_file():
        config = read_json(model / CONFIG)
        kept = _kept(base, model, config, trust_remote_code) if base is not None else config
        _write(model / CONFIG, _readable(kept))


def tokenizer_files(model: Path) -> list[Path]:
    """Those that are the model's own, and no links to something else."""
    found = {path for pattern in TOKENIZER for path in model.glob(pattern) if path.is_file()}
    return sorted(path for path in found if not leads_out(path))


def _same_tokenizer(base: Path, model: Path, trust_remote_code: bool) -> bool:
    """Whether both have one vocabulary, special tokens, chat template, and way to cut; not where one does not load."""
    own, theirs = ({path.name: path.read_bytes() for path in tokenizer_files(folder)} for folder in (base, model))
    if own == theirs or not (own and theirs):
        return bool(own)

    from rl.models import load_tokenizer

    try:
        one, two = (load_tokenizer(str(folder), trust_remote_code) for folder in (base, model))
    except UserError:
        return False
    return _described(one) == _described(two)


def _described(tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    # How the last batch was padded and cut is no part of a tokenizer.
    parts = {} if backend is None else json.loads(backend.to_str()) | {"padding": None, "truncation": None}
    return {
        "vocabulary": tokenizer.get_vocab(),
        "special": tokenizer.special_tokens_map,
        "more special": [str(token) for token in tokenizer.extra_special_tokens],
        "template": tokenizer.chat_template,
        "parts": parts,
    }


def _readable_tokenizer(config: dict[str, Any]) -> dict[str, Any]:
    """In words that transformers 4.57 and 5 both know."""
    if config.get("tokenizer_class") == "TokenizersBackend":
        config["tokenizer_class"] = "PreTrainedTokenizerFast"
    if isinstance(config.get("extra_special_tokens"), list):
        config["additional_special_tokens"] = config.pop("extra_special_tokens")
    return config


def _kept(base: Path, model: Path, config: dict[str, Any], trust_remote_code: bool) -> dict[str, Any]:
    """The base's own words, with what the model has otherwise; the model's where one of the two does not load."""
    own = read_json(base / CONFIG)
    if config.keys() == own.keys() and _of_model(config) == _of_model(own):
        return own | {key: config[key] for key in ("_name_or_path",) if key in config}

    from rl.models import load_config

    try:
        before, after = (load_config(str(folder), trust_remote_code).to_dict() for folder in (base, model))
    except UserError:
        return config
    if before.get("model_type") != after.get("model_type"):
        return config
    gone = set(before) - set(after)
    changed = {
        key: config.get(key, value)
        for key, value in after.items()
        if key not in OF_THE_FILE | OF_TRAINING and (key not in before or _of_model(before[key]) != _of_model(value))
    }
    named = {key: config[key] for key in ("_name_or_path",) if key in config}
    return {key: value for key, value in own.items() if key not in gone} | changed | named


def _of_model(value: Any) -> Any:
    """A part of a config without what it says of its file."""
    if not isinstance(value, dict):
        return value
    return {key: _of_model(part) for key, part in value.items() if key not in OF_THE_FILE | OF_TRAINING}


def _readable(config: dict[str, Any]) -> dict[str, Any]:
    """With the rotary embedding told as transformers 4.57 looks for it, too."""
    rotary = config.get("rope_parameters")
    if not isinstance(rotary, dict) or "rope_theta" not in rotary:
        return config
    more: dict[str, Any] = {"rope_theta": rotary["rope_theta"]}
    if rotary.get("rope_type", "default") != "default":
        more["rope_scaling"] = {key: value for key, value in rotary.items() if key != "rope_theta"}
    return config | {key: value for key, value in more.items() if key not in config}


def _write(path: Path, values: dict[str, Any]) -> None:
    if values != read_json(path):
        path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n")
