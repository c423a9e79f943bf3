"""Faults that are planted on this machine, and whether the doctor names them."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch
from places import ROOT
from workers import fake_workers

from rl.cli import run_command
from rl.doctor import Asked, examine
from rl.doctor import workers as doctors_workers
from rl.errors import UserError
from rl.folders import checkpoints
from rl.folders.lock import holder
from rl.folders.run import RunFolder
from rl.recipe.files import load_recipe
from rl.run.train import train


@dataclass
class Place:
    """Where faults are planted: `here` is the working folder; what is entered into `stack` ends with the test."""

    here: Path
    patch: pytest.MonkeyPatch
    stack: ExitStack
    arguments: list[str] = field(default_factory=list)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with ExitStack() as stack:
        yield Place(here, monkeypatch, stack)


def doctor(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        run_command(["doctor", *arguments])
    assert isinstance(stop.value.code, int)
    return stop.value.code


def distribution(place: Place, name: str, version: str, *top_level: str) -> None:
    """Metadata of a package, before all others on the path."""
    folder = place.here.parent / "site" / f"{name}-{version}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (folder / "top_level.txt").write_text("\n".join(top_level))
    place.patch.syspath_prepend(str(folder.parent))


def package(folder: Path, name: str) -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text("")


def wrong_version(place: Place) -> None:
    distribution(place, "trl", "0.9.0")


def two_that_install_one_package(place: Place) -> None:
    distribution(place, "rewards-and-more", "1.0", "rewards")


def shadowing_folder(place: Place) -> None:
    package(place.here, "rewards")


def shadowing_file(place: Place) -> None:
    (place.here / "datasets.py").write_text("mine = 1")


def shadowed_standard_module(place: Place) -> None:
    (place.here / "random.py").write_text("mine = 1")


def shadow_on_the_path(place: Place) -> None:
    package(place.here.parent / "lib", "torch")
    place.patch.syspath_prepend(str(place.here.parent / "lib"))


def dead_worker(place: Place) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        place.arguments += ["--workers", f"http://127.0.0.1:{closed.getsockname()[1]}"]


def frozen_worker(place: Place) -> None:
    (worker,) = place.stack.enter_context(fake_workers(1))
    place.patch.setattr(doctors_workers, "SECONDS", 1.0)
    worker.stop()
    place.arguments += ["--workers", worker.address]


def locked_worker(place: Place) -> None:
    (worker,) = place.stack.enter_context(fake_workers(1, "--key", "secret"))
    place.arguments += ["--workers", worker.address]


def short_worker(place: Place) -> None:
    (worker,) = place.stack.enter_context(fake_workers(1, "--max-model-len", "200"))
    place.arguments += ["demo-grpo", "--workers", worker.address]


def other_server(place: Place) -> None:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = place.stack.enter_context(HTTPServer(("127.0.0.1", 0), Quiet))
    Thread(target=server.serve_forever, daemon=True).start()
    place.stack.callback(server.shutdown)
    place.arguments += ["--workers", f"http://127.0.0.1:{server.server_port}"]


def full_disk(place: Place) -> None:
    disk = place.here.parent / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=False).returncode == 0:
        place.stack.callback(subprocess.run, ["umount", str(disk)], check=True)
    else:  # not root, or no mounts in here
        place.patch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(2**21, 0, 2**21))  # type: ignore[attr-defined]
    place.arguments += ["demo-grpo", "--out", str(disk / "run")]


def taken_rendezvous(place: Place) -> None:
    taken = place.stack.enter_context(socket.socket())
    taken.bind(("", 0))
    taken.listen()
    place.patch.setenv("MASTER_PORT", str(taken.getsockname()[1]))


def taken_port(place: Place) -> None:
    taken = place.stack.enter_context(socket.socket())
    taken.bind(("", 0))
    taken.listen()
    place.arguments += ["--port", str(taken.getsockname()[1])]


@contextmanager
def training(run: Path) -> Iterator[None]:
    """Another process that holds a run's folder."""
    code = (
        f"from pathlib import Path; from rl.folders.lock import _take; f = _take(Path({str(run)!r})); print(1); input()"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-uc", code], **pipes, text=True, env=environment) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == "1\n"
        yield
        process.send_signal(signal.SIGKILL)


def run_in_use(place: Place) -> None:
    run = RunFolder(place.here / "run")
    run.start(load_recipe("demo-grpo"))
    place.stack.enter_context(training(run.path))
    place.arguments += ["--out", str(run.path)]


def torn_checkpoint(place: Place) -> None:
    run = RunFolder(place.here / "run")
    run.start(load_recipe("demo-grpo"))
    (run.checkpoints / "checkpoint-4").mkdir(parents=True)
    (run.checkpoints / "checkpoint-4" / "model.safetensors").write_text("weights")
    checkpoints.write(run.checkpoints / "checkpoint-4", {})
    (run.checkpoints / "checkpoint-4" / "model.safetensors").write_text("weigh")
    place.arguments += ["--out", str(run.path)]


def folder_of_another(place: Place) -> None:
    (place.here / "thesis").mkdir()
    (place.here / "thesis" / "thesis.tex").touch()
    place.arguments += ["--out", "thesis"]


def folder_that_takes_nothing(place: Place) -> None:
    place.arguments += ["--out", "/proc/run"]


def remains_of_a_launch(place: Place) -> None:
    place.patch.setenv("RANK", "1")


def model_out_of_reach(place: Place) -> None:
    place.patch.setenv("HF_HUB_OFFLINE", "1")
    place.arguments += ["demo-grpo", "model=some-lab/some-model"]


def misspelt_recipe(place: Place) -> None:
    (place.here / "mine.yaml").write_text("extends: demo-grpo\nbugdet: 4\n")
    place.arguments += ["mine.yaml"]


FAULTS: dict[Callable[[Place], None], str] = {
    wrong_version: r"trl 0.9.0 is outside lengthwise's <1.17,>=1.16; pip install 'trl<1.17,>=1.16'",
    two_that_install_one_package: r"the package 'rewards' is installed by lengthwise and by rewards-and-more.*; pip un",
    shadowing_folder: r"here/rewards hides lengthwise's 'rewards' from .*; rename it, or start from another folder",
    shadowing_file: r"here/datasets.py hides the library 'datasets' from .*; rename it",
    shadowed_standard_module: r"here/random.py hides Python's own module 'random' from .*; rename it",
    shadow_on_the_path: r"lib/torch hides the library 'torch' from .* all else; rename it, or mend PYTHONPATH",
    dead_worker: r"worker http://127.0.0.1:\d+ is not there: .*refused.*; start it: lengthwise serve",
    frozen_worker: r"worker http://127.0.0.1:\d+ is not there: no answer in 1 seconds; start it",
    locked_worker: r"wants its API key, and no key was given; name its variable as rollouts.pool.api_key_env",
    short_worker: r"takes 200 tokens, and a completion alone may have 256; start it with --max-model-len",
    other_server: r"is no worker of ours \(it says 404\); start one on that port",
    full_disk: r"2.0 MiB free for .*disk/run, and 3 checkpoints and the final model take 5.1 MiB; make room",
    taken_rendezvous: r"port \d+, where ranks would meet, is taken; set MASTER_PORT",
    taken_port: r"port \d+ for a worker is taken; end what listens there",
    run_in_use: r"here/run is being trained by process \d+ on \S+; wait for it",
    folder_of_another: r"thesis is there and is no run's folder; choose another --out",
    folder_that_takes_nothing: r"the output folder /proc/run cannot be written: .*; choose another --out",
    remains_of_a_launch: r"RANK without MASTER_ADDR: left over from a launch.*; unset RANK",
    model_out_of_reach: r"HF_HUB_OFFLINE is on, and some-lab/some-model is not in the cache; unset it",
    misspelt_recipe: r"unknown key 'bugdet' in mine.yaml; did you mean 'budget'\?; mend the recipe",
}

ALSO = {
    wrong_version: "trl is there 2 times",
    folder_that_takes_nothing: "0 bytes free for /proc/run",
    model_out_of_reach: "cannot load the config of 'some-lab/some-model'",
}
"""What else is true then."""


@pytest.mark.parametrize("plant", FAULTS, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_named_with_its_remedy(
    plant: Callable[[Place], None], place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(place)
    assert doctor(*place.arguments, "--no-step") == 1
    faults = [line for line in capsys.readouterr().out.splitlines() if line.startswith("FAIL")]
    named = [line for line in faults if re.search(FAULTS[plant], line)]
    others = [line for line in faults if line not in named and not (plant in ALSO and ALSO[plant] in line)]
    assert (len(named), others) == (1, []), faults


def of_another_recipe(place: Place) -> list[str]:
    RunFolder(place.here / "run").start(load_recipe("demo-dler"))
    (place.here / "run" / "metrics.jsonl").touch()
    return []


def begun_with_other_problems(place: Place) -> list[str]:
    run = RunFolder(place.here / "run")
    run.start(load_recipe("demo-grpo", FEW))
    run.metrics.touch()
    run.inputs.write_text('{"data.train (demo)": "of others"}')
    return FEW


FEW = ["data.train.options.n=64", "data.eval=null", "rollouts.engine=transformers"]


@pytest.mark.parametrize(
    "refused",
    [
        ["rollouts.engine=vllm"],
        ["rollouts.engine=vllm", "model=some-lab/some-model"],
        ["data.train.source=nowhere.jsonl"],
        [*FEW, "budget.tokens=100000"],
        ["trainer.optim=no-such"],
        of_another_recipe,
        begun_with_other_problems,
    ],
    ids=lambda refused: getattr(refused, "__name__", str(refused)),
)
def test_the_doctor_says_of_a_recipe_what_train_would(refused: Any, place: Place) -> None:
    """Without vLLM, on any machine."""
    place.patch.setattr("rl.rollouts.vllm.engine.find_spec", lambda name: None)
    overrides = refused(place) if callable(refused) else refused
    run = place.here / "run"
    found = [each for each in examine(Asked("demo-grpo", overrides, out=run, step=False)) if each.status == "FAIL"]
    with pytest.raises(UserError) as said:
        train("demo-grpo", overrides, run, quiet=True)
    assert str(said.value) in [each.what for each in found], (str(said.value), found)


def test_what_only_needs_to_be_known_is_said_and_fails_nothing(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    torn_checkpoint(place)
    place.patch.setenv("TOKENIZERS_PARALLELISM", "true")
    place.patch.setenv("OMP_NUM_THREADS", "4096")
    assert doctor(*place.arguments, "--no-step") == 0
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warn")]
    for said in (
        "checkpoint-4 is not whole: model.safetensors has 5 bytes, not 7; nothing: the run is set back",
        "TOKENIZERS_PARALLELISM is on: tokenizers may hang in forked processes; set it to false",
        r"OMP_NUM_THREADS=4096 on 1 ranks are more threads than \d+ cores; set it to",
    ):
        assert any(re.search(said, line) for line in told), (said, told)


def test_a_healthy_machine_has_no_fault_and_takes_a_step(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    with fake_workers(1) as (worker,):
        code = doctor("demo-grpo", "--out", "run", "--workers", worker.address, "--json", "found.json")
    lines = capsys.readouterr().out.splitlines()
    assert code == 0, lines
    assert any(re.match(r"ok +a round and an update of the demo model, .* in \d+\.\d s", line) for line in lines)
    assert any(re.match(r"ok +worker .* answers \(no weights yet, 4096 tokens\)", line) for line in lines)
    if not torch.cuda.is_available():
        assert any(line.startswith("not here  CUDA") for line in lines)
    found = json.loads((place.here / "found.json").read_text())
    assert found["faults"] == 0
    assert len(found["findings"]) == len(lines) - 1
    assert set(found["findings"][0]) == {"status", "what", "remedy"}
    assert not (place.here / "run").exists()


def test_nobody_holds_a_run_whose_process_is_gone(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with training(run):
        assert re.fullmatch(rf"process \d+ on {socket.gethostname()}", holder(run) or "")
    assert holder(run) is None
    assert holder(tmp_path / "nowhere") is None
