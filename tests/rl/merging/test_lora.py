import json
from pathlib import Path

import naive_merges as naive
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from rl.errors import UserError
from rl.merging import fold
from rl.models import load_model, resolve_model

DEMO = resolve_model("demo")


def adapter(folder: Path, model: torch.nn.Module | None = None, **options: object) -> Path:
    """A LoRA adapter of the demo model with numbers in it."""
    torch.manual_seed(0)
    config = LoraConfig(r=4, lora_alpha=6, target_modules=["q_proj", "down_proj"], **options)  # type: ignore[arg-type]
    adapted = get_peft_model(model or load_model(DEMO), config)
    for name, parameter in adapted.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.05)
    adapted.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_rslora": True},
        {"rank_pattern": {"layers.0.self_attn.q_proj": 2}, "alpha_pattern": {"down_proj": 3}},
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_folding_is_what_peft_makes_of_it_to_the_bit(
    tmp_path: Path, options: dict[str, object], dtype: torch.dtype
) -> None:
    base = tmp_path / "base"
    AutoModelForCausalLM.from_pretrained(DEMO, dtype=dtype).save_pretrained(base, max_shard_size="100KB")
    record = fold(str(base), str(adapter(tmp_path / "adapter", **options)), tmp_path / "out")
    assert record["adapted"] == 4
    model = AutoModelForCausalLM.from_pretrained(base, dtype=dtype)
    expected = PeftModel.from_pretrained(model, tmp_path / "adapter").merge_and_unload().state_dict()
    found = AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype=dtype).state_dict()
    assert naive.bits(found) == naive.bits(expected)


def test_an_adapter_of_a_turned_layer_is_turned(tmp_path: Path) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    GPT2LMHeadModel(GPT2Config(vocab_size=40, n_positions=16, n_embd=8, n_layer=1, n_head=2)).save_pretrained(
        tmp_path / "base"
    )
    model = GPT2LMHeadModel.from_pretrained(tmp_path / "base")
    config = LoraConfig(r=2, target_modules=["c_attn"], fan_in_fan_out=True, init_lora_weights=False)
    adapted = get_peft_model(model, config)
    adapted.save_pretrained(tmp_path / "adapter")
    try:
        fold(str(tmp_path / "base"), str(tmp_path / "adapter"), tmp_path / "out")
    except UserError as error:
        pytest.fail(str(error))
    found = GPT2LMHeadModel.from_pretrained(tmp_path / "out").state_dict()
    assert naive.bits(found) == naive.bits(adapted.merge_and_unload().state_dict())


def test_what_is_not_plain_lora_or_another_models_is_refused(tmp_path: Path) -> None:
    def refused(place: Path, match: str) -> None:
        with pytest.raises(UserError, match=match):
            fold(DEMO, str(place), tmp_path / "out")
        assert not (tmp_path / "out").exists()

    refused(adapter(tmp_path / "dora", use_dora=True), "not plain LoRA")
    refused(adapter(tmp_path / "modules", modules_to_save=["lm_head"]), "has lm_head whole, and .* one tensor")
    refused(Path(DEMO), "not an adapter")
    other = adapter(tmp_path / "other")
    from safetensors.torch import load_file, save_file

    weights = load_file(other / "adapter_model.safetensors")
    save_file(
        {n: w if w.shape[0] == 4 else w[:-1].clone() for n, w in weights.items()}, other / "adapter_model.safetensors"
    )
    refused(other, "the base model's is")
    save_file({n.replace("layers.1", "layers.7"): w for n, w in weights.items()}, other / "adapter_model.safetensors")
    refused(other, "another model's adapter")
    config = json.loads((other / "adapter_config.json").read_text())
    (other / "adapter_config.json").write_text(json.dumps({**config, "peft_type": "IA3"}))
    refused(other, "not plain LoRA")
