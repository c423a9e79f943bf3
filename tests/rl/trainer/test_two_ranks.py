import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
from places import ROOT
from processes import PATIENCE

from rl.run.train import train

SCRIPT = Path(__file__).with_name("two_ranks.py")


def test_two_ranks_end_with_one_history_one_set_of_rewards_and_one_model_and_resume_to_them(tmp_path: Path) -> None:
    overrides = [
        "trainer.max_steps=4", "trainer.per_device_train_batch_size=6", "trainer.num_generations=4",
        "trainer.save_steps=2", "sampling.dynamic=true", "data.train.options.n=8", "data.eval.options.n=9",
        "budget.tokens=50", "evaluation.budget=50", "trainer.ddp_timeout=7200",
    ]  # fmt: skip
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(SCRIPT)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    result = subprocess.run(
        [*command, str(tmp_path / "run"), *overrides],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    first, second = (json.loads((tmp_path / f"run-rank{rank}.json").read_text()) for rank in (0, 1))
    assert first["unbroken"]["ranks"] == 2
    assert first["unbroken"]["patience"] == 7200
    assert first["unbroken"]["history"]["hapo"]
    assert first == second
    assert first["resumed"] == first["unbroken"]
    assert "run-broken goes on from checkpoint-2; skipped checkpoint-4 (optimizer.pt has 0 bytes" in result.stderr
    assert "run-held is being trained by process" in first["refused"]
    assert "diverged at step 3: loss is nan" in first["diverged"]  # on both ranks; only one of them had it
    assert [path.name for path in (tmp_path / "run-diverged/checkpoints").glob("*-*")] == ["checkpoint-2"]
    states = {path.name for path in (tmp_path / "run/checkpoints/checkpoint-4").glob("rng_state*")}
    assert states == {"rng_state_0.pth", "rng_state_1.pth"}
    # 6 rows a rank and micro-batch, groups of 4: the second group of each batch straddles the ranks.
    rows = [row for file in sorted((tmp_path / "run/rollouts").glob("*")) for row in pq.read_table(file).to_pylist()]
    assert len([row for row in rows if row["advantage"] is not None]) == 2 * 24
    assert pq.read_table(tmp_path / "run/evaluation/after.parquet").num_rows == 9
    # One rank draws what two drew from the same weights.
    alone = train("demo-hapo", [*overrides, "trainer.per_device_train_batch_size=12"], tmp_path / "alone", quiet=True)
    assert drawn(alone.path / "rollouts/round-000000.parquet") == drawn(tmp_path / "run/rollouts/round-000000.parquet")
    assert drawn(alone.evaluation("before")) == drawn(tmp_path / "run/evaluation/before.parquet")


def drawn(file: Path) -> list[tuple[str, int, str]]:
    """What was sampled for which problem."""
    return [(row["problem_id"], row["length"], row["completion"]) for row in pq.read_table(file).to_pylist()]
