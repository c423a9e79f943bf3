"""The cluster files: parsed by who will read them, and taken by the dry run of every paper recipe."""

import json
import re
import shlex
import signal
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from dockerfile_parse import DockerfileParser
from places import ROOT
from processes import PATIENCE, wait_until

from experiments.plans import ONE_HOUR, PAGE, page
from rl.estimates import estimate, known_config, read_rates, shape_of
from rl.launch.configuration import Launch, read_launch
from rl.recipe.engine_choice import Machine
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


@pytest.mark.parametrize("name", ["train.slurm", "one_gpu.slurm", "torchrun.sh", "gpu_tests.sh"])
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
    options = dict(re.findall(r"^#SBATCH --([\w-]+)(?:=(.*))?$", head, re.MULTILINE))
    assert {"nodes", "ntasks-per-node", "gpus-per-node", "time", "requeue", "signal", "open-mode"} <= set(options)
    warned = re.fullmatch(r"B:TERM@(\d+)", options["signal"])
    assert warned is not None
    assert int(warned[1]) >= 1800  # a round may take so long
    assert options["ntasks-per-node"] == "1"  # a launcher a node; the check of ranks relies on it
    assert "trap preempted TERM" in text
    assert "scontrol requeue" in text


SRUN = """
name=${1#--job-name=}
echo "srun ${*//$'\\n'/ }" >> calls
case $name in
  servers) while [[ $1 == --* ]]; do shift; done; "$@" ;;
  trainers)
    (( LONG )) || exit 0
    trap 'echo killed >> calls; exit 137' TERM  # what srun makes of it
    trap 'echo saved >> calls; exit 143' USR2
    echo $$ > step
    while :; do sleep 0.05; done ;;
esac
"""
STAND_INS = {
    "scontrol": 'if [[ $1 == show ]]; then printf "a\\nb\\n"; else echo "scontrol $*" >> calls; fi',
    "srun": SRUN,
    "squeue": '[[ "$*" == *"--jobs=7"* ]] && printf " 7.batch batch\\n 7.0 servers\\n 7.1 trainers\\n"',
    "scancel": 'echo "scancel $*" >> calls; kill -USR2 $(cat step)',
    "lengthwise": 'echo "lengthwise $* on $CUDA_VISIBLE_DEVICES with $SRUN_CPUS_PER_TASK" >> calls; exit 1',
    "curl": 'echo "${@: -1}" >> asked; (( $(grep -c "${@: -1}" asked) > 2 )) && echo "up ${@: -1}" >> calls',
}
"""Of SLURM's commands, our own and the network."""


def slurm_job(folder: Path, trainers: int, long: bool = False) -> "subprocess.Popen[str]":
    """The script on nodes a and b of two GPUs, among stand-ins that write what they are asked to `calls`."""
    for name, does in STAND_INS.items():
        (folder / name).write_text(f"#!/bin/bash\n{does}\n")
        (folder / name).chmod(0o755)
    (folder / "calls").touch()
    settings = {"SLURM_JOB_NODELIST": "x", "SLURM_JOB_NAME": "n", "SLURM_JOB_ID": "7", "SLURM_CPUS_PER_TASK": "64"}
    settings |= {"MODEL": "m", "TRAINERS": str(trainers), "GPUS": "2", "STARTS": "3", "PAUSE": "0"}
    settings |= {"LONG": str(int(long)), "PATH": f"{folder}:/usr/bin:/bin"}
    command = ["bash", str(CLUSTER / "train.slurm"), "dler", "seed=1"]
    return subprocess.Popen(
        command, cwd=folder, env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("name", PAPERS)
def test_what_a_node_that_fails_takes_with_it_is_a_round_or_about_an_hour(name: str, tmp_path: Path) -> None:
    recipe, rates = load_recipe(name), read_rates(str(CLUSTER / "h100.yaml"))
    for part in [stage for _, stage in stages_of(recipe)] or [recipe]:
        resolved, config = resolve(part, tmp_path, Machine(cuda=True, vllm=True)), known_config(part.model)
        assert config is not None
        for launch in (
            launch for launch in map(read_launch, map(str, map(CLUSTER.joinpath, LAUNCHES))) if launch.ranks == 8
        ):
            shape, edits = shape_of(config), resolved.edits
            found = estimate(resolved.recipe, resolved.config, resolved.budgets, shape, launch, rates, edits=edits)
            steps = resolved.config.max_steps
            every = min(resolved.config.save_steps, steps)
            assert found.hours is not None
            assert found.hours[0] * every / steps < 1.5 or every == resolved.config.round_steps


@pytest.mark.parametrize("workers", [0, 1])
def test_the_slurm_job_launches_trainers_once_its_servers_serve(workers: int, tmp_path: Path) -> None:
    job = slurm_job(tmp_path, 2 - workers)
    _, said = job.communicate(timeout=PATIENCE)
    assert job.returncode == 0, said
    calls = (tmp_path / "calls").read_text().splitlines()
    (trains,) = [line for line in calls if line.startswith("srun --job-name=trainers")]
    assert "--nodelist=a" in trains
    up = [f"up http://b:{port}" for port in (8000, 8001)]
    assert [line in calls[: calls.index(trains)] for line in (f"{address}/health" for address in up)] == [
        bool(workers)
    ] * 2
    given = "rollouts.workers=[http://b:8000,http://b:8001] rollouts.pool.api_key_env=LENGTHWISE_KEY"
    assert (given in trains) == bool(workers)


def test_a_server_of_the_slurm_job_that_dies_is_started_again_but_not_for_ever(tmp_path: Path) -> None:
    slurm_job(tmp_path, 1).communicate(timeout=PATIENCE)
    ended = re.findall(r"lengthwise serve .*--port (\d+) .* on (\d) with (\d+)", (tmp_path / "calls").read_text())
    assert sorted(ended) == [("8000", "0", "64")] * 3 + [("8001", "1", "64")] * 3


def test_the_slurm_job_has_its_trainers_save_before_it_goes_back_to_the_queue(tmp_path: Path) -> None:
    job = slurm_job(tmp_path, 2, long=True)
    wait_until((tmp_path / "step").exists, "the trainers run")
    job.send_signal(signal.SIGTERM)
    _, said = job.communicate(timeout=PATIENCE)
    assert job.returncode == 0, said
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls[-3:] == ["scancel --signal=TERM 7.1", "saved", "scontrol requeue 7"]


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
    # There, whatever this machine has.
    assert "engine     vllm: the choice on CUDA, where vLLM is installed" in found.text
