"""Gradients by chunks of the sequence against the ordinary ones, parameter by parameter."""

import copy
import itertools
from typing import Any

import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedModel
from trl.trainer.utils import add_fused_lm_head

from rl.errors import UserError
from rl.recipe.config import LengthGRPOConfig
from rl.updates.chunked import PROVEN, chunk_sequence
from rl.updates.chunked import model as chunked_model
from rl.updates.chunked.attention import attend, first_keys
from rl.updates.chunked.model import hidden_states
from rl.updates.chunked.sparse import Kept, drawn
from rl.updates.padding_free import end_to_end, inputs_of

VOCABULARY = 61
SHAPE: dict[str, Any] = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128,
    "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip
SINGLE = {"cohere", "gemma", "gemma3_text"}
"""Families whose norms scale in single precision, whatever the model's."""
WINDOWS = {"sliding_window": 5, "layer_types": ["sliding_attention", "full_attention"]}
FAMILIES = {
    "cohere": ("CohereConfig", {}),
    "gemma": ("GemmaConfig", {"head_dim": 8}),
    "gemma3_text": ("Gemma3TextConfig", {"head_dim": 8, **WINDOWS}),
    "granite": ("GraniteConfig", {"attention_multiplier": 0.3, "residual_multiplier": 0.5}),
    "llama": ("LlamaConfig", {"tie_word_embeddings": True}),
    "mistral": ("MistralConfig", {"sliding_window": None}),
    "mistral, windows": ("MistralConfig", {"sliding_window": 7}),
    "olmo2": ("Olmo2Config", {}),
    "phi3": ("Phi3Config", {}),
    "qwen2": ("Qwen2Config", {}),
    "qwen2, windows": ("Qwen2Config", {"use_sliding_window": True, **WINDOWS}),
    "qwen3": ("Qwen3Config", {"head_dim": 16}),
    "smollm3": ("SmolLM3Config", {}),
}


def build(name: str, options: dict[str, Any]) -> PreTrainedModel:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(getattr(transformers, name)(**{**SHAPE, **options}))
    for parameter in model.parameters():  # so that no bias or norm is as it starts
        parameter.data += 0.05 * torch.randn_like(parameter)
    return model.train()  # type: ignore[no-any-return]


def padded(rows: list[tuple[int, int]], length: int) -> tuple[Tensor, Tensor]:
    """Token ids and attention mask of rows with the given numbers of left and right padding tokens."""
    ids = torch.randint(3, VOCABULARY, (len(rows), length), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids)
    for row, (left, right) in enumerate(rows):
        mask[row, :left] = 0
        mask[row, length - right :] = 0
    return ids, mask


