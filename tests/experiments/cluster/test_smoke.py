"""The steps that one GPU is to prove, on a CPU: those that it can take, and how the others end."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils.launch import prepare_multi_gpu_env
from places import ROOT

from experiments.cluster import smoke
from experiments.cluster.proofs.sharded import CONFIGURATION, settings

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="of a machine without CUDA")


def steps(*names: str, folder: Path) -> tuple[int, dict[str, Any]]:
    code = smoke.main(["--out", str(folder), *names])
    return code, {found["step"]: found for found in json.loads((folder / "smoke.json").read_text())}


def test_each_step_has_a_file_and_a_line_in_the_table() -> None:
    page = (ROOT / "experiments/cluster/README.md").read_text()
    for step in smoke.STEPS:
        assert (ROOT / f"experiments/cluster/proofs/{step.name}.py").is_file()
        assert f"| `{step.name}` |" in page


def test_what_needs_vllm_is_skipped_without_it_and_the_rest_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smoke, "find_spec", lambda name: None)
    code, found = steps("varlen", "vllm", "rates", folder=tmp_path)
    assert code == 0
    assert {name: one["status"] for name, one in found.items()} == {
        "varlen": "passed", "vllm": "skipped", "rates": "passed",
    }  # fmt: skip
    assert found["varlen"]["figures"]["forward, apart"] < 0.02
    assert found["rates"]["figures"]["tokens a second of 16"] > 0
    assert "tokens a second" in capsys.readouterr().out
    assert "| vllm | skipped | 0 | vLLM is not installed |" in (tmp_path / "smoke.md").read_text()


def test_a_step_that_takes_too_long_and_one_that_crashes_end_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless, crashing = smoke.Step("demo", 0, ""), smoke.Step("no-such-step", 60, "")
    monkeypatch.setattr(smoke, "STEPS", (endless, crashing, smoke.Step("serve", 60, "", vllm=True)))
    monkeypatch.setattr(smoke, "find_spec", lambda name: None)
    code, found = steps(folder=tmp_path)
    assert code == 1
    assert found["demo"]["why"] == "took more than 0 s"
    assert found["no-such-step"]["why"].startswith("ended with 2: ")
    assert found["serve"]["status"] == "skipped"


def test_the_sharded_step_has_the_environment_that_accelerate_makes_of_the_shipped_file() -> None:
    command = ["--config_file", str(CONFIGURATION), "-m", "rl.train", "dler"]
    arguments, _, _ = _validate_launch_command(launch_command_parser().parse_args(command))
    theirs = prepare_multi_gpu_env(arguments)
    assert {name: theirs.get(name) for name in settings()} == settings()


@pytest.mark.slow
def test_every_step_that_a_cpu_can_take_passes(tmp_path: Path) -> None:
    code, found = steps(folder=tmp_path)
    assert {name: one["why"] for name, one in found.items() if one["status"] == "failed"} == {}
    assert code == 0


def test_a_folder_of_somebody_elses_is_refused_and_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "mine").write_text("kept")
    with pytest.raises(SystemExit) as stop:
        smoke.main(["--out", str(tmp_path), "demo"])
    assert stop.value.code == 2
    assert f"{tmp_path / 'demo'} is there already" in capsys.readouterr().err
    assert (tmp_path / "demo" / "mine").read_text() == "kept"
    assert not (tmp_path / "smoke.json").exists()
