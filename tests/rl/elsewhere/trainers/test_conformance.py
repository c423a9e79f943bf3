"""The packages themselves: their hooks are what was recorded, and our adapters give within them what they give here.

Each newest version is installed from the registry into a folder of its own, without what it depends on, and beside it the
few packages that its hook imports. A hook that has changed fails, with both versions named. `signatures.json` has what was
recorded; that of slime, which no registry has, is of a commit.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import other_trainers
import pytest
from places import ROOT
from registry import installed
from signatures_of_others import fits, shape_of, shapes

RECORDED: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "signatures.json").read_text())
RUN = {
    "verl": ["verl", "tensordict", "pyvers", "codetiming"],
    "openrlhf": ["openrlhf"],
    "verifiers": ["verifiers", "renderers", "prime-pydantic-config"],
    "tinker": ["tinker-cookbook", "tinker", "chz", "distro"],
    "ms-swift": ["ms-swift", "modelscope", "modelscope_hub", "cryptography", "cffi", "json_repair"],
}
"""What is installed of each trainer within which our adapters run: its package, and what its hook imports of the rest."""
BESIDE = [
    "ray",
    "aiohttp",
    "pylatexenc",
    "hydra-core",
    "omegaconf",
    "requests",
    "cloudpickle",
    "orjson",
    "importlib_metadata",
    "prime-sandboxes",
    "anthropic",
    "openai",
    "tomli_w",
]
"""What they import besides."""


def test_the_stand_ins_are_shaped_as_the_packages_were() -> None:
    source = Path(other_trainers.__file__).read_text()
    hooks = {name.partition(":")[2]: shape for each in RECORDED.values() for name, shape in each["hooks"].items()}
    for name in (
        "SingleTurnAgentExecutor.__init__", "SingleTurnAgentExecutor.execute", "SkyRLGymGenerator.generate",
        "RLVRWorkflow.arun_episode", "Trace.record_reward", "Trace.record_metric", "BestOfNEnv.finalize",
        "ProblemGroupBuilder.compute_group_rewards",
    ):  # fmt: skip
        assert shape_of(source, name) == hooks[name], name


def test_a_hook_that_changes_is_noticed() -> None:
    source = "class A:\n    def f(self, a: int, b=1, **c): ...\nclass B:\n    x: int\n    y: str = ''\n"
    assert shape_of(source, "A.f") == "self, a, b=1, **c"
    assert shape_of(source, "B") == "fields x, y"
    assert fits("fields x, y", "fields x")
    assert not fits("fields x", "fields x, y")
    assert not fits("self, a, b=2, **c", "self, a, b=1, **c")
    with pytest.raises(KeyError):
        shape_of(source, "A.g")


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("beside")
    installed(BESIDE, folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("package", [name for name in RECORDED if name != "slime"])
def test_the_newest_version_of_a_trainer_has_the_hooks_that_were_recorded(package: str, tmp_path: Path) -> None:
    installed([package], tmp_path, "--no-deps")
    (found,) = importlib.metadata.distributions(name=package, path=[str(tmp_path)])
    recorded = RECORDED[package]
    hooks = shapes(tmp_path, recorded["hooks"])
    changed = {name: (shape, recorded["hooks"][name]) for name, shape in hooks.items()}
    changed = {name: both for name, both in changed.items() if not fits(*both)}
    assert not changed, f"{package} {found.version} is not what {recorded['version']} was (now, then): {changed}"


@pytest.mark.slow
@pytest.mark.parametrize("trainer", RUN)
def test_a_trainer_itself_gets_our_rewards_and_advantages(trainer: str, beside: Path, tmp_path: Path) -> None:
    installed(RUN[trainer], tmp_path, "--no-deps")
    tests = str(Path(__file__).with_name("test_adapters.py"))
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "--noconftest", tests, "-k", f"{trainer.replace('-', '_')} and not ranks"],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env=os.environ | {
            "LENGTHWISE_REAL": trainer,
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # hydra brings one
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path), str(beside), os.environ.get("PYTHONPATH", "")]),
        },
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
