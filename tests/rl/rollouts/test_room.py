"""Keys and values that grow in place are what they are by copies, and so is attention to keys that heads share."""

from contextlib import nullcontext

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache
from transformers.cache_utils import DynamicLayer

from rl.rollouts import Ask, Sampling, generate, room
from rl.rollouts import rows as rows_module

SHAPE = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48, "vocab_size": 50,
    "pad_token_id": 0, "eos_token_id": 1, "max_position_embeddings": 512,
}  # fmt: skip


@given(st.lists(st.one_of(st.integers(1, 60), st.just("choose"), st.just("join")), min_size=1, max_size=12))
def test_what_grows_in_place_is_what_grows_by_copies(course: list[int | str]) -> None:
    config = AutoConfig.for_model("qwen2", **SHAPE, num_key_value_heads=2)
    plain, ours = DynamicCache(config=config), room.growing(DynamicCache(config=config))
    draw = torch.Generator().manual_seed(0)
    count = 3
    with torch.no_grad():
        for what in [2, *course]:
            if what == "choose":
                count = max(1, count - 1)
                for cache in (plain, ours):
                    rows_module.choose(cache, torch.arange(count))
            elif what == "join":
                other = DynamicCache(config=config)
                new = torch.randn(1, 2, plain.get_seq_length(), 8, generator=draw)
                for layer in range(2):
                    other.update(new, -new, layer)
                for cache in (plain, ours):
                    rows_module.join(cache, other, 0, 0)
                count += 1
            else:
                new = torch.randn(count, 2, int(what), 8, generator=draw)
                for layer in range(2):
                    theirs, mine = (cache.update(new, -new, layer) for cache in (plain, ours))
                    assert all(torch.equal(a, b) for a, b in zip(theirs, mine, strict=True))
            assert plain.get_seq_length() == ours.get_seq_length()


def test_a_token_more_is_written_beside_those_that_are_there() -> None:
    config = AutoConfig.for_model("qwen2", **SHAPE, num_key_value_heads=2)
    cache = room.growing(DynamicCache(config=config))
    places = set()
    with torch.no_grad():
        for _ in range(1000):
            keys, _ = cache.update(torch.zeros(1, 2, 1, 8), torch.zeros(1, 2, 1, 8), 0)
            places.add(keys.data_ptr())
    assert len(places) <= 16  # 33 places at first, then a quarter more each time: 33 x 1.25^16 is above 1,000


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize("family", ["llama", "qwen3", "mistral", "gemma3_text"])
def test_rollouts_are_those_of_copies_to_the_last_bit(
    family: str, kv_heads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(family, **SHAPE, num_key_value_heads=kv_heads, head_dim=8)
    )
    prompts = [[5] * length for length in (3, 9, 4, 7, 1)]
    asks = Ask.each(prompts, [70, 20, 45, 9, 30], Sampling(), eos_ids=[1], seeds=range(5), logprobs=True)
    ours = generate(model, asks, batch_size=3)
    monkeypatch.setattr(rows_module, "growing", lambda cache: cache)
    monkeypatch.setattr(rows_module, "Growing", DynamicLayer)
    monkeypatch.setattr(room, "attend", lambda *_, **__: pytest.fail("not asked for"))
    model.set_attn_implementation("sdpa")
    monkeypatch.setattr("rl.rollouts.transformers.shared_keys", lambda _: nullcontext())
    theirs = generate(model, asks, batch_size=3)
    assert [(list(a.token_ids), list(a.logprobs), a.stop) for a in ours] == [
        (list(b.token_ids), list(b.logprobs), b.stop) for b in theirs
    ]


def test_no_key_is_copied_for_the_heads_that_share_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transformers.integrations.sdpa_attention.repeat_kv", lambda *_: pytest.fail("copied"))
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model("llama", **SHAPE, num_key_value_heads=1))
    assert model.config._attn_implementation == "sdpa"
    asks = Ask.each([[5, 6], [7]], [4, 4], Sampling(), eos_ids=[1], seeds=[0, 1])
    assert len(generate(model, asks)) == 2
    assert model.config._attn_implementation == "sdpa"
