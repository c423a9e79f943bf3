"""The doctor's judgement of machines that are not at hand."""

from dataclasses import replace
from pathlib import Path

import pytest

from rl.doctor.device import Cuda, Device, check_cuda, runs_on
from rl.doctor.environment import check_environment
from rl.doctor.finding import GIB
from rl.doctor.folders import file_system
from rl.doctor.machine import (
    Weight,
    available_memory,
    check_disk,
    check_memory,
    check_open_files,
    check_shared_memory,
)
from rl.doctor.versions import check_duplicates, check_extras, check_origin, check_packages, check_python
from rl.doctor.workers import Answer, Expected, check_worker

H100 = Device("H100", (9, 0), 79 * GIB, 80 * GIB)
GOOD = Cuda("2.13.0+cu130", "13.0", (13, 0), True, False, [H100] * 2, ["sm_80", "sm_90", "compute_90"], "2.28.3")


def test_a_machine_with_devices_that_match_is_well() -> None:
    assert {finding.status for finding in check_cuda(GOOD)} == {"ok"}


@pytest.mark.parametrize(
    ("cuda", "status", "said"),
    [
        (replace(GOOD, built=None), "FAIL", "there is an NVIDIA device, and torch 2.13.0+cu130 is built for CPUs"),
        (replace(GOOD, driver=(12, 4)), "FAIL", "torch is for CUDA 13.0, and the driver can do 12.4"),
        (replace(GOOD, driver=None), "FAIL", "there is an NVIDIA device without a driver"),
        (replace(GOOD, devices=[]), "FAIL", "there is a driver, and torch finds no device"),
        (replace(GOOD, hidden=True), "warn", "CUDA_VISIBLE_DEVICES is empty"),
        (replace(GOOD, nccl=None), "FAIL", "without NCCL"),
        (replace(GOOD, vllm="0.32.0+cpu"), "FAIL", "vLLM (0.32.0+cpu) is built for CPUs"),
        (replace(GOOD, devices=[replace(H100, capability=(12, 0))], architectures=["sm_90"]), "FAIL", "sm_120: torch has"),
        (replace(GOOD, devices=[replace(H100, capability=(7, 5))], architectures=["sm_75"]), "warn", "bf16"),
        (replace(GOOD, devices=[replace(H100, free=9 * GIB)]), "warn", "over half of its memory is taken"),
        (replace(GOOD, built=None, hardware=False), "not here", "no NVIDIA device"),
        (replace(GOOD, driver=None, hardware=False), "not here", "built for CUDA 13.0, and there is no NVIDIA device"),
    ],
)  # fmt: skip
def test_a_mismatch_of_torch_driver_and_devices_is_said(cuda: Cuda, status: str, said: str) -> None:
    (found,) = (finding for finding in check_cuda(cuda) if finding.status != "ok")
    assert found.status == status
    assert said in found.what
    assert found.remedy or status == "not here"


@pytest.mark.parametrize(
    ("capability", "architectures", "runs"),
    [
        ((8, 9), ["sm_80"], True),
        ((8, 0), ["sm_86"], False),
        ((9, 0), ["sm_80"], False),
        ((9, 0), ["compute_80"], True),
        ((10, 3), ["sm_100"], True),
        ((9, 0), ["sm_90a"], True),
        ((9, 0), [], False),
    ],
)
def test_code_runs_on_later_minors_of_its_major_and_intermediate_code_on_all_later(
    capability: tuple[int, int], architectures: list[str], runs: bool
) -> None:
    assert runs_on(capability, architectures) is runs


def test_versions_are_held_against_the_ranges() -> None:
    have = {"trl": "1.16.0", "torch": "2.13.0+cu130", "vllm": "0.40.1"}
    requires = ["torch>=2.10,<2.15", "trl>=1.16,<1.17", "peft>=0.19", "vllm>=0.32,<0.34; extra == 'vllm'", "ruff; extra == 'dev'"]  # fmt: skip
    assert [f.what for f in check_packages(requires, have.get)] == ["lengthwise needs peft, which is not installed"]
    assert check_packages(requires[:2], have.get)[0].status == "ok"
    assert [f.status for f in check_extras(requires, have.get)] == ["FAIL"]
    assert check_extras(["deepspeed>=0.17; extra == 'deepspeed'"], have.get)[0].status == "not here"
    assert check_python(">=3.11", "3.10.4").status == "FAIL"
    assert check_python(">=3.11", "3.14.0").status == "ok"
    (twice,) = check_duplicates({"trl": [("1.16.0", "/a"), ("0.9.0", "/b")], "torch": [("2.13.0", "/a")]})
    assert twice.what == "trl is there 2 times: 1.16.0 in /a, 0.9.0 in /b"


