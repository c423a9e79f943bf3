"""The long-context model's warm start: wired to copy, drilled, taught by traces."""

from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from data_synth.keychain_demo import MODEL
from rl.keychain_warmstart import drills, traces, warm_start
from rl.models import load_model, load_tokenizer
from rl.supervised import build_model
from rl.wired import wire_for_copying


def copied(model: torch.nn.Module, length: int) -> float:
    """The share of tokens foretold, of random ones that come again in another order."""
    tokens = torch.randint(3, 800, (8, length), generator=torch.Generator().manual_seed(1))
    ids = torch.cat([tokens, tokens[:, 7:], tokens[:, :7]], 1)
    with torch.no_grad():
        foretold = model(ids).logits[:, length:-1].argmax(-1)
    return float((foretold == ids[:, length + 1 :]).float().mean())


def test_a_wired_model_copies_before_it_has_learned_anything() -> None:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=800,
        hidden_size=96,
        intermediate_size=288,
        num_hidden_layers=3,
        num_attention_heads=3,
        num_key_value_heads=3,
        tie_word_embeddings=True,
        initializer_range=0.1,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6},
    )
    model = LlamaForCausalLM(config)
    assert copied(model, 20) < 0.02
    wire_for_copying(model)
    assert copied(model, 20) > 0.25


def test_drills_repeat_their_tokens_in_pieces() -> None:
    for tokens, again in drills(3, 2, 800, seed=0):
        assert sorted(tokens) == sorted(again)
        assert tokens != again


def test_a_small_warm_start_gives_the_shipped_tokenizer_and_learns(tmp_path: Path) -> None:
    warm_start(tmp_path, examples=120)
    assert (tmp_path / "tokenizer.json").read_bytes() == (MODEL / "tokenizer.json").read_bytes()
    tokenizer = load_tokenizer(str(tmp_path))
    pairs = traces(16, 99, tokenizer)

    def loss(model: torch.nn.Module) -> float:
        with torch.no_grad():
            losses = [model(torch.tensor([p + c]), labels=torch.tensor([[-100] * len(p) + c])).loss for p, c in pairs]
        return float(torch.stack(losses).mean())

    assert loss(load_model(str(tmp_path))) < 0.75 * loss(build_model(tokenizer, 96, 3))
