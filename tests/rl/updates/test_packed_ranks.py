"""Two ranks make of a round what one makes of it, packed."""

from functools import partial
from pathlib import Path
from typing import Any

import packed_ranks
import pytest
from fixed_rounds import GROUPS, assert_same, shuffle_as_packed

from rl.rollouts.check import WeightCheck

HALF = {"gradient_accumulation_steps": 2, "steps_per_generation": 4}
ONE_BY_ONE = {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 16, "steps_per_generation": 32}
PACKED = {"tokens_per_micro_batch": 150}
KL = {"loss_type": "grpo", "beta": 0.04}
BNPO = {"loss_type": "bnpo"}
FEW = {"loss_type": "dr_grpo", "tokens_per_micro_batch": 40}
CORRECTED = {"correct_rollouts": True}
SHARED = {"sequence_ranks": 2, "tokens_per_micro_batch": 80}
"""Rows of more than 40 tokens are shared."""
FEW_KEYS = "few keys"
CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    # the round, settings on two ranks, settings on one
    ("fixed_round", {**PACKED, **KL, **HALF}, {**PACKED, **KL, **ONE_BY_ONE}),
    ("one_row_round", {**FEW, **HALF}, FEW),  # one of the ranks has nothing to do
    (
        "stale_both_round",
        {**PACKED, **CORRECTED, **HALF, "loss_type": "bnpo"},
        {**PACKED, **CORRECTED, "loss_type": "bnpo"},
    ),
    ("fixed_round", {**PACKED, **HALF, "end_to_end": True}, PACKED),  # prompts shared on two ranks, padded on one
    # Two ranks share each micro-batch; on one it is TRL's own loop
    ("fixed_round", {**PACKED, **KL, **HALF, **SHARED, "model": FEW_KEYS}, {**KL, "model": FEW_KEYS}),
    # TRL's own loop, whose updates are the same only where a round has one
    (
        "lopsided_round",
        {"gradient_accumulation_steps": 4, "steps_per_generation": 4},
        {**PACKED, "gradient_accumulation_steps": 8},
    ),
]
MORE_CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("fixed_round", {**PACKED, **HALF}, PACKED),
    ("fixed_round", {**PACKED, **BNPO, **HALF}, {**PACKED, **BNPO}),
    ("stale_round", {**PACKED, **CORRECTED, **HALF}, {**PACKED, **CORRECTED}),
    ("both_round", {**PACKED, **HALF, "end_to_end": True}, PACKED),
    ("fixed_round", {**PACKED, **HALF, **SHARED, "sequence_chunk": 25}, {}),
    (
        "fixed_round",
        {"gradient_accumulation_steps": 4, "steps_per_generation": 4},
        {**PACKED, "gradient_accumulation_steps": 8},
    ),
]


@pytest.mark.parametrize("cases", [CASES, pytest.param(MORE_CASES, marks=pytest.mark.slow)], ids=["some", "more"])
def test_two_ranks_give_the_gradient_of_one_and_each_tokenises_its_own_prompts(
    cases: list[tuple[str, dict[str, Any], dict[str, Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = packed_ranks.grouped_model(tmp_path / "model")
    cases = [(fixed, _with_model(two, few), _with_model(one, few)) for fixed, two, one in cases]
    found = packed_ranks.on_ranks([(fixed, two) for fixed, two, _ in cases], 2, tmp_path)
    for (fixed, _, one), (two, tokenised) in zip(cases, found, strict=True):
        assert_same(two, packed_ranks.run(fixed, one, tmp_path, partial(shuffle_as_packed, monkeypatch)))
        # Of the second, what the check of the engine's weights asks for, too, which are the first one's own.
        assert tokenised == [GROUPS // 2, GROUPS // 2 + WeightCheck.PROMPTS]


def _with_model(settings: dict[str, Any], few: str) -> dict[str, Any]:
    """With the folder of the model that has few keys, where the settings name it."""
    return {**settings, "model": few} if settings.get("model") == FEW_KEYS else settings
