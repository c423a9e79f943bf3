"""`lengthwise new`: a method of one's own begun, as a file, its test and a recipe that run as they are."""

from __future__ import annotations

import keyword
import re
import sys
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Annotated, Literal, get_args

import typer

from rl.errors import UserError, unknown
from rl.terminal import say

Begun = Literal["reward", "budget", "estimator", "edit", "verifier"]
PAGES = {
    "reward": "write-a-reward",
    "budget": "write-a-schedule",
    "estimator": "write-an-estimator",
    "edit": "write-a-reward",
    "verifier": "write-a-verifier",
}
"""The page of the documentation about each: docs/….md."""


def new(
    kind: Annotated[str, typer.Argument(help=f"What: {', '.join(get_args(Begun))}.")],
    name: Annotated[str, typer.Argument(help="Its name: words in lower case with hyphens between, as short-first.")],
    out: Annotated[Path, typer.Option(help="The folder to write into.")] = Path(),
) -> None:
    """Begin a method of your own: a file, a test of it, and a recipe that trains with it on the embedded task."""
    if kind not in get_args(Begun):
        raise unknown("kind of method", kind, get_args(Begun))
    written = write(kind, name, out)
    file, test, recipe = (path.as_posix() for path in written)
    for made, what in (
        (file, "what it does: change it"),
        (test, f"its test: python -m pytest {test}"),
        (recipe, f"a recipe: lengthwise train {recipe} --dry-run, then without"),
    ):
        say(f"{made!s:<{len(str(test))}}  {what}")
    say(f"docs/{PAGES[kind]}.md says what it may do besides")


def write(kind: str, name: str, out: Path) -> list[Path]:
    """The three files of a method: itself, test, recipe. Errors: UserError; then nothing is written."""
    module = _module(name)
    if not out.is_dir():
        raise UserError(f"{out} is no folder; make it first")
    places = [out / f"{module}.py", out / f"test_{module}.py", out / f"{name}.yaml"]
    for place in places:
        if place.exists():
            raise UserError(f"{place} is there already: choose another name, or another folder by --out")
    words = {
        "name": name,
        "module": module,
        "function": module,
        "Class": "".join(word.capitalize() for word in name.split("-")),
        "file": places[0].as_posix(),
        "recipe": places[2].as_posix(),
    }
    folder = resources.files("rl.commands.methods") / "templates"
    texts = [(folder / f"{kind}{end}.txt").read_text() for end in (".py", "_test.py", ".yaml")]
    for place, text in zip(places, texts, strict=True):
        with place.open("x") as file:
            file.write(Template(text).substitute(words))
    return places


def _module(name: str) -> str:
    """The module that holds a method. Errors: UserError where there is another by that name, or can be none."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise UserError(f"a name is words in lower case with hyphens between, as short-first, not {name!r}")
    module = name.replace("-", "_")
    if keyword.iskeyword(module) or module in sys.stdlib_module_names or find_spec(module) is not None:
        raise UserError(f"{module}.py would stand before Python's or a library's own {module}; choose another name")
    return module
