"""Two ranks make of a round what one makes of it, packed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from fixed_rounds import GROUPS, assert_same
from places import ROOT
from processes import PATIENCE

from rl.rollouts.check import WeightCheck

SCRIPT = Path(__file__).with_name("packed_ranks.py")
HALF = {"gradient_accumulation_steps": 2, "steps_per_generation": 4}
ONE_BY_ONE = {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 16, "steps_per_generation": 32}
PACKED = {"tokens_per_micro_batch": 150}
KL = {"loss_type": "grpo", "beta": 0.04}
BNPO = {"loss_type": "bnpo"}
FEW = {"loss_type": "dr_grpo", "tokens_per_micro_batch": 40}
CORRECTED = {"correct_rollouts": True}
CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    # the round, settings on two ranks, settings on one
    ("fixed_round", {**PACKED, **HALF}, PACKED),
    ("fixed_round", {**PACKED, **KL, **HALF}, {**PACKED, **KL, **ONE_BY_ONE}),
    ("fixed_round", {**PACKED, **BNPO, **HALF}, {**PACKED, **BNPO}),
    ("one_row_round", {**FEW, **HALF}, FEW),  # one of the ranks has nothing to do
    ("fixed_round", {**PACKED, **HALF, "end_to_end": True}, PACKED),  # prompts shared on two ranks, padded on one
    ("stale_round", {**PACKED, **CORRECTED, **HALF}, {**PACKED, **CORRECTED}),
    ("both_round", {**PACKED, **HALF, "end_to_end": True}, PACKED),
    (
        "stale_both_round",
        {**PACKED, **CORRECTED, **HALF, "loss_type": "bnpo"},
        {**PACKED, **CORRECTED, "loss_type": "bnpo"},
    ),
    # TRL's own loop, whose updates are the same only where a round has one
    (
        "fixed_round",
        {"gradient_accumulation_steps": 4, "steps_per_generation": 4},
        {**PACKED, "gradient_accumulation_steps": 8},
    ),
    (
        "lopsided_round",
        {"gradient_accumulation_steps": 4, "steps_per_generation": 4},
        {**PACKED, "gradient_accumulation_steps": 8},
    ),
]


def test_two_ranks_give_the_gradient_of_one_and_each_tokenises_its_own_prompts(tmp_path: Path) -> None:
    (tmp_path / "cases.json").write_text(json.dumps([(fixed, two) for fixed, two, _ in CASES]))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(SCRIPT)]
    result = subprocess.run(
        [*command, str(tmp_path / "cases.json"), str(tmp_path / "gradients.pt")],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    sys.path.append(str(SCRIPT.parent))
    import packed_ranks

    for (fixed, _, one), (two, tokenised) in zip(CASES, torch.load(tmp_path / "gradients.pt"), strict=True):
        assert_same(two, packed_ranks.run(fixed, one, tmp_path))
        # Of the second, what the check of the engine's weights asks for, too, which are the first one's own.
        assert tokenised == [GROUPS // 2, GROUPS // 2 + WeightCheck.PROMPTS]
