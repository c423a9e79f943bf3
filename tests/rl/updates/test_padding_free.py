from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rl.updates import varlen
from rl.updates.padding_free import attention_of, end_to_end, supports

rows = st.lists(st.tuples(st.integers(1, 5), st.integers(0, 6)), min_size=1, max_size=6)


@given(rows)
def test_every_token_stands_once_with_its_position_and_the_token_that_follows_it(sizes: list[tuple[int, int]]) -> None:
    prompt, keep = max(p for p, _ in sizes), max(1, *(c for _, c in sizes))
    ids = torch.arange(len(sizes) * (prompt + keep)).view(len(sizes), -1)
    mask = torch.tensor([[0] * (prompt - p) + [1] * (p + c) + [0] * (keep - c) for p, c in sizes])
    laid_out = end_to_end(ids, mask, keep)
    row = laid_out.tokens()
    expected = [
        (int(ids[i, column]), position, int(ids[i, column + 1]) if p <= position + 1 < p + c else -100)
        for i, (p, c) in enumerate(sizes)
        for position, column in enumerate(range(prompt - p, prompt + c))
    ]
    found = zip(*(row[name][0].tolist() for name in ("input_ids", "position_ids", "shift_labels")), strict=True)
    assert list(found) == expected
    # A value computed for a label comes back to the label's own column.
    back = laid_out.back(row["shift_labels"].clamp(min=0))
    assert torch.equal(back * mask[:, -keep:], ids[:, -keep:] * mask[:, -keep:])


@pytest.mark.parametrize(
    ("attention", "device", "more", "expected"),
    [
        ("flash_attention_2", "cuda", {}, True),
        ("kernels-community/vllm-flash-attn3", "cuda", {"layer_types": ["full_attention", "sliding_attention"]}, True),
        (varlen.NAME, "cuda", {"layer_types": ["full_attention", "sliding_attention"]}, True),
        (varlen.NAME, "cpu", {}, False),
        ("flash_attention_2", "cpu", {}, False),
        ("sdpa", "cuda", {}, False),
        (None, "cuda", {}, False),
        ("flash_attention_2", "cuda", {"layer_types": ["full_attention", "linear_attention"]}, False),
    ],
)
def test_it_is_used_where_all_layers_run_attention_that_needs_no_padding(
    attention: str | None, device: str, more: dict[str, list[str]], expected: bool
) -> None:
    model = SimpleNamespace(config=SimpleNamespace(_attn_implementation=attention, **more))
    assert supports(model, torch.device(device)) == expected
    model._is_stateful = True
    assert not supports(model, torch.device(device))


def test_the_attention_of_a_wrapped_model_is_its_own_whatever_the_wrapper_calls_its_settings() -> None:
    model = SimpleNamespace(config=SimpleNamespace(_attn_implementation="sdpa"))
    engine = SimpleNamespace(config={"zero_optimization": {"stage": 2}}, module=model)  # as DeepSpeed has it
    assert [attention_of(each) for each in (model, engine, SimpleNamespace(module=engine))] == ["sdpa"] * 3
