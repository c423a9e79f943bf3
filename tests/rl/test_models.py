import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from torch import nn
from transformers import LlamaConfig, PreTrainedModel
from transformers.integrations import deepspeed

from rl.errors import UserError
from rl.models import load_model, load_tokenizer, resolve_model
from rl.trainer.lora import skeleton, trainable


def test_half_precision_weights_are_trained_in_fp32(model: PreTrainedModel, tmp_path: Path) -> None:
    model.to(torch.bfloat16).save_pretrained(tmp_path)
    assert load_model(str(tmp_path)).dtype == torch.float32
    assert load_model(str(tmp_path), dtype="auto").dtype == torch.bfloat16


def test_a_tokenizer_of_bytes_that_calls_itself_llamas_keeps_its_spaces(tmp_path: Path) -> None:
    LlamaConfig().save_pretrained(tmp_path)
    signs = sorted(ByteLevel.alphabet())
    backend = Tokenizer(BPE({sign: place for place, sign in enumerate(signs)}, []))
    backend.pre_tokenizer, backend.decoder = ByteLevel(add_prefix_space=False), ByteLevelDecoder()
    backend.add_special_tokens(["<e>"])
    backend.save(str(tmp_path / "tokenizer.json"))
    told = {"tokenizer_class": "LlamaTokenizerFast", "eos_token": "<e>", "legacy": True}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(told))
    tokenizer = load_tokenizer(str(tmp_path))
    text = "so x ≤ 12,  and\n\tdone"
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text
    assert (tokenizer.eos_token, tokenizer.padding_side) == ("<e>", "left")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({**told, "model_max_length": []}))
    with pytest.raises(UserError, match=r"model_max_length in tokenizer_config\.json is no number"):
        load_tokenizer(str(tmp_path))


def test_a_model_without_weights_is_made_where_zero_3_would_share_them_out(monkeypatch: pytest.MonkeyPatch) -> None:
    config = SimpleNamespace(is_zero3=lambda: True)
    monkeypatch.setattr(deepspeed, "_hf_deepspeed_config_weak_ref", lambda: config)
    assert deepspeed.is_deepspeed_zero3_enabled()
    assert {parameter.device.type for parameter in skeleton(resolve_model("demo"), None).parameters()} == {"meta"}
    assert deepspeed.is_deepspeed_zero3_enabled()


def test_of_weights_that_are_elsewhere_zero_3_says_how_many_there_are() -> None:
    model = nn.Linear(3, 2, bias=False)
    model.weight.data = torch.empty(0)
    setattr(model.weight, "ds_numel", 6)  # noqa: B010
    assert trainable(model) == (6, 6)
