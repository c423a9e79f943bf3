"""Ranks that share micro-batches make of a round what one rank and TRL's own loop make of it, parameter by parameter."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import packed_ranks
import pytest
from accelerate import ParallelismConfig
from commands import refused
from fixed_rounds import assert_same, shuffle_as_packed
from transformers import LlamaConfig, MixtralConfig

from rl.errors import UserError
from rl.models import load_model, resolve_model
from rl.recipe.config import LengthGRPOConfig
from rl.recipe.refusals import PARALLEL, taken_over
from rl.updates.sequence import require_groups, require_heads

LOSSES = ["grpo", "bnpo", "dr_grpo", "dapo", "cispo", "sapo", "luspo", "vespo"]
BY_CELL = "bnpo"
"""The loss that divides by what is in TRL's micro-batch, which the plain loop fills otherwise."""
PACKED = {"tokens_per_micro_batch": 60}
"""Of a prompt of some 20 and a completion of up to 48: of two or four ranks a row needs one, two or four."""
PLAIN = {"tokens_per_micro_batch": None, "sequence_chunk": None}
UPDATES = {
    2: {"gradient_accumulation_steps": 2, "steps_per_generation": 4},
    4: {"gradient_accumulation_steps": 1, "steps_per_generation": 2},
}
"""Two a round, on so many ranks."""
KINDS: list[tuple[str, dict[str, Any]]] = [
    ("fixed_round", {"loss_type": "grpo", "beta": 0.04}),
    ("fixed_round", {"lora": True, "beta": 0.04}),
    ("fixed_round", {"lora": True, "num_iterations": 2, "max_steps": 4}),
    ("stale_round", {"correct_rollouts": True}),
    ("stale_round", {"correct_rollouts": True, "loss_type": "grpo", "vllm_importance_sampling_mode": "sequence_mask"}),
    ("stale_both_round", {"correct_rollouts": True}),
    ("credited_round", {"importance_sampling_level": "token"}),
    ("fixed_round", {"importance_sampling_level": "sequence", "loss_type": "luspo"}),
    ("fixed_round", {"mask_truncated_completions": True, "gradient_checkpointing": True}),
    ("fixed_round", {"off_policy_mask_threshold": 0.001, "delta": 1.5, "epsilon": 0.001, "epsilon_high": 0.002}),
    ("fixed_round", {"sequence_chunk": 7, "beta": 0.04}),
    ("fixed_round", {"sequence_chunk": 1000, "lora": True}),
    ("one_row_round", {"loss_type": "dr_grpo", "tokens_per_micro_batch": 40}),
]


