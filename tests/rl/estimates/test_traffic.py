"""What an update sends, by hand, and as the exchange itself counts it."""

from dataclasses import replace

import pytest
import torch

from rl.estimates import known_config, shape_of
from rl.estimates.compute import Passes
from rl.estimates.devices.cards import card_called
from rl.estimates.setup import Setup
from rl.estimates.traffic import Traffic, degree, of_rollout
from rl.launch.configuration import Launch
from rl.updates import sequence
from rl.updates.sequence import SequenceGroup

CONFIG = known_config("Qwen/Qwen2.5-7B")
assert CONFIG is not None
SHAPE = shape_of(CONFIG)
LONG = Setup(
    SHAPE, Launch(8, "fsdp"), 512, 130560, 1, 64, packed=131072, compute_bytes=2, padding_free=True, checkpointing=True,
    sequence_ranks=4,
)  # fmt: skip
"""Of 28 heads, 4 of keys, of 128 channels each, in 28 layers; in bf16."""


def test_ranks_trade_queries_keys_values_and_what_was_attended() -> None:
    # 2 * 3584 + 2 * 512 numbers of 2 bytes a layer and token are 16,384 bytes; 28 layers, forward, forward again and
    # backward, three of four parts to others: 16,384 * 28 * 3 * 3 / 4 = 1,032,192.
    found = of_rollout(LONG, Passes(repeated=True), 131072)
    assert found == Traffic(1_032_192 * 131072)
    assert found.seconds(card_called("H100"), 8) == pytest.approx(1_032_192 * 131072 / (450e9 * 8))
    assert found.seconds(None, 8) == 0.0
    assert of_rollout(LONG, Passes(2, repeated=False, without_gradient=1), 131072).between == pytest.approx(
        found.between / 3 * 5
    )


@pytest.mark.parametrize(("tokens", "ranks"), [(1000, 1), (32768, 1), (32769, 2), (65537, 4), (131072, 4)])
def test_a_rollout_goes_through_as_few_ranks_as_hold_it(tokens: int, ranks: int) -> None:
    assert degree(LONG, tokens) == ranks  # of 131,072 tokens of all four, a rank has 32,768
    assert degree(replace(LONG, sequence_ranks=1, packed=None), tokens) == 1


def test_alone_nothing_is_traded_and_activations_go_to_the_host_and_back() -> None:
    alone = replace(LONG, sequence_ranks=1, offload_activations=True, launch=Launch())
    # 28 layers' inputs of 3584 numbers of 4 bytes under autocast, there and back.
    assert of_rollout(alone, Passes(), 1000) == Traffic(0.0, 1000 * 28 * 3584 * 4 * 2)


@pytest.mark.parametrize("ranks", [2, 4, 28])
def test_it_is_what_the_exchange_sends(ranks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = []

    def exchanged(tensor: torch.Tensor, _: object) -> torch.Tensor:
        sent.append(tensor.numel() * 2)  # bf16
        return tensor

    monkeypatch.setattr(sequence, "_all_to_all", exchanged)
    own, group = 3, SequenceGroup(ranks)
    of = SHAPE
    for many, trade in ((of.heads, group.queries), (of.kv_heads, group.keys), (of.kv_heads, group.keys)):
        trade(torch.zeros(1, many, own, 128))
    group.tokens(torch.zeros(1, own * ranks, of.heads // ranks, 128))
    told = of_rollout(replace(LONG, sequence_ranks=ranks), Passes(), 131072).between / 131072 / of.layers / 2
    assert sum(sent) / own * (1 - 1 / ranks) == pytest.approx(told)