def test_code_that_is_not_what_was_installed_is_said() -> None:
    assert check_origin(Path("/a"), Path("/a")).status == "ok"
    assert check_origin(None, Path("/a")).remedy == "pip install -e /a"
    assert "/a" in check_origin(Path("/b"), Path("/a")).what


def test_a_run_that_does_not_fit_is_said_before_it_begins() -> None:
    billion = Weight(10**9, trained=10**9, checkpoints=2)
    assert (billion.disk, billion.memory) == (40 * 10**9, 16 * 10**9)
    adapter = replace(billion, trained=10**7)
    assert (adapter.disk, adapter.memory) == (4 * 10**8, 4 * 10**9 + 12 * 10**7)
    assert [check_disk(Path("run"), free * 10**9, billion).status for free in (39, 41, 61)] == ["FAIL", "warn", "ok"]
    assert [check_disk(Path("run"), free, None).status for free in (2**20, GIB, 6 * GIB)] == ["FAIL", "warn", "ok"]
    assert [check_memory(15 * GIB, billion, device).status for device in (True, False)] == ["ok", "ok"]
    assert [check_memory(14 * GIB, billion, device).status for device in (True, False)] == ["ok", "FAIL"]
    assert check_memory(GIB, None, False).status == "warn"
    assert [check_shared_memory(free).status for free in (64 * 2**20, 2 * GIB, None)] == ["warn", "ok", "ok"]
    assert check_open_files(1024, 2**20).remedy == "ulimit -n 65536"
    assert check_open_files(65536, 65536).status == "ok"


def test_a_container_has_the_memory_of_its_control_group() -> None:
    meminfo = "MemTotal: 1000 kB\nMemAvailable:   900 kB\n"
    assert available_memory(meminfo, {"2": "max"}, {"2": "500000"}) == 900 * 1024
    assert available_memory(meminfo, {"2": "600000\n"}, {"2": "500000\n"}) == 100_000
    assert available_memory(meminfo, {"1": None}, {"1": None}) == 900 * 1024


def test_ranks_without_threads_of_their_own_are_said() -> None:
    (few,) = check_environment({"LOCAL_WORLD_SIZE": "8"}, 32, [])
    assert (few.what, few.remedy) == ("OMP_NUM_THREADS is not set for 8 ranks", "set it to 4")
    assert check_environment({"LOCAL_WORLD_SIZE": "8", "OMP_NUM_THREADS": "4"}, 32, [])[0].status == "ok"


def test_the_file_system_is_the_one_of_the_nearest_mount() -> None:
    mounts = "/dev/sda / ext4 rw 0 0\nhost:/x /data nfs4 rw 0 0\ntmpfs /data/my\\040runs tmpfs rw 0 0\n"
    assert [file_system(Path(p), mounts) for p in ("/home", "/data/a", "/data/my runs/b")] == ["ext4", "nfs4", "tmpfs"]


HEALTH = {"ready": True, "version": 3, "problem": "", "model": "lab/model", "max_model_len": 4096}
WANTED = Expected("lab/model", 2048, ">=0.32,<0.34", "key")


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (Answer(200, HEALTH, vllm="0.32.1"), "ok", "answers (has weights 3, 4096 tokens)"),
        (Answer(200, HEALTH, vllm="0.28.0"), "warn", "runs vLLM 0.28.0, outside >=0.32,<0.34"),
        (Answer(200, {**HEALTH, "model": "lab/other"}), "warn", "serves lab/other, and the recipe trains lab/model"),
        (Answer(200, {**HEALTH, "max_model_len": 2048}), "FAIL", "takes 2048 tokens, and a completion alone may have 2048"),
        (Answer(200, {**HEALTH, "ready": False, "problem": "vLLM's engine has died"}), "FAIL", "vLLM's engine has died"),
        (Answer(401, {"error": "key"}), "FAIL", "wants its API key, and the key is another"),
        (Answer(200, "<html>"), "FAIL", "is no worker of ours"),
        (Answer(error="refused"), "FAIL", "is not there: refused"),
    ],
)  # fmt: skip
def test_a_worker_is_judged_by_what_it_says(answer: Answer, status: str, said: str) -> None:
    (found,) = check_worker("http://w:1", answer, WANTED)
    assert found.status == status
    assert said in found.what
