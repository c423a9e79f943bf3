"""What rows cost, by hand and as torch counts the operations of a model; and that ranks are balanced by it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, Qwen2Config

from rl.updates.cost import Cost, cost_of
from rl.updates.packed_round import Example, PackedRound, Update
from rl.updates.packing import Layout, Size, plan_update


def test_a_token_costs_itself_and_what_it_sees() -> None:
    each = Cost(full=0.5, sliding=0.25, window=2)
    assert each.of(3) == 3 + 0.5 * (1 + 2 + 3) + 0.25 * (1 + 2 + 2)
    assert each.of(2, before=1) == 2 + 0.5 * (2 + 3) + 0.25 * (2 + 2)
    assert Cost().of(7, before=100) == 7


@given(st.integers(1, 300), st.integers(0, 300), st.integers(1, 100))
def test_a_row_costs_what_its_parts_do(tokens: int, before: int, window: int) -> None:
    each = Cost(0.5, 0.25, window)
    naive = sum(1 + 0.5 * seen + 0.25 * min(seen, window) for seen in range(before + 1, before + tokens + 1))
    assert each.of(tokens, before) == pytest.approx(naive)
    assert each.of(before) + each.of(tokens, before) == pytest.approx(each.of(before + tokens))


@pytest.mark.parametrize("tied", [True, False])
def test_it_is_what_torch_counts_of_a_model(tied: bool) -> None:
    config = LlamaConfig(
        vocab_size=50, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, head_dim=16, tie_word_embeddings=tied, pad_token_id=0,
        attn_implementation="eager",
    )  # fmt: skip
    model, tokens = LlamaForCausalLM(config), 40
    matrices = sum(p.numel() for p in model.parameters() if p.dim() > 1)
    through = matrices - (0 if tied else 50 * 32)
    with torch.no_grad(), FlopCounterMode(display=False) as counted:
        model(torch.ones(1, tokens, dtype=torch.long), use_cache=False)
    # The counter has each token see all others, tokens^2 pairs, and counts the angles of the positions.
    each = cost_of(config, matrices)
    assert counted.get_total_flops() == pytest.approx(2 * through * (tokens + each.full * tokens**2), rel=1e-3)


def test_layers_count_by_what_they_see() -> None:
    mixed = Qwen2Config(
        hidden_size=64, num_attention_heads=4, num_hidden_layers=3, sliding_window=8, use_sliding_window=True,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"], tie_word_embeddings=True,
    )  # fmt: skip
    assert cost_of(mixed, 1280) == Cost(1 * 2 * 64 / 1280, 2 * 2 * 64 / 1280, 8)
    everywhere = MistralConfig(hidden_size=64, num_attention_heads=4, num_hidden_layers=3, tie_word_embeddings=True)
    assert cost_of(everywhere, 1280) == Cost(0.0, 3 * (2 * 64 / 1280), 4096)


@pytest.mark.parametrize(
    ("full", "dealt", "imbalance"),
    [
        # By tokens 100 + 40 and 3 x 40, on one rank the longest row with another.
        (0.0, [(0, 4), (1, 2, 3)], 140 / 130),
        # A row of 100 costs 100 + 5050 / 10, one of 40 costs 40 + 820 / 10: 605 and 4 x 122.
        (0.1, [(0,), (1, 2, 3, 4)], 605 / 546.5),
    ],
)
def test_ranks_are_balanced_by_cost(full: float, dealt: list[tuple[int, ...]], imbalance: float) -> None:
    examples = [Example([1] * 10, [1] * (length - 10), 1.0) for length in (100, 40, 40, 40, 40)]
    layout = Layout(padded=False, each=Cost(full))
    sizes = [example.size for example in examples]
    assert sizes[0] == Size(10, 90)
    slots = plan_update(range(5), sizes, [True] * 5, 2, 10_000, layout)
    assert [slot[rank].rows for slot in slots for rank in (0, 1)] == dealt
    packed = PackedRound(examples, [Update(list(range(5)), slots, [])], layout)
    assert packed.imbalance == pytest.approx(imbalance)


def test_a_shared_prompt_costs_once() -> None:
    # Rows of 3 + 2 tokens see 1 + 2 + 3 + 4 + 5; the second has the prompt's last token again, and sees 3 + 4 + 5.
    layout = Layout(padded=False, prompts=[7, 7], each=Cost(0.5))
    assert layout.cost((0, 1), [Size(3, 2)] * 2) == 5 + 0.5 * 15 + 3 + 0.5 * 12


def test_padding_costs_what_tokens_do() -> None:
    # Two rows of 3 + 4 columns, each token of which sees those before it.
    assert Layout(each=Cost(0.5)).cost((0, 1), [Size(3, 2), Size(1, 4)]) == 2 * (7 + 0.5 * 28)
