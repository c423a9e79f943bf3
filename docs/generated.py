"""Pages that are made of the code: the commands as they show themselves, the parts of a recipe as they are declared."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

import typer

PARTS = ("rl.recipe.parts", "rl.recipe.rollout_parts")


def filled(text: str) -> str:
    """A page with what belongs in the place of its marks, `<!-- commands -->` and `<!-- parts -->`."""
    for mark, make in (("<!-- commands -->", commands), ("<!-- parts -->", parts)):
        if mark in text:
            text = text.replace(mark, "\n".join(make()))
    return text


def commands() -> Iterator[str]:
    """Markdown: each command with its example, what it does, and its options in their groups."""
    from rl.cli import app

    yield from _of_command(typer.main.get_command(app), "lengthwise")


def _of_command(command: Any, name: str) -> Iterator[str]:
    below = getattr(command, "commands", None)
    if below is not None:
        for word in sorted(below):
            yield from _of_command(below[word], f"{name} {word}")
        return
    example, _, told = (command.help or "").partition("\n\n")
    yield from ("", f"## {name}", "", "```sh", example.removeprefix("Example: "), "```", "", told, "")
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option"]
    rows = [(f"`{each.metavar or each.name}`", each) for each in arguments]
    for group in dict.fromkeys(["", *(_group(each) for each in options)]):
        own = [(f"`{_flags(each)}`", each) for each in options if _group(each) == group]
        if shown := [*([] if group else rows), *own]:
            yield from _table(group, shown)


def _group(option: Any) -> str:
    return getattr(option, "rich_help_panel", None) or ""


def _flags(option: Any) -> str:
    metavar = "" if getattr(option, "is_flag", False) else f" {option.metavar or '…'}"
    return ", ".join(option.opts) + metavar


def _table(title: str, rows: list[tuple[str, Any]]) -> Iterator[str]:
    yield from (f"| {title or ' '} | |", "|---|---|")
    for shown, each in rows:
        yield f"| {_cell(shown)} | {_cell(each.help or '')}{_given(each)} |"
    yield ""


def _given(parameter: Any) -> str:
    """What holds where it is not given."""
    if parameter.required:
        return " (must be given)"
    default = parameter.default
    plain = isinstance(default, int | float | str) and default is not False and default != ""
    return f" Default: `{default}`." if plain else ""


def parts() -> Iterator[str]:
    """Markdown: each part of a recipe with its keys, their types and defaults."""
    for module in map(import_module, PARTS):
        told = _told(module)
        for part in vars(module).values():
            if dataclasses.is_dataclass(part) and isinstance(part, type) and part.__module__ == module.__name__:
                yield from (
                    "",
                    f"## {part.__name__}",
                    "",
                    _doc(part),
                    "",
                    "| key | type | default | |",
                    "|---|---|---|---|",
                )
                types = get_type_hints(part)
                for field in dataclasses.fields(part):
                    what = told.get((part.__name__, field.name), "")
                    yield f"| `{field.name}` | {_type(types[field.name])} | {_default(field)} | {_cell(what)} |"


def _doc(part: type) -> str:
    return (
        inspect.cleandoc(part.__dict__.get("__doc__") or "")
        if not str(part.__doc__).startswith(part.__name__ + "(")
        else ""
    )


def _told(module: ModuleType) -> dict[tuple[str, str], str]:
    """What stands below each field of each class of a module."""
    assert module.__file__ is not None
    tree = ast.parse(Path(module.__file__).read_text())
    found = {}
    for part in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        for field, after in zip(part.body, part.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(after, ast.Expr)
                and isinstance(after.value, ast.Constant)
            ):
                found[part.name, ast.unparse(field.target)] = inspect.cleandoc(str(after.value.value))
    return found


def _type(annotation: Any) -> str:
    text = (
        annotation.__name__ if isinstance(annotation, type) and not hasattr(annotation, "__args__") else str(annotation)
    )
    return f"`{_cell(re.sub(r'[A-Za-z_][A-Za-z_.]*[.](?=[A-Za-z_])', '', text))}`"


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return f"`{_cell(repr(field.default))}`"
    if field.default_factory is dataclasses.MISSING:
        return "must be given"
    made = field.default_factory()
    return "" if dataclasses.is_dataclass(made) or not made else f"`{_cell(repr(made))}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
