"""A launch that has fewer ranks than it asked for."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT
from processes import PATIENCE

from rl.errors import UserError
from rl.launch.check import launched_ranks, require_ranks, require_sharding


@pytest.mark.parametrize(
    ("command", "ranks"),
    [
        (
            [
                "python",
                "/venv/bin/accelerate",
                "launch",
                "--cpu",
                "--num_processes",
                "2",
                "-m",
                "rl.train",
                "demo-grpo",
            ],
            2,
        ),
        (["/venv/bin/accelerate-launch", "--num_processes=4", "train.py"], 4),
        (
            [
                "accelerate",
                "launch",
                "--config_file",
                str(ROOT / "experiments/cluster/ddp.yaml"),
                "-m",
                "rl.train",
                "x",
            ],
            8,
        ),
        (["python", "-m", "torch.distributed.run", "--nproc_per_node", "2", "-m", "rl.train"], None),
        (["bash", "-c", "accelerate launch --num_processes 2"], None),
        ([], None),
    ],
)
def test_the_ranks_asked_for_are_read_from_accelerates_command_line(command: list[str], ranks: int | None) -> None:
    assert launched_ranks(command) == ranks


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"SLURM_NTASKS": "4"}, "SLURM asks for 4 ranks, and this launch has 1: each task would train alone"),
        ({"SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "2"}, "SLURM asks for 2 ranks"),
        ({"OMPI_COMM_WORLD_SIZE": "2"}, "OMPI_COMM_WORLD_SIZE asks for 2 ranks"),
        ({"WORLD_SIZE": "3"}, "WORLD_SIZE asks for 3 ranks, and this launch has 1"),
        ({"SLURM_NTASKS": "4", "WORLD_SIZE": "1"}, None),
        ({"SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "1"}, None),
        ({}, None),
    ],
)
def test_a_launch_without_the_ranks_it_asked_for_is_refused(
    environment: dict[str, str], said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SLURM_NTASKS", "SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    if said is None:
        require_ranks()
        return
    with pytest.raises(UserError) as refused:
        require_ranks()
    assert str(refused.value).startswith(said)


def test_sharding_that_was_asked_for_and_not_given_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from accelerate.utils import DistributedType

    require_sharding(DistributedType.MULTI_CPU)
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    require_sharding(DistributedType.FSDP)
    with pytest.raises(UserError, match="asks for FSDP, and accelerate has given MULTI_CPU"):
        require_sharding(DistributedType.MULTI_CPU)


def test_accelerate_launch_on_a_cpu_starts_one_rank_of_two_and_is_told_so(tmp_path: Path) -> None:
    launcher = [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch", "--cpu", "--num_processes", "2"]
    script = Path(sys.executable).with_name("accelerate")
    command = [sys.executable, str(script), *launcher[3:]] if script.is_file() else launcher
    done = subprocess.run(
        [*command, "-m", "rl.train", "demo-grpo", "--out", str(tmp_path / "run")],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert "error: accelerate launch was asked for 2 ranks, and this launch has 1" in done.stderr, done.stderr[-2000:]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "launcher",
    [
        pytest.param(["torch.distributed.run", "--standalone", "--nproc_per_node", "2"], id="torchrun"),
        pytest.param(
            ["accelerate.commands.launch", "--config_file", "experiments/cluster/ddp.yaml", "--num_processes", "2"],
            id="accelerate",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_batch_is_the_recipes_on_two_ranks_without_cuda(launcher: list[str], tmp_path: Path) -> None:
    module = [sys.executable, "-m", launcher[0], *launcher[1:]]
    done = subprocess.run(
        [*module, str(Path(__file__).with_name("batch_ranks.py")), str(tmp_path)],
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
            "CUDA_VISIBLE_DEVICES": "",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    # 2 groups of 4 rollouts: 8, of which each rank takes 4.
    expected = {"seen_first": 4, "ranks": 2, "groups": 2, "per_device": 4, "patience": 6 * 3600}
    assert [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1)] == [expected, expected]