def shared(ranks: int, group: int, few: str) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """The round, settings on `ranks` of which each `group` shares micro-batches, and on one rank.

    `few`: a model whose 8 query heads share 2 key-value heads.
    """
    one = {"model": few}
    many = {**PACKED, **UPDATES[ranks], **one, "sequence_ranks": group}
    losses = [("fixed_round", {"loss_type": loss}) for loss in LOSSES if loss != BY_CELL]
    for fixed, kind in [*losses, *KINDS]:
        yield fixed, {**many, **kind}, {**one, **kind, **PLAIN}
    for kind in ({"loss_type": BY_CELL}, {"entropy_coef": 0.01}):
        yield "fixed_round", {**many, **kind}, {**one, **PACKED, **kind}
    # KL-Cov takes its shares of packed micro-batches: of one row each.
    kind = {"kl_cov": 0.2, "num_iterations": 2, "max_steps": 4, "tokens_per_micro_batch": 1}
    yield "fixed_round", {**many, **kind}, {**one, **kind}


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [2, 4])
def test_the_gradient_is_the_plain_loops(ranks: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = packed_ranks.grouped_model(tmp_path / "model")
    cases = [case for group in (2, 4) if group <= ranks for case in shared(ranks, group, few)]
    found = packed_ranks.on_ranks([(fixed, many) for fixed, many, _ in cases], ranks, tmp_path)
    known: dict[str, Any] = {}
    for (fixed, many, one), (ours, _) in zip(cases, found, strict=True):
        key = repr((fixed, one))
        if key not in known:
            known[key] = packed_ranks.run(fixed, one, tmp_path, partial(shuffle_as_packed, monkeypatch))
        assert_same(ours, known[key], 1e-4 if many.get("loss_type") == "vespo" else 1e-5)


def config(**settings: Any) -> LengthGRPOConfig:
    return LengthGRPOConfig("unused", use_cpu=True, bf16=False, tokens_per_micro_batch=100, **settings)


def test_what_accelerate_would_split_sequences_by_is_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    for given in (ParallelismConfig(sp_size=2), {"sp_size": 2}, {"sp_size": 2, "dp_replicate_size": 4}):
        found = config(parallelism_config=given)
        assert (found.sequence_ranks, found.parallelism_config) == (2, None)
    assert config(parallelism_config={"sp_size": 2}, sequence_ranks=2).sequence_ranks == 2
    monkeypatch.setenv(PARALLEL, "true")
    monkeypatch.setenv("PARALLELISM_CONFIG_SP_SIZE", "4")
    found = config()
    assert found.sequence_ranks == 4
    with taken_over(found):
        assert PARALLEL not in os.environ
    assert os.environ[PARALLEL] == "true"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"parallelism_config": {"cp_size": 2}}, r"context parallelism \(cp_size 2\).* use sp_size or"),
        ({"parallelism_config": {"sp_size": 2, "tp_size": 2}}, "does not go with tp_size 2 here"),
        (
            {"parallelism_config": {"sp_size": 2, "dp_replicate_size": 2, "dp_shard_size": 2}},
            "does not go with dp_replicate_size 2 here",
        ),
        ({"parallelism_config": {"sp_size": 2}, "sequence_ranks": 4}, "sequence_ranks 4 and accelerate's sp_size 2"),
        ({"sequence_ranks": 2, "tokens_per_micro_batch": None}, "set batch.tokens_per_micro_batch, or"),
        (
            {"sequence_ranks": 2, "model_init_kwargs": {"attn_implementation": "sdpa"}},
            "remove attn_implementation sdpa",
        ),
        ({"sequence_ranks": 2, "top_entropy_quantile": 0.2}, "does not go with top_entropy_quantile below 1"),
        ({"sequence_ranks": 0}, "must be at least 1 rank, not 0"),
    ],
    ids=str,
)
def test_what_ranks_cannot_share_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        LengthGRPOConfig("unused", **{"use_cpu": True, "bf16": False, "tokens_per_micro_batch": 100, **settings})


def test_heads_and_ranks_must_come_out_even() -> None:
    with pytest.raises(UserError, match=r"deals the model's 9 attention heads .* use 3, 9"):
        require_heads(LlamaConfig(hidden_size=72, num_attention_heads=9, num_key_value_heads=3), 2)
    with pytest.raises(UserError, match="a launch of a multiple of 4 ranks, and this one has 6"):
        require_groups(4, 6)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("trainer.sequence_ranks=2", "needs a launch of a multiple of 2 ranks, and this one has 1"),
        ("trainer.sequence_ranks=3", "deals the model's 2 attention heads"),
        ("model=mixtral", "trainer.sequence_ranks is proven on llama"),
    ],
)
def test_a_run_is_refused_in_one_line(
    override: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    MixtralConfig(router_aux_loss_coef=0.0).save_pretrained("mixtral")
    settings = ("trainer.tokens_per_micro_batch=600", "trainer.router_aux_loss_coef=0", "trainer.sequence_ranks=2")
    assert said in refused(capsys, "train", "demo-dler", *settings, override)


def test_an_attention_that_cannot_be_shared_is_refused(make_trainer: Any) -> None:
    model = load_model(resolve_model("demo"), attn_implementation="eager")
    with pytest.raises(UserError, match="attends by eager, which ranks cannot share"):
        make_trainer(model=model, sequence_ranks=2, tokens_per_micro_batch=100)