def weights(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def gradients(model: nn.Module) -> dict[str, Tensor | None]:
    return {name: p.grad for name, p in model.named_parameters() if p.requires_grad}


def worst(ours: nn.Module, theirs: nn.Module) -> float:
    """The largest relative error of a parameter's gradient; every one must be there in both or in neither.

    A gradient a thousand times smaller than the largest one is rounding, and is measured against that.
    """
    pairs = {}
    for (name, a), (_, b) in zip(gradients(ours).items(), gradients(theirs).items(), strict=True):
        assert (a is None) == (b is None), name
        if a is not None and b is not None:
            pairs[name] = ((a - b).norm().item(), b.norm().item())
    floor = 1e-3 * max(norm for _, norm in pairs.values()) or 1.0
    return max(error / max(norm, floor) for error, norm in pairs.values())


def test_every_family_that_is_called_proven_is_compared() -> None:
    assert {name.split(",")[0] for name in FAMILIES} == set(PROVEN)


@pytest.mark.parametrize("chunk", [1, 8, 64])
@pytest.mark.parametrize("name", FAMILIES)
def test_layers_by_chunks_have_the_ordinary_gradient_in_double_precision(name: str, chunk: int) -> None:
    ours = build(*FAMILIES[name]).double()
    theirs = copy.deepcopy(ours)
    chunk_sequence(ours, chunk)
    ids, mask = padded([(5, 0), (0, 9), (2, 3)], 21)
    scale = weights(3, 21, 32) * mask[:, :, None]
    out = hidden_states(ours, ids, mask)
    expected = theirs.base_model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    assert torch.allclose(out * mask[:, :, None], expected * mask[:, :, None], rtol=0, atol=1e-12)
    (out * scale).sum().backward()
    (expected * scale).sum().backward()
    assert worst(ours, theirs) < (1e-6 if name in SINGLE else 1e-10)


@pytest.mark.parametrize("chunk", [3, 64])
@pytest.mark.parametrize("name", FAMILIES)
def test_rows_that_share_a_prompt_have_the_ordinary_gradient_too(name: str, chunk: int) -> None:
    ours = build(*FAMILIES[name]).double()
    theirs = copy.deepcopy(ours)
    chunk_sequence(ours, chunk)
    ids, mask = padded([(5, 0), (0, 9), (0, 3), (0, 4), (5, 1)], 21)
    ids[2:4, :12] = ids[1, :12]
    row = end_to_end(ids, mask, keep=9, shared=True)
    inputs = inputs_of(ours, row, chunked=True)
    # Of 21 - 9 = 12 tokens of a prompt, a row that shares it has the last.
    assert inputs["input_ids"].shape == (1, int(mask.sum()) - 2 * 11)
    del inputs["shift_labels"]
    scale = weights(5, 21, 32) * mask[:, :, None]
    scale[2:4, :11] = 0  # of the prompt that is shared, one row's part is enough
    out = hidden_states(ours, **inputs)[0][row.place]
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    expected = theirs.base_model(
        input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False
    ).last_hidden_state
    assert torch.allclose(out * mask[:, :, None], expected * mask[:, :, None], rtol=0, atol=1e-6)
    (out * scale).sum().backward()
    (expected * scale).sum().backward()
    assert worst(ours, theirs) < 1e-6


def log_prob_gradients(model: nn.Module, ids: Tensor, mask: Tensor, prompt: int, **more: Any) -> None:
    labels = ids.masked_fill(mask == 0, -100)
    labels[:, :prompt] = -100
    labels[:, 1:][mask[:, :-1] == 0] = -100  # no trainer scores a token after padding
    out = model(input_ids=ids, attention_mask=mask, labels=labels, fused_lm_head=True, **more)
    one, two = weights(2, *out.log_probs.shape).float()
    ((out.log_probs * one).sum() + (out.entropy * two).sum()).backward()


def with_head(model: PreTrainedModel) -> PreTrainedModel:
    add_fused_lm_head(model, temperature=0.7, outputs=("log_probs", "entropy"))
    return model


@settings(max_examples=25, deadline=None)
@given(
    chunk=st.integers(1, 40),
    length=st.integers(2, 32),
    pads=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=3),
    tied=st.booleans(),
)
def test_log_probs_and_entropies_have_the_ordinary_gradient(
    chunk: int, length: int, pads: list[tuple[int, int]], tied: bool
) -> None:
    # Double weights: in single ones two short sequences already differ by 1e-5, by the order of sums alone.
    model = build("LlamaConfig", {"tie_word_embeddings": tied, "num_key_value_heads": 1}).double()
    ours, theirs = with_head(copy.deepcopy(model)), with_head(model)
    chunk_sequence(ours, chunk)
    ids, mask = padded([(left % length, right % max(1, length - left % length)) for left, right in pads], length)
    for each in (ours, theirs):
        log_prob_gradients(each, ids, mask, prompt=length // 4)
    assert worst(ours, theirs) < 1e-6


@pytest.mark.parametrize("chunk", [3, 7])
def test_lora_has_the_ordinary_gradient_and_frozen_weights_have_none(chunk: int) -> None:
    model = build("Qwen2Config", {})
    config = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False)
    ours, theirs = (get_peft_model(with_head(copy.deepcopy(model)), copy.deepcopy(config)) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    chunk_sequence(ours, chunk)
    for each in (ours, theirs):
        log_prob_gradients(each, *padded([(3, 0), (0, 2)], 20), prompt=5)
    assert worst(ours, theirs) < 1e-5
    assert all(p.grad is None for p in ours.parameters() if not p.requires_grad)


def test_packed_rows_see_nothing_of_each_other() -> None:
    model = build("LlamaConfig", {})
    ours, theirs = with_head(copy.deepcopy(model)), with_head(model)
    chunk_sequence(ours, 4)
    ids, _ = padded([(0, 0)], 22)
    positions, ahead = torch.cat([torch.arange(n) for n in (9, 6, 7)])[None], ids.roll(-1, 1)
    ahead[:, [8, 14, 21]] = -100
    scale = weights(1, 22).float()
    out = ours(input_ids=ids, position_ids=positions, shift_labels=ahead, fused_lm_head=True)
    (out.log_probs * scale).sum().backward()
    for start, end in ((0, 9), (9, 15), (15, 22)):
        row = ids[:, start:end]
        alone = theirs(input_ids=row, labels=row, fused_lm_head=True).log_probs
        assert torch.allclose(out.log_probs[:, start : end - 1], alone, atol=1e-5)
        (alone * scale[:, start : end - 1]).sum().backward()
    assert worst(ours, theirs) < 1e-5


def test_checkpointing_gives_way_to_it() -> None:
    model = build("LlamaConfig", {})
    ours, theirs = with_head(copy.deepcopy(model)), with_head(model)
    ours.gradient_checkpointing_enable({"use_reentrant": False})
    chunk_sequence(ours, 5)
    for each in (ours, theirs):
        log_prob_gradients(each, *padded([(3, 0), (0, 2)], 20), prompt=5)
    assert worst(ours, theirs) < 1e-5
    ours.gradient_checkpointing_enable({"use_reentrant": False})
    with pytest.raises(UserError, match="takes the place of gradient checkpointing"):
        log_prob_gradients(ours, *padded([(3, 0), (0, 2)], 20), prompt=5)


def test_under_autocast_it_is_as_near_as_rounding_to_bfloat16_allows() -> None:
    model = build("LlamaConfig", {})
    ours, theirs = with_head(copy.deepcopy(model)), with_head(model)
    chunk_sequence(ours, 5)
    for each in (ours, theirs):
        with torch.autocast("cpu", torch.bfloat16):
            log_prob_gradients(each, *padded([(3, 0), (0, 2)], 20), prompt=5)
    assert 0 < worst(ours, theirs) < 0.03


def test_weights_in_bfloat16_keep_the_precision_of_an_ordinary_backward() -> None:
    model = build("LlamaConfig", {})
    exact = with_head(copy.deepcopy(model))
    ours, theirs = (with_head(copy.deepcopy(model).bfloat16()) for _ in range(2))
    chunk_sequence(ours, 5)
    for each in (exact, ours, theirs):
        log_prob_gradients(each, *padded([(3, 0), (0, 2)], 20), prompt=5)
    assert worst(ours, exact) < 1.5 * worst(theirs, exact)


def test_generation_and_logits_go_the_usual_way() -> None:
    ours = with_head(build("LlamaConfig", {})).eval()
    theirs = copy.deepcopy(ours)
    chunk_sequence(ours, 4)
    ids, mask = padded([(4, 0), (0, 0)], 11)
    assert torch.equal(ours(ids, attention_mask=mask).logits, theirs(ids, attention_mask=mask).logits)
    settings = {"attention_mask": mask, "max_new_tokens": 6, "do_sample": False}
    assert torch.equal(ours.generate(ids, **settings), theirs.generate(ids, **settings))
    assert ours.config._attn_implementation == theirs.config._attn_implementation


def test_no_graph_of_the_whole_sequence_is_kept() -> None:
    length, chunk, hidden, inner = 256, 16, SHAPE["hidden_size"], SHAPE["intermediate_size"]
    ours = with_head(build("LlamaConfig", {}))
    chunk_sequence(ours, chunk)
    ids, mask = padded([(0, 0)], length)
    weights_ = {p.shape for p in ours.parameters()} | {p.T.shape for p in ours.parameters() if p.ndim == 2}
    sizes: list[int] = []

    def pack(x: Tensor) -> Tensor:
        if x.shape not in weights_:
            sizes.append(x.numel())
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        out = ours(input_ids=ids, attention_mask=mask, labels=ids, fused_lm_head=True)
        forward, sizes[:] = list(sizes), []
        out.log_probs.sum().backward()
    # Forward: the layers' inputs, and what the last norm and the head need of the backbone's output.
    assert max(forward) <= length * hidden
    assert sum(size >= length * hidden for size in forward) <= SHAPE["num_hidden_layers"] + 3
    # Backward: a chunk's activations, or one layer's keys, or the chunk's mask against them.
    assert max(sizes) <= max(chunk * inner, length * hidden // 2, chunk * length)


def test_the_first_key_a_query_may_see() -> None:
    mask = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 0, 0]])
    first = first_keys(mask, None)
    assert first is not None
    assert first[:, 0, :, 0].tolist() == [[0, 1, 2, 2, 2], [0, 0, 0, 0, 0]]
    assert first_keys(torch.ones(2, 4), None) is None
    assert first_keys(None, torch.arange(4)[None]) is None
    packed = first_keys(None, torch.tensor([[0, 1, 2, 0, 1]]))
    assert packed is not None
    assert packed.flatten().tolist() == [0, 0, 0, 3, 3]


