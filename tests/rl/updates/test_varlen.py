"""Rows end to end, by what varlen_attn does of its signature, against the same rows padded."""

import inspect
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.nn.attention.varlen import varlen_attn
from transformers import AutoConfig, AutoModelForCausalLM

from rl.updates import varlen
from rl.updates.padding_free import end_to_end as laid_out
from rl.updates.padding_free import inputs_of

SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "head_dim": 8,
    "intermediate_size": 48,
    "vocab_size": 50,
    "pad_token_id": 0,
    "max_position_embeddings": 64,
    "attention_dropout": 0.0,
}
FAMILIES: list[tuple[str, dict[str, Any]]] = [
    ("llama", {}),
    ("mistral", {"sliding_window": 4}),
    ("olmo2", {}),
    ("phi3", {"sliding_window": 5, "partial_rotary_factor": 1.0}),
    ("qwen2", {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1}),
    ("qwen3", {}),
    ("qwen3_moe", {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}),
    ("smollm3", {}),
]


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Rows padded on both sides: prompts of 2 to 6 tokens, some the same, and completions of 1 to 9."""
    sizes = [(2, 9), (6, 1), (6, 4), (6, 7), (5, 5), (1, 3), (1, 2)]
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(1, 50, (len(sizes), 15), generator=generator)
    ids[2:4, :6], ids[6, :6] = ids[1, :6], ids[5, :6]
    mask = torch.tensor([[0] * (6 - p) + [1] * (p + c) + [0] * (9 - c) for p, c in sizes])
    return ids, mask


def log_probs(model: Any, ids: torch.Tensor, mask: torch.Tensor, end_to_end: bool, shared: bool = True) -> torch.Tensor:
    """Of all tokens of completions, in order."""
    if end_to_end:
        row = laid_out(ids, mask, 9, shared)
        inputs = inputs_of(model, row)
        labels = inputs.pop("shift_labels")
        logits = model(**inputs, use_cache=False).logits
        found = row.back(logits.log_softmax(-1).gather(2, labels.clamp(min=0)[:, :, None])[:, :, 0])
        return found[mask[:, -9:].bool()]
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    logits = model(input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False).logits[:, -10:-1]
    found = logits.log_softmax(-1).gather(2, ids[:, -9:, None])[:, :, 0]
    return found[mask[:, -9:].bool()]


def test_every_family_that_is_proven_is_tested() -> None:
    assert sorted(name for name, _ in FAMILIES) == sorted(varlen.PROVEN)


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize(("family", "more"), FAMILIES, ids=[name for name, _ in FAMILIES])
def test_rows_end_to_end_give_the_log_probs_and_gradients_of_padded_rows(
    family: str, more: dict[str, Any], kv_heads: int
) -> None:
    torch.manual_seed(0)
    config = AutoConfig.for_model(family, **SMALL, num_key_value_heads=kv_heads, **more)
    assert varlen.is_proven(config)
    model = AutoModelForCausalLM.from_config(config, experts_implementation="eager").double().train()
    model.gradient_checkpointing_enable({"use_reentrant": False})  # which does layers again, after the call
    ids, mask = batch()

    def run(**how: bool) -> tuple[torch.Tensor, list[torch.Tensor]]:
        model.zero_grad()
        found = log_probs(model, ids, mask, **how)
        (found * torch.linspace(-1, 1, len(found))).sum().backward()
        return found.detach(), [p.grad.clone() for p in model.parameters() if p.grad is not None]

    padded, theirs = run(end_to_end=False)
    varlen.use(model)
    again, unchanged = run(end_to_end=False)  # whatever is no row end to end is SDPA
    assert torch.equal(again, padded)
    assert all(torch.equal(one, other) for one, other in zip(unchanged, theirs, strict=True))
    for shared in (True, False):
        found, ours = run(end_to_end=True, shared=shared)
        torch.testing.assert_close(found, padded, rtol=1e-9, atol=1e-9)
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert (one - other).norm() <= 1e-6 * other.norm()  # norms are computed in single precision


def test_no_mask_is_made_for_rows_end_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model("qwen2", **SMALL, num_key_value_heads=2))
    varlen.use(model)
    seen: list[Any] = []
    plain = varlen.by_rows
    monkeypatch.setattr(
        varlen, "by_rows", lambda *given, **more: (seen.append((given, more)), plain(*given, **more))[1]
    )
    monkeypatch.setattr("transformers.masking_utils.sdpa_mask", lambda **_: pytest.fail("a mask was made"))
    log_probs(model, *batch(), end_to_end=True)
    (query, key, _, starts, ends, longest, most), more = seen[0]
    # Of the third and the fourth row, whose prompt of 6 the second has, its last token and 4 and 7 of completion.
    assert (query.shape, starts.tolist(), longest) == ((48, 4, 8), [0, 11, 18, 23, 31, 41, 45, 48], 11)
    assert (key.shape, ends.tolist(), most) == ((58, 2, 8), [0, 11, 18, 28, 41, 51, 55, 58], 13)
    assert more["enable_gqa"]


def test_varlen_attn_is_what_ours_stands_for() -> None:
    theirs, ours = (inspect.signature(each).parameters for each in (varlen_attn, varlen.by_rows))
    assert list(ours)[:7] == list(theirs)[:7]
    assert {name: theirs[name].kind for name in ours} == {name: ours[name].kind for name in ours}
    assert all(theirs[name].default == ours[name].default for name in ours)


def test_the_kernel_takes_shared_heads_a_window_and_a_backward_pass() -> None:
    # On the meta device: shapes and dispatch as on CUDA, no numbers.
    query, key, value = (
        torch.empty((28, heads, 8), device="meta", dtype=torch.bfloat16, requires_grad=True) for heads in (4, 2, 2)
    )
    starts = torch.empty(4, device="meta", dtype=torch.int32)
    for window in ((-1, 0), (3, 0)):
        out = varlen_attn(query, key, value, starts, starts, 11, 11, scale=0.3, window_size=window, enable_gqa=True)
        assert isinstance(out, torch.Tensor)
        assert out.shape == query.shape
        assert out.requires_grad


@pytest.mark.parametrize("autocast", [False, True])
def test_queries_in_float32_are_computed_as_configured_and_never_refused(autocast: bool) -> None:
    query, key, value = (torch.randn((1, heads, 28, 8)) for heads in (4, 2, 2))
    starts = torch.tensor([0, 11, 18, 28], dtype=torch.int32)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        out, _ = varlen.attend(torch.nn.Module(), query, key, value, None, cu_seq_lens_q=starts, max_length_q=11)
    assert out.dtype == (torch.bfloat16 if autocast else torch.float32)
    for start, end in pairwise(starts.tolist()):
        q, k, v = (each[:, :, start:end] for each in (query, key, value))
        alone = torch.tensor([0, end - start], dtype=torch.int32)
        one, _ = varlen.attend(torch.nn.Module(), q, k, v, None, cu_seq_lens_q=alone, max_length_q=end - start)
        torch.testing.assert_close(out[:, start:end].float(), one, atol=2e-2 if autocast else 1e-6, rtol=1e-2)


@pytest.mark.parametrize(
    ("device", "capability", "attention", "more", "expected"),
    [
        ("cuda", (9, 0), "sdpa", {}, True),
        ("cuda", (7, 5), "sdpa", {}, False),
        ("cuda", (9, 0), "flash_attention_2", {}, False),
        ("cuda", (9, 0), "sdpa", {"model_type": "gpt_oss"}, False),
        ("cuda", (9, 0), "sdpa", {"head_dim": 512}, False),
        ("cuda", (9, 0), "sdpa", {"attention_dropout": 0.1}, False),
        ("cuda", (9, 0), "sdpa", {"layer_types": ["full_attention", "linear_attention"]}, False),
        ("cpu", (0, 0), "sdpa", {}, True),
        ("cpu", (0, 0), "eager", {}, False),
        ("mps", (0, 0), "sdpa", {}, False),
    ],
)
def test_it_is_the_default_where_its_kernels_run(
    device: str,
    capability: tuple[int, int],
    attention: str,
    more: dict[str, Any],
    expected: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    config: Any = SimpleNamespace(**{"model_type": "qwen2", "head_dim": 128, "_attn_implementation": attention, **more})
    assert varlen.is_default(config, torch.device(device)) == expected
