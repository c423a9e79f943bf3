import json
import os
import subprocess
import sys
from pathlib import Path

from commands import run
from places import ROOT
from processes import PATIENCE

from rl.evaluation import Evaluation

COMMAND = [
    "evaluate", "--model", "modes-demo", "--data", "demo", "--cap", "30", "--samples", "2", "--limit", "9",
    "--batch-size", "2", "--force-at", "15", "--answer", "15",
]  # fmt: skip


def test_two_ranks_give_what_one_does_and_one_of_them_speaks(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "rl.cli"]
    result = subprocess.run(
        [*launch, *COMMAND, "--out", "two.parquet", "--json", "two.json"],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    tables = [result.stdout.count(head) for head in ("cap  accuracy", "closed at  accuracy")]
    assert tables == [1, 1]
    alone = run(*COMMAND, "--out", "one.parquet")
    for numbers in ("caps", "forced"):
        assert json.loads(Path("two.json").read_text())[numbers] == alone[numbers]
    for name in ("", "-at-15"):
        assert Evaluation.load(Path(f"two{name}.parquet")) == Evaluation.load(Path(f"one{name}.parquet"))
    assert {row["closing"] for row in Evaluation.load(Path("one-at-15.parquet")).rows} == {None, "</think>"}
    assert not list(Path().glob("*.parts"))