def test_attention_that_it_does_not_have_is_never_passed_over() -> None:
    query = torch.zeros(1, 2, 3, 4)
    with pytest.raises(NotImplementedError, match="softcap"):
        attend(nn.Module(), query, query, query, None, softcap=50.0)
    with pytest.raises(NotImplementedError, match="dropout"):
        attend(nn.Module(), query, query, query, None, dropout=0.1)


def test_dropout_is_refused_wherever_it_is() -> None:
    attention = AutoModelForCausalLM.from_config(LlamaConfig(**SHAPE, attention_dropout=0.1))
    lora = get_peft_model(build("LlamaConfig", {}), LoraConfig(target_modules="all-linear", lora_dropout=0.1))
    for model in (attention, lora):
        with pytest.raises(UserError, match="which dropout would change"):
            chunk_sequence(model, 8)


def test_a_family_that_is_not_proven_is_refused_by_name() -> None:
    shape = {**SHAPE, "num_local_experts": 2}
    model = AutoModelForCausalLM.from_config(transformers.MixtralConfig(**shape))
    with pytest.raises(UserError, match=r"proven on cohere, gemma, .* not on mixtral"):
        chunk_sequence(model, 8)


def gradients_of(trained: nn.Module) -> dict[str, Tensor]:
    trained.zero_grad()
    log_prob_gradients(trained, *padded([(2, 0), (0, 3)], 22), prompt=6)
    return {name: p.grad.clone() for name, p in trained.named_parameters() if p.grad is not None}


