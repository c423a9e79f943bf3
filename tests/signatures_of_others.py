"""The hooks of other trainers' packages, read from their source without importing it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path


def shape_of(source: str, name: str) -> str:
    """The parameters of a function or method, or `fields` and those of a class, in a line. Errors: KeyError where it is gone."""
    node: ast.AST = ast.parse(source)
    for part in name.split("."):
        found = [each for each in _defined(node) if each.name == part]
        if not found:
            raise KeyError(name)
        node = found[-1]
    if isinstance(node, ast.ClassDef):
        names = [a.target.id for a in node.body if isinstance(a, ast.AnnAssign) and isinstance(a.target, ast.Name)]
        return f"fields {', '.join(names)}"
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    for argument in ast.walk(node.args):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    return ("async " if isinstance(node, ast.AsyncFunctionDef) else "") + ast.unparse(node.args)


def _defined(node: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    for each in ast.iter_child_nodes(node):
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield each


def fits(found: str, recorded: str) -> bool:
    """Whether a hook is what it was; a class may have more fields than those that are used."""
    if recorded.startswith("fields ") and found.startswith("fields "):
        return set(recorded.removeprefix("fields ").split(", ")) <= set(found.removeprefix("fields ").split(", "))
    return found == recorded


def shapes(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Those of `file.py:Class.method` below a folder, by that name; `gone` for one that is no more."""
    found = {}
    for name in names:
        path, _, inner = name.partition(":")
        try:
            found[name] = shape_of((folder / path).read_text(), inner)
        except (KeyError, OSError):
            found[name] = "gone"
    return found
