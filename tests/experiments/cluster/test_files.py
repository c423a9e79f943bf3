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

from experiments.plans import ONE_HOUR, PAGE, page
from rl.estimates import read_rates
from rl.launch.configuration import Launch, read_launch
from rl.recipe.files import shipped_recipes
from rl.run.dry_run import dry_run

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
    assert file.baseimage.startswith("nvidia/cuda:")
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


def test_the_page_of_plans_is_what_the_estimates_say_now() -> None:
    assert PAGE.read_text() == page()  # else: python -m experiments.plans
    rows = [line for line in PAGE.read_text().splitlines() if line.endswith(("| fits |",)) or "| change: " in line]
    assert len(rows) == len(PAPERS) * len(LAUNCHES) + len(ONE_HOUR)
    assert not [row for row in rows if "not enough" in row]
    first = {row.split(" | ")[0].strip("| "): row.split(" | ")[3:] for row in rows[: len(ONE_HOUR)]}
    assert list(first) == list(ONE_HOUR)
    assert all(plan == "fits |" and float(hours) <= 1.0 for hours, plan in first.values())
    assert {shipped_recipes()[name].parent.name for name in ONE_HOUR} == {"one_gpu"}


@pytest.mark.parametrize("file", LAUNCHES)
def test_the_dry_run_of_a_paper_recipe_takes_each_launch(file: str) -> None:
    found = dry_run("l1-max", launch=read_launch(str(CLUSTER / file)))
    assert found.text.count("not here") == 2
    assert "prompts    200 tokens in the mean, 512 at most (assumed)" in found.text
    assert LAUNCHES[file].describe() in found.text
    assert "engine     vllm: CUDA, and vLLM is installed" in found.text  # there, whatever this machine has
