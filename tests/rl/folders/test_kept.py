"""What a run that goes on keeps of its start."""

from pathlib import Path

import pytest
import yaml

from rl.errors import UserError
from rl.folders.run import RunFolder
from rl.recipe.engine_choice import Machine, with_engine
from rl.recipe.files import load_recipe
from rl.run.engines import settled
from rl.run.train import train


def begun(tmp_path: Path, machine: Machine) -> RunFolder:
    run = RunFolder(tmp_path / "run")
    run.start(with_engine(load_recipe("demo-grpo"), machine))
    return run


def test_a_run_goes_on_with_the_engine_that_it_began_with_wherever_it_is(tmp_path: Path) -> None:
    run = begun(tmp_path, Machine(cuda=True, vllm=True))
    assert run.status(load_recipe("demo-grpo")) == "unfinished"
    assert run.as_begun(load_recipe("demo-grpo")).rollouts.engine == "vllm"
    with pytest.raises(UserError, match="a run of another recipe"):
        run.status(load_recipe("demo-grpo", ["rollouts.engine=transformers"]))


def test_what_a_run_began_with_and_is_not_here_is_said_and_nothing_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begun(tmp_path, Machine(cuda=True, vllm=True))
    monkeypatch.setattr("rl.run.engines.this_machine", lambda: Machine(False, False))
    with pytest.raises(UserError, match=r"was begun with rollouts\.engine vllm, and vLLM is not installed here"):
        train("demo-grpo", out=run.path, quiet=True)


def test_a_new_run_writes_down_the_engine_that_it_has(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    recipe, choice = settled(load_recipe("demo-grpo"), run)
    assert choice.describe() == "transformers: there is no CUDA device"
    run.start(recipe)
    assert yaml.safe_load(run.recipe.read_text())["rollouts"]["engine"] == "transformers"
    again, kept = settled(load_recipe("demo-grpo"), run)
    assert again == recipe
    assert kept.why == f"as {run.path} began"


def test_a_run_of_an_earlier_version_goes_on_with_the_sizes_that_were_written_out(tmp_path: Path) -> None:
    run = begun(tmp_path, Machine(cuda=False, vllm=False))
    written = yaml.safe_load(run.recipe.read_text())
    written["rollouts"]["vllm"] |= {"gpu_memory_utilization": 0.3, "sleep": 0}
    run.recipe.write_text(yaml.safe_dump(written))
    assert run.status(load_recipe("demo-grpo")) == "unfinished"
    assert run.as_begun(load_recipe("demo-grpo")).rollouts.vllm.gpu_memory_utilization == 0.3
