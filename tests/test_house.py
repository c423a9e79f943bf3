"""The house holds: no circles, arrows that go down, rooms that can be taken in. rl/README.md has the table."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest
from house import (
    PACKAGES,
    Graph,
    at_once,
    circle,
    files,
    forbidden,
    heavy,
    imports,
    room_of,
    rooms,
    strangers,
    upward,
)  # fmt: skip
from places import ROOT

ROOMS = rooms((ROOT / "rl" / "README.md").read_text())
FRAMEWORKS = {"torch", "trl", "transformers", "accelerate", "vllm"}
FORBIDDEN = {
    "rewards": FRAMEWORKS | {"lengthwise", "rl", "curricula", "data_synth", "experiments"},
    "curricula": FRAMEWORKS | {"lengthwise", "rl", "rewards", "data_synth", "experiments"},
    "data_synth": FRAMEWORKS | {"lengthwise", "rl", "curricula", "experiments"},
    "rl": {"experiments", "lengthwise"},
    "lengthwise": {"experiments"},
    "experiments": {"lengthwise"},
}
LARGER = {"rewards/length", "rewards/verifier", "data_synth", "data_synth/check", "experiments/benchmarks"}
"""Folders of one method, verifier, task, check or benchmark a file."""


@pytest.fixture(scope="module")
def graph() -> Graph:
    return imports(ROOT)


def test_no_modules_import_one_another_in_a_circle(graph: Graph) -> None:
    assert " -> ".join(circle(graph)) == ""


def test_imports_between_rooms_go_down(graph: Graph) -> None:
    assert upward(ROOT, graph, ROOMS) == []


def test_every_room_stands_in_the_table_and_nothing_else_does() -> None:
    there = {room_of(ROOT, path) for module, path in files(ROOT).items() if module.split(".")[0] == "rl"}
    assert there == set(ROOMS)


def test_trl_and_vllm_are_imported_where_the_table_says(graph: Graph) -> None:
    assert strangers(ROOT, graph, ROOMS) == []


def test_rooms_that_do_not_know_torch_are_imported_without_it() -> None:
    assert heavy(ROOT, at_once(ROOT), ROOMS) == []


def test_nobody_asks_accelerate_for_the_ranks_but_the_one_who_knows_how(graph: Graph) -> None:
    asked = [m for m in graph if m.startswith("rl.") and "PartialState" in files(ROOT)[m].read_text()]
    assert asked == ["rl.ranks"]


def test_a_round_is_made_without_trl_whatever_its_modules_import(graph: Graph) -> None:
    reached, left = set[str](), ["rl.rounds.maker"]
    while left:
        module = left.pop()
        if module not in reached:
            reached.add(module)
            left += graph.get(module, ())
    assert "rl.rollouts.engine" in reached
    assert [name for name in sorted(reached) if name.split(".")[0] in ("trl", "datasets")] == []


def test_imports_between_packages_go_down(graph: Graph) -> None:
    assert forbidden(graph, FORBIDDEN) == []


def test_no_folder_holds_more_than_fourteen_modules() -> None:
    folders = {path.parent for path in files(ROOT).values()}
    sizes = {
        folder.relative_to(ROOT).as_posix(): sum(path.name != "__init__.py" for path in folder.glob("*.py"))
        for folder in folders
    }
    assert {name: size for name, size in sizes.items() if size > 14 and name not in LARGER} == {}


def test_no_file_is_longer_than_350_lines() -> None:
    lengths = {module: len(path.read_text().splitlines()) for module, path in files(ROOT).items()}
    assert {module: length for module, length in lengths.items() if length > 350} == {}


@pytest.mark.parametrize("folder", [*PACKAGES, *(f"rl/{name}" for name in ROOMS if name.endswith("/"))])
def test_a_room_says_what_happens_there(folder: str) -> None:
    docstring = ast.get_docstring(ast.parse((ROOT / folder / "__init__.py").read_text())) or ""
    assert (ROOT / folder / "README.md").is_file() or "\n" in docstring


@pytest.mark.parametrize("page", sorted(p.relative_to(ROOT).as_posix() for p in (ROOT / "rl").rglob("README.md")))
def test_the_files_that_a_rooms_page_names_are_there(page: str) -> None:
    path = ROOT / page
    named = re.findall(r"`([\w/]+\.py)`", path.read_text())
    assert [
        name for name in named if not any((folder / name).is_file() for folder in (path.parent, ROOT / "rl", ROOT))
    ] == []


def test_the_files_that_a_rooms_docstring_names_are_there() -> None:
    for path in (ROOT / "rl").rglob("__init__.py"):
        named = re.findall(r"`([\w/]+\.py)`", path.read_text())
        assert [
            name for name in named if not any((folder / name).is_file() for folder in (path.parent, ROOT / "rl"))
        ] == []


# What the checks would find ------------------------------------------------------------------------

FORMS = [
    "from rl.upper.b import thing",
    "from rl.upper import b",
    "import rl.upper.b as other",
    "from ..upper.b import thing",
    "from ..upper import b",
    "def late() -> None:\n    from rl.upper.b import thing",
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from rl.upper.b import Thing",
    "import importlib\nother = importlib.import_module('rl.upper.b')",
    "from importlib import import_module\nother = import_module('..upper.b', __package__)",
]


def planted(root: Path, sources: Mapping[str, str]) -> Path:
    """A tree of modules, each by its path without `.py`."""
    for name, source in sources.items():
        path = root / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return root


TABLE = "| 2 | `upper/` | the attic | TRL |\n| 1 | `lower/` | the cellar | – |\n| 1 | `beside.py` | a shed | – |\n"


@pytest.mark.parametrize("form", FORMS)
def test_an_import_that_goes_up_is_found_in_every_form(form: str, tmp_path: Path) -> None:
    root = planted(tmp_path, {"rl/lower/a": form, "rl/upper/b": ""})
    assert upward(root, imports(root), rooms(TABLE)) == [
        "rl.lower.a imports rl.upper.b, but upper/ (floor 2) is not below lower/ (1)"
    ]


@pytest.mark.parametrize("form", FORMS)
def test_a_circle_is_found_and_named_in_every_form(form: str, tmp_path: Path) -> None:
    root = planted(
        tmp_path, {"rl/lower/a": form, "rl/upper/b": "import rl.beside", "rl/beside": "from rl.lower import a"}
    )
    found = circle(imports(root))
    assert found[0] == found[-1]
    assert {f"{a} -> {b}" for a, b in pairwise(found)} == {
        "rl.lower.a -> rl.upper.b", "rl.upper.b -> rl.beside", "rl.beside -> rl.lower.a",
    }  # fmt: skip


def test_a_circle_over_packages_is_found(tmp_path: Path) -> None:
    root = planted(tmp_path, {"rl/lower/a": "import rewards.types", "rewards/types": "def late(): import rl.lower.a"})
    assert set(circle(imports(root))) == {"rl.lower.a", "rewards.types"}


def test_a_circle_through_what_a_package_shows_is_found(tmp_path: Path) -> None:
    root = planted(
        tmp_path, {"rl/lower/__init__": "from rl.lower.a import thing", "rl/lower/a": "from rl.lower import thing"}
    )
    assert set(circle(imports(root))) == {"rl.lower", "rl.lower.a"}


def test_rooms_on_one_floor_do_not_import_one_another(tmp_path: Path) -> None:
    root = planted(tmp_path, {"rl/lower/a": "from rl.beside import thing", "rl/beside": ""})
    assert len(upward(root, imports(root), rooms(TABLE))) == 1


def test_what_goes_down_or_stays_in_its_room_is_let_be(tmp_path: Path) -> None:
    root = planted(
        tmp_path,
        {"rl/upper/b": "import rl.upper.deep.c", "rl/upper/deep/c": "from rl.lower import a", "rl/lower/a": ""},
    )
    graph = imports(root)
    assert graph["rl.upper.deep.c"] == {"rl.lower.a"}
    assert circle(graph) == []
    assert upward(root, graph, rooms(TABLE)) == []


def test_trl_in_a_room_that_does_not_know_it_is_found(tmp_path: Path) -> None:
    source = "def late() -> None:\n    from trl.trainer.utils import pad"
    root = planted(tmp_path, {"rl/upper/b": source, "rl/lower/a": source})
    assert strangers(root, imports(root), rooms(TABLE)) == [
        "rl.lower.a imports trl.trainer.utils.pad, which lower/ does not know"
    ]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from transformers.utils import logging", ["rl.lower.a -> transformers.utils.logging"]),
        ("class A:\n    import torch", ["rl.lower.a -> torch"]),
        ("try:\n    import rl.upper.b\nexcept ImportError: ...", ["rl.lower.a -> rl.upper -> torch.nn"]),
        ("def late():\n    import torch", []),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from torch import Tensor", []),
    ],
)
def test_a_room_that_waits_for_torch_and_does_not_know_it_is_found(
    source: str, found: list[str], tmp_path: Path
) -> None:
    root = planted(tmp_path, {"rl/lower/a": source, "rl/upper/__init__": "import torch.nn", "rl/upper/b": ""})
    assert heavy(root, at_once(root), rooms(TABLE)) == found


@pytest.mark.parametrize(
    ("module", "source", "found"),
    [
        ("rewards/length/a", "import torch.nn as nn", "rewards.length.a imports torch.nn"),
        ("rewards/length/a", "if TYPE_CHECKING:\n    from rl.models import x", "rewards.length.a imports rl.models"),
        ("curricula/a", "def late():\n    from transformers import x", "curricula.a imports transformers.x"),
        ("data_synth/a", "import curricula.siri", "data_synth.a imports curricula.siri"),
        ("rl/lower/a", "from experiments.study import one", "rl.lower.a imports experiments.study.one"),
    ],
)
def test_an_import_of_a_package_above_is_found(module: str, source: str, found: str, tmp_path: Path) -> None:
    root = planted(tmp_path, {"rl/models": "", module: source})
    assert forbidden(imports(root), FORBIDDEN) == [found]
