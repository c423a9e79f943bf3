"""The long-context demo model: wired to copy, rebuilt at small scale, and as good as RL needs it to be."""

from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from rl.demo.keychain_warmstart import drills, traces, warm_start
from rl.demo.supervised import build_model
from rl.demo.wired import wire_for_copying
from rl.evaluation import Protocol
from rl.evaluation.sampling import Answerer, end_ids, evaluate
from rl.models import load_model, load_tokenizer, resolve_model
from rl.plugins import load_verifier
from rl.problems.data import load_problems
from rl.recipe.parts import PromptPart, SourcePart
from rl.rollouts import TransformersEngine

SHIPPED = Path(resolve_model("keychain-demo"))


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


def test_the_last_demonstrator_answers_too_early_about_half_of_the_time() -> None:
    tokenizer = load_tokenizer(str(SHIPPED))
    patient, hasty = (traces(64, 5, tokenizer, hasty=share) for share in (0.0, 0.5))
    early = [a[1] for a, b in zip(hasty, patient, strict=True) if a != b]
    assert 20 < len(early) < 44
    for (prompt, whole), (same, _) in zip(patient, hasty, strict=True):
        assert prompt == same
        assert tokenizer.decode(whole).count("\n") == 7
    assert all(tokenizer.decode(ids).count("\n") == 4 for ids in early)


@pytest.mark.slow
def test_a_small_rebuild_gives_the_shipped_tokenizer_and_shape_and_learns(tmp_path: Path) -> None:
    warm_start(tmp_path, examples=120)
    assert (tmp_path / "tokenizer.json").read_bytes() == (SHIPPED / "tokenizer.json").read_bytes()
    rebuilt, shipped = load_model(str(tmp_path)), load_model(str(SHIPPED))
    shapes = [{k: v.shape for k, v in model.state_dict().items()} for model in (rebuilt, shipped)]
    assert shapes[0] == shapes[1]
    assert rebuilt.config.to_diff_dict() == shipped.config.to_diff_dict()
    tokenizer = load_tokenizer(str(SHIPPED))
    pairs = traces(16, 99, tokenizer)

    def loss(model: torch.nn.Module) -> float:
        with torch.no_grad():
            losses = [model(torch.tensor([p + c]), labels=torch.tensor([[-100] * len(p) + c])).loss for p, c in pairs]
        return float(torch.stack(losses).mean())

    assert loss(shipped) < 0.4 < loss(rebuilt) < 0.75 * loss(build_model(tokenizer, 96, 3))


def test_the_shipped_model_is_small_and_solves_some_problems_and_not_others() -> None:
    assert sum(f.stat().st_size for f in SHIPPED.iterdir()) < 2_500_000
    verifier = load_verifier("substring", {"mode": "paper"})
    source = SourcePart("keychain-demo", options={"split": "validation", "n": 128})
    problems = load_problems(source, PromptPart(), verifier).problems
    model, tokenizer = load_model(str(SHIPPED)), load_tokenizer(str(SHIPPED))
    answerer = Answerer(TransformersEngine(model), tokenizer, end_ids(model, tokenizer))
    found = evaluate(answerer, problems, verifier, Protocol(cap=200))
    assert 0.05 < found.accuracy.mean < 0.3
    assert found.truncated.mean < 0.2
