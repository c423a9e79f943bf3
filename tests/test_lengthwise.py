"""The name `lengthwise`: hands on the same objects, all that are documented, and no more than is needed."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from core_only import imported
from house import HEAVY
from places import ROOT

import curricula
import rewards
import rewards.credit
import rewards.edits
import rl.credit
from rl.plugins import built_in, load_reward

PAGE = (ROOT / "docs/reference/lengthwise.md").read_text()
MODULES = sorted(path.stem for path in (ROOT / "lengthwise").glob("*.py") if path.stem != "__init__")
WITH_TORCH = {"training", "trl"}


def documented(module: str) -> dict[str, str]:
    """The names of a module that the reference has, each with the module that it says they are from."""
    (table,) = re.findall(rf"^## lengthwise\.{module}\n\n(.+?)\n(?:\n|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\| `(\S+)` \| (.+) \|$", table, re.MULTILINE)
    return {name: place for place, names in rows for name in re.findall(r"`(\w+)`", names)}


@pytest.mark.parametrize("module", MODULES)
def test_what_is_documented_is_handed_on_as_it_is_and_nothing_else_is(module: str) -> None:
    handed, names = import_module(f"lengthwise.{module}"), documented(module)
    assert set(handed.__all__) == set(names)
    for name, place in names.items():
        assert getattr(handed, name) is getattr(import_module(place), name)


@pytest.mark.parametrize(
    ("module", "package", "method"),
    [
        ("rewards", rewards, "__call__"),
        ("edits", rewards.edits, "plan"),
        ("credits", rewards.credit, "credit"),
        ("verifiers", rewards, "judge"),
        ("budgets", curricula, "at"),
        ("orders", curricula, "sequence"),
        ("askings", curricula, "variants"),
        ("advantages", rl.credit, "__call__"),
    ],
)
def test_every_plug_in_that_a_recipe_can_name_can_be_imported(module: str, package: object, method: str) -> None:
    handed = import_module(f"lengthwise.{module}")
    known = built_in(package, method)  # type: ignore[arg-type]
    assert {name for name, found in known.items() if getattr(handed, found.__name__, None) is not found} == set()


def test_a_plug_in_by_the_public_name_is_the_built_in_one() -> None:
    assert type(load_reward("lengthwise.rewards:Hapo", {})) is type(load_reward("hapo", {}))


def test_the_name_alone_brings_nothing_and_what_needs_no_model_no_torch() -> None:
    code = "import sys; before = set(sys.modules); import lengthwise; print(*sorted(set(sys.modules) - before))"
    brought = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {name.partition(".")[0] for name in brought} - sys.stdlib_module_names == {"lengthwise"}
    light = [f"lengthwise.{module}" for module in MODULES if module not in WITH_TORCH]
    assert imported(light, {}) & HEAVY == set()
    assert {
        row[0] for row in re.findall(r"^\| \[`lengthwise\.(\w+)`\].+\| (torch.*) \|$", PAGE, re.MULTILINE)
    } == WITH_TORCH


def test_a_folder_of_the_same_name_as_one_behind_it_is_named_where_it_is_needed_and_only_there(tmp_path: Path) -> None:
    (tmp_path / "rewards").mkdir()
    (tmp_path / "rewards/__init__.py").write_text("raise SystemExit('run')")
    done = subprocess.run(
        [sys.executable, "-c", "import lengthwise.budgets; print('here'); import lengthwise.rewards"],
        cwd=tmp_path, env={"PYTHONPATH": f"{tmp_path}:{ROOT}"}, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "here\n")
    assert f"lengthwise's package 'rewards' in {ROOT} is shadowed by {tmp_path}/rewards" in done.stderr.splitlines()[-1]
