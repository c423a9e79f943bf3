"""Base models as most of the hub's are: in half precision, written by an earlier transformers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch

from rl.models import load_model, resolve_model


def older_base(folder: Path, dtype: torch.dtype = torch.bfloat16) -> Path:
    """The demo model in `dtype`, with a tokenizer and a config as transformers 4 writes them, and another rotary base."""
    demo = Path(resolve_model("demo"))
    model = load_model(str(demo), dtype=dtype)
    model.save_pretrained(folder)
    config = json.loads((demo / "config.json").read_text())
    del config["rope_parameters"], config["dtype"]
    words = {"rope_theta": 5e5, "torch_dtype": str(dtype).removeprefix("torch."), "transformers_version": "4.45.0"}
    (folder / "config.json").write_text(json.dumps({**config, **words, "use_cache": True}, indent=2) + "\n")
    shutil.copyfile(demo / "tokenizer.json", folder / "tokenizer.json")
    special = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    (folder / "special_tokens_map.json").write_text(json.dumps(special))
    template = (demo / "chat_template.jinja").read_text()
    told = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 1024, "chat_template": template}
    (folder / "tokenizer_config.json").write_text(json.dumps({**special, **told}, indent=4))
    return folder
