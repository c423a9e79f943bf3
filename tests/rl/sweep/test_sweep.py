"""A sweep: its runs, those that fail, going on, SLURM's jobs, the page at the end."""

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from run_folders import make_run

from rl.cli import run_command
from rl.errors import UserError
from rl.folders.run import RunFolder
from rl.recipe.parts import Recipe
from rl.sweep import points, processes
from rl.sweep.grid import _parted
from rl.sweep.processes import log_of

FEW = ("data.train.options.n=64", "data.eval.options.n=8", "trainer.max_steps=2", "trainer.num_generations=4")
SWEEP = ("demo-dler", "budget.tokens=60,120", "seed=0,1", *FEW[:2])
NAMES = ["tokens-60_seed-0", "tokens-60_seed-1", "tokens-120_seed-0", "tokens-120_seed-1"]


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def sweep(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        run_command(["sweep", *arguments])
    assert isinstance(stop.value.code, int)
    return stop.value.code


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Runs that were started, none of which trains: a finished one is made up, but of seed 1 while `broken` is there."""
    started: list[str] = []

    def start(recipe: Recipe, run: RunFolder) -> "subprocess.Popen[bytes]":
        started.append(run.path.name)
        if recipe.seed == 1 and Path("broken").exists():
            log_of(run).write_text("error: the disk is full\n")
            return subprocess.Popen(["false"])
        make_run(run.path, tokens=recipe.budget.options["tokens"] // 2)
        run.recipe.write_text(recipe.to_yaml())
        run.report.mkdir()
        run.summary.write_text("{}")
        return subprocess.Popen(["true"])

    monkeypatch.setattr("rl.sweep.sweep.start_training", start)
    monkeypatch.setattr("rl.report.plots.save_plots", lambda *_: None)  # seconds of a page, and not what is looked at
    return started


def test_a_sweep_has_every_combination_of_the_values_in_their_order() -> None:
    found = points("demo-dler", ["budget.tokens=60,120", "seed=0,1", "trainer.max_steps=2"], Path("s"))
    assert [point.name for point in found] == NAMES
    assert [(p.recipe.budget.options["tokens"], p.recipe.seed) for p in found] == [(60, 0), (60, 1), (120, 0), (120, 1)]
    assert {point.recipe.trainer["max_steps"] for point in found} == {2}
    assert found[0].run.path == Path("s/tokens-60_seed-0")
    both = points("demo-dler", ["data.train.options.n=64,128", "data.eval.options.n=8,16"], Path("s"))
    assert both[0].name == "data-train-options-n-64_data-eval-options-n-8"
    assert _parted("[1,2],{a: 3, b: 4},'x,y',1e-6") == ["[1,2]", "{a: 3, b: 4}", "'x,y'", "1e-6"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["budget.tokens=60"], "needs a key with several values"),
        (["budget.tokens=60,", "seed=0,1"], "has an empty value"),
        (["seed=0,1", "seed=2"], "seed is given twice"),
        (["seed=1,1"], "two runs would both be called seed-1"),
        (["budget.tokens"], "is not of the form part.key=value,value"),
        (["budgt.tokens=60,120"], "did you mean 'budget'"),
        (["budget.tokens=60,long"], "tokens"),
        (["budget.tokens=60,1000000"], "tokens-1000000: "),  # only the model can say that it has no room
        (["seed=0,1", "data.eval=null"], "the recipe has no data.eval"),
        (["seed=0,1", "--slurm", "nowhere.slurm"], "no batch script nowhere.slurm"),
    ],
)
def test_a_value_that_cannot_be_is_refused_before_anything_is_started(
    arguments: list[str], said: str, trained: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep("demo-dler", *FEW[:2], *arguments) == 2
    assert said in capsys.readouterr().err
    assert trained == []
    assert not Path("sweeps").exists()


def shown(page: Path) -> set[str]:
    """The runs of a comparison."""
    return {model["run"] for model in json.loads((page / "summary.json").read_text())["models"]} - {None}


def test_a_run_that_fails_stops_no_other_and_the_same_command_goes_on_with_it(
    trained: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    two = ("demo-dler", "seed=1,0", *FEW[:2])
    Path("broken").touch()
    assert sweep(*two) == 2
    assert trained == ["seed-1", "seed-0"]
    said = capsys.readouterr().err
    assert "seed-1 ended with exit code 1: error: the disk is full" in said
    assert "1 of 2 runs are not finished: seed-1; the same command goes on" in said
    page = Path("sweeps/demo-dler/comparison")
    assert shown(page) == {"seed-0"}
    Path("broken").unlink()
    assert sweep(*two) == 0
    assert trained[2:] == ["seed-1"]
    assert shown(page) == {"seed-0", "seed-1"}


def test_a_run_does_without_what_only_linux_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "ctypes", None)
    monkeypatch.setattr(processes, "sys", SimpleNamespace(platform="darwin"))
    processes.die_with_parent()


def test_a_folder_of_something_else_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("precious")
    assert sweep(*SWEEP, "--out", "mine") == 2
    assert "mine exists and is not a sweep's folder" in capsys.readouterr().err
    assert [path.name for path in Path("mine").iterdir()] == ["thesis.txt"]


def test_slurm_gets_a_job_for_each_run_that_has_none_and_one_for_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stand-ins write what they are asked to `calls`; of the jobs, 2 is still in the queue the second time."""
    for name, does in {
        "sbatch": 'echo "OUT=$OUT $*" >> calls; wc -l < calls',
        "squeue": '[[ "$*" == *"--jobs=2 "* ]] && echo PENDING',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{does}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    Path("gpu.slurm").touch()
    assert sweep(*SWEEP, "--slurm", "gpu.slurm") == 0
    calls = Path("calls").read_text().splitlines()
    folder = "sweeps/demo-dler"
    for name, call in zip(NAMES, calls, strict=False):
        log = f"--output={folder}/{name}.log"
        assert call == f"OUT={folder}/{name} --parsable --job-name={name} {log} gpu.slurm {folder}/{name}.yaml"
        assert Path(f"{folder}/{name}.yaml").is_file()
    assert "--dependency=afterany:1:2:3:4" in calls[4]
    assert calls[4].endswith(f"sweep {' '.join(SWEEP)} --out {folder} --report")
    assert sweep(*SWEEP, "--slurm", "gpu.slurm") == 0
    assert "tokens-60_seed-1 is job 2 already" in capsys.readouterr().out
    assert len(Path("calls").read_text().splitlines()) == 5 + 4


@pytest.mark.slow
def test_a_real_sweep_trains_its_runs_and_compares_them() -> None:
    assert sweep("demo-dler", *FEW, "budget.tokens=40,80", "trainer.per_device_train_batch_size=32") == 0
    assert shown(Path("sweeps/demo-dler/comparison")) == {"tokens-40", "tokens-80"}


def test_points_are_of_recipes_that_can_be_read() -> None:
    with pytest.raises(UserError, match="unknown recipe"):
        points("dlre", ["seed=0,1"], Path("s"))