def test_of_gradients_through_some_chunks_the_mean_over_all_draws_is_the_gradient(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    share, chunk = 0.4, 8
    usual = with_head(build("Qwen2Config", {"num_hidden_layers": 3}).double())
    some = copy.deepcopy(usual)
    chunk_sequence(usual, chunk)
    chunk_sequence(some, chunk, share)
    whole = gradients_of(usual)
    mean = {name: torch.zeros_like(values) for name, values in whole.items()}
    count = -(-22 // chunk)
    apart = 0.0
    for chunks in itertools.product((True, False), repeat=count):
        chance = share ** sum(chunks) * (1 - share) ** (count - sum(chunks))
        monkeypatch.setattr(chunked_model, "drawn", lambda n, s, chunks=chunks: Kept(chunks, s))
        found = gradients_of(some)
        for name, values in found.items():
            mean[name] += chance * values
        apart = max(apart, float((found["lm_head.weight"] - whole["lm_head.weight"]).norm()))
        others = {name: values for name, values in found.items() if "lm_head" not in name}
        assert any(values.any() for values in others.values()) == any(chunks)
    assert apart < 1e-9  # the head is after the layers, and whole
    for name, values in whole.items():
        assert (mean[name] - values).norm() < 1e-6 * values.norm(), name


def test_chunks_are_drawn_by_torchs_state() -> None:
    torch.manual_seed(3)
    first, second = drawn(1000, 0.25), drawn(1000, 0.25)
    torch.manual_seed(3)
    assert drawn(1000, 0.25) == first != second
    # 250 in the mean, by a binomial deviation of 13.7.
    assert 200 < sum(first.chunks) < 300


@pytest.mark.parametrize("settings", [{}, {"sequence_chunk": 8, "sequence_ranks": 2, "tokens_per_micro_batch": 100}])
def test_without_chunks_or_on_ranks_that_share_them_it_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"sequence_chunk_share 0\.5 draws some chunks"):
        LengthGRPOConfig("unused", use_cpu=True, bf16=False, sequence_chunk_share=0.5, **settings)
