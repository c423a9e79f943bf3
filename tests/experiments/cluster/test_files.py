"""The cluster files: parsed by who will read them, and taken by the dry run of every paper recipe."""

import json
import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from dockerfile_parse import DockerfileParser
from places import ROOT
from processes import PATIENCE

from rl.estimates import estimate, known_config, lines, read_rates, shape_of
from rl.launch.configuration import Launch, read_launch
from rl.recipe.files import load_recipe, shipped_recipes
from rl.recipe.values import stages_of
from rl.run.dry_run import dry_run
from rl.run.prepare import resolve

CLUSTER = ROOT / "experiments/cluster"
LAUNCHES = {
    "one_gpu.yaml": Launch(1, "none", precision="bf16"),
    "ddp.yaml": Launch(8, "ddp", precision="bf16"),
    "fsdp2.yaml": Launch(8, "fsdp", precision="bf16"),
    "zero2.yaml": Launch(8, "zero2", precision="bf16"),
    "zero3_offload.yaml": Launch(8, "zero3", True, True, "bf16"),
}
PAPERS = [name for name, path in shipped_recipes().items() if path.parent.name == "papers"]


def test_each_configuration_is_listed_here() -> None:
    assert {path.name for path in CLUSTER.glob("*.yaml")} == {*LAUNCHES, "h100.yaml"}
    assert read_rates(str(CLUSTER / "h100.yaml")).gpu_memory == 80


@pytest.mark.parametrize("name", LAUNCHES)
def test_accelerate_reads_each_configuration_as_we_do(name: str) -> None:
    file, launch = CLUSTER / name, LAUNCHES[name]
    config = load_config_from_file(str(file))
    assert (config.num_processes, config.mixed_precision) == (launch.ranks, "bf16")
    assert read_launch(str(file)) == launch
    parser = launch_command_parser()
    arguments = parser.parse_args(["--config_file", str(file), "-m", "rl.train", "x"])
    if launch.sharding.startswith("zero"):
        known = {action.dest for action in parser._actions}
        assert set(yaml.safe_load(file.read_text())["deepspeed_config"]) <= known
        return  # accelerate validates further only where DeepSpeed is installed
    if launch.sharding == "fsdp":
        arguments, _, _ = _validate_launch_command(arguments)
        assert arguments.use_fsdp
        assert arguments.fsdp_version == 2


@pytest.mark.parametrize("name", ["train.slurm", "torchrun.sh", "gpu_tests.sh"])
def test_bash_reads_each_script(name: str) -> None:
    subprocess.run(["bash", "-n", str(CLUSTER / name)], check=True, timeout=PATIENCE)


def test_the_container_is_built_from_what_the_checkout_has() -> None:
    file = DockerfileParser(str(CLUSTER / "Dockerfile"))
    steps = [(step["instruction"], step["value"]) for step in file.structure if step["instruction"] != "COMMENT"]
    assert "torch==2.13." in (CLUSTER.parents[1] / "constraints.txt").read_text(), "which CUDA do its wheels bring?"
    assert file.baseimage.startswith("nvidia/cuda:13.0.")
    assert {name for name, _ in steps} == {"FROM", "RUN", "ENV", "WORKDIR", "COPY", "USER", "ENTRYPOINT", "CMD"}
    (install,) = [shlex.split(value) for name, value in steps if name == "RUN" and value.startswith("pip ")]
    root, extras = CLUSTER.parents[1], re.findall(r"\w+", install[-1])
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert set(extras) <= set(project["optional-dependencies"])
    assert (root / install[install.index("--constraint") + 1]).is_file()
    assert json.loads(dict(steps)["ENTRYPOINT"])[0] in project["scripts"]


def test_the_slurm_job_comes_back_after_preemption_and_is_warned_before_it() -> None:
    text = (CLUSTER / "train.slurm").read_text()
    head = text[: text.index("set -euo")]
    options = dict(
        re.match(r"--([\w-]+)(?:=(.*))?$", line[8:]).groups()
        for line in head.splitlines()
        if line.startswith("#SBATCH ")
    )  # type: ignore[union-attr]
    assert {"nodes", "ntasks-per-node", "gpus-per-node", "time", "requeue", "signal", "open-mode"} <= set(options)
    assert re.fullmatch(r"B:TERM@\d+", options["signal"])
    assert options["ntasks-per-node"] == "1"  # a launcher a node; the check of ranks relies on it
    assert "trap preempted TERM" in text
    assert "scontrol requeue" in text


@pytest.mark.parametrize("workers", [0, 1])
def test_the_slurm_job_launches_trainers_and_servers_on_their_nodes(workers: int, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    for name, does in {
        "scontrol": 'printf "a\\nb\\n"',
        "srun": f'printf "%s\\n" "$*" >> {calls}',
        "head": "echo key",
    }.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{does}\n")
        (tmp_path / name).chmod(0o755)
    settings: dict[str, Any] = {"SLURM_JOB_NODELIST": "x", "SLURM_JOB_NAME": "n", "SLURM_JOB_ID": "7", "MODEL": "m"}
    settings |= {"TRAINERS": str(2 - workers), "GPUS": "2", "PATH": f"{tmp_path}:/usr/bin:/bin"}
    command = ["bash", str(CLUSTER / "train.slurm"), "dler", "seed=1"]
    done = subprocess.run(command, env=settings, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    said = calls.read_text()
    assert "--nodelist=a" in said
    assert ("lengthwise serve" in said) == bool(workers)
    assert ("rollouts.workers=[http://b:8000,http://b:8001] rollouts.pool.api_key_env=LENGTHWISE_KEY" in said) == bool(
        workers
    )


@pytest.mark.parametrize("name", PAPERS)
def test_every_paper_recipe_is_estimated_on_every_launch(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    for part in [stage for _, stage in stages_of(recipe)] or [recipe]:
        resolved = resolve(part, tmp_path)
        config = known_config(part.model)
        assert config is not None
        for file in LAUNCHES:
            rates = read_rates(str(CLUSTER / "h100.yaml"))
            launch = read_launch(str(CLUSTER / file))
            found = estimate(part, resolved.config, resolved.budgets, shape_of(config), launch, rates)
            assert found.memory.peak > 0
            assert found.hours is not None
            assert found.hours[0] > 0
            assert found.fits or found.remedies
            assert lines(found)


@pytest.mark.parametrize("file", LAUNCHES)
def test_the_dry_run_of_a_paper_recipe_takes_each_launch(file: str) -> None:
    found = dry_run("l1-max", launch=read_launch(str(CLUSTER / file)))
    assert found.text.count("not here") == 2
    assert "prompts    200 tokens in the mean, 512 at most (assumed)" in found.text
    assert LAUNCHES[file].describe() in found.text
