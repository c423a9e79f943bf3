"""Bytes of a rank: by hand where hands suffice, and how they move with what a user can change."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rl.estimates import Shape, activations, known_config, shape_of
from rl.estimates.cache import cache_bytes
from rl.estimates.memory import memory
from rl.estimates.remedies import remedies
from rl.estimates.setup import Setup
from rl.estimates.states import moment_bytes, states
from rl.launch.configuration import Launch, Sharding


def shape(name: str = "Qwen/Qwen2.5-7B") -> Shape:
    config = known_config(name)
    assert config is not None
    return shape_of(config)


def setup(launch: Launch | None = None, **changes: object) -> Setup:
    values: dict[str, object] = {
        "shape": shape(), "launch": launch or Launch(), "prompt": 512, "completion": 3584, "rows": 4, "rollout_rows": 64,
        "compute_bytes": 2, **changes,
    }  # fmt: skip
    return Setup(**values)  # type: ignore[arg-type]


def test_a_7b_model_in_fp32_with_adamw_takes_sixteen_bytes_a_parameter() -> None:
    device, host = states(setup(compute_bytes=4))
    assert sum(device.values()) == 16 * shape().parameters
    assert host == {}


@pytest.mark.parametrize(
    ("sharding", "bytes_a_parameter"),
    [("none", 16), ("ddp", 20), ("zero1", 4 + 4 + 8 / 8), ("zero2", 4 + 12 / 8), ("zero3", 2), ("fsdp", 2)],
)
def test_eight_ranks_hold_what_their_sharding_leaves_them(sharding: Sharding, bytes_a_parameter: float) -> None:
    # 4 of weights, 4 of gradients, 8 of moments; DDP keeps the gradients twice.
    device, _ = states(setup(Launch(8, sharding), compute_bytes=4))
    device.pop("gathered weights", None)
    assert sum(device.values()) == pytest.approx(bytes_a_parameter * shape().parameters)


def test_deepspeed_in_bf16_keeps_whole_weights_in_the_optimiser() -> None:
    device, host = states(setup(Launch(8, "zero3", offload_optimizer=True, offload_weights=True)))
    assert host["weights"] + host["gradients"] == pytest.approx(4 * shape().parameters / 8)
    assert host["optimiser"] == pytest.approx(12 * shape().parameters / 8)
    assert list(device) == ["gathered weights"]


def test_an_adapter_leaves_the_model_without_gradients_and_moments() -> None:
    adapter = shape().adapter_parameters(16)
    device, _ = states(setup(trained=adapter, frozen_bytes=0.53, compute_bytes=4))
    assert device["gradients"] == 4 * adapter
    assert device["optimiser"] == 8 * adapter
    assert device["weights"] == pytest.approx(0.53 * shape().parameters + 4 * adapter)


def test_optimisers_keep_what_they_keep() -> None:
    kinds = ("adamw_torch_fused", "adamw_8bit", "paged_adamw_8bit", "sgd", "lion_32bit", "unheard_of")
    assert [round(moment_bytes(kind)) for kind in kinds] == [8, 2, 2, 0, 4, 8]


def test_a_token_of_qwen_7b_caches_56_kilobytes() -> None:
    assert cache_bytes(shape(), 1, 2) == 2 * 4 * 128 * 28 * 2 == 57_344


@given(
    rows=st.integers(1, 16),
    completion=st.integers(1, 16384),
    sharding=st.sampled_from(["none", "ddp", "fsdp", "zero2", "zero3"]),
    ranks=st.integers(2, 64),
)
def test_less_of_anything_never_takes_more(rows: int, completion: int, sharding: Sharding, ranks: int) -> None:
    given_ = setup(Launch(ranks, sharding), rows=rows, completion=completion)
    peak = memory(given_).peak
    longer = setup(Launch(ranks, sharding), rows=rows, completion=completion + 128)
    wider = setup(Launch(ranks, sharding), rows=rows + 1, completion=completion)
    checkpointed = setup(Launch(ranks, sharding), rows=rows, completion=completion, checkpointing=True)
    assert memory(longer).peak >= peak
    assert memory(wider).peak >= peak
    assert memory(checkpointed).peak <= peak * 1.2  # one layer is done twice
    assert all(size >= 0 for parts in memory(given_).phases.values() for size in parts.values())


@pytest.mark.parametrize(("ranks", "copies"), [(2, 1), (4, 1), (7, 7), (28, 7)])
def test_ranks_that_share_a_micro_batch_keep_a_part_each(ranks: int, copies: int) -> None:
    # 28 heads, 4 of keys: over 7 ranks keys are repeated until there are 28, over 28 until there is one for each.
    alone = setup(
        packed=65536, completion=65024, padding_free=True, checkpointing=True, micro_batches=2, engine="workers"
    )
    many = replace(alone, sequence_ranks=ranks)
    assert activations.key_copies(many) == copies
    assert many.own_tokens == -(-65536 // ranks)
    assert activations.layers(many) == pytest.approx(activations.layers(alone) / ranks, rel=1e-3)
    traded = shape().queries + 2 * (copies - 1) * shape().keys  # numbers more a token, in half precision
    assert activations.layer_bytes(many) - activations.layer_bytes(alone) == 2 * traded
    assert memory(many).peak < memory(alone).peak


def test_long_rollouts_are_shared_out_where_they_do_not_fit() -> None:
    long = setup(
        Launch(8, "fsdp"), packed=131072, completion=130560, padding_free=True, checkpointing=True, engine="workers"
    )
    found = [remedy for remedy in remedies(long, 40e9) if "sequence_ranks" in remedy.text]
    assert [remedy.text for remedy in found] == ["trainer.sequence_ranks: 4"]
    assert found[0].peak <= 40e9 < memory(replace(long, sequence_ranks=2)).peak


def test_of_the_transformers_engine_on_a_gpu_vllm_is_the_first_thing_to_change() -> None:
    sampling = setup(rollout_rows=2048, completion=32_000)
    assert next(remedies(sampling, 80e9)).text == "rollouts.engine: vllm (pip install 'lengthwise[vllm]')"
    for without in (replace(sampling, cpu=True), replace(sampling, frozen_bytes=0.53)):
        assert not [remedy for remedy in remedies(without, 80e9) if "vllm" in remedy.text]


def test_remedies_go_on_until_it_fits_and_each_helps() -> None:
    big = setup(rows=8)
    peak, room = memory(big).peak, 80e9
    found = list(remedies(big, room))
    peaks = [peak, *(remedy.peak for remedy in found)]
    assert peaks == sorted(peaks, reverse=True)
    assert peaks[-1] <= room < peaks[-2]
    assert "batch.per_device: 1" in found[0].text
    assert list(remedies(big, 2 * peak)) == []
