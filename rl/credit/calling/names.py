"""The names of advantage estimators, told without importing one."""

from __future__ import annotations

import ast
import pkgutil
import re
from importlib.metadata import entry_points
from pathlib import Path

import rl.credit
from rl.errors import UserError, unknown

KIND = "advantage estimator"
GROUP = "lengthwise.advantages"
"""Of entry points."""


def built_in_names() -> list[str]:
    """An estimator of ours stands in the file of its name."""
    return [info.name.replace("_", "-") for info in pkgutil.iter_modules(rl.credit.__path__) if not info.ispkg]


def require_estimator(name: str) -> None:
    """Errors: UserError for a name that nobody has; whether `file.py:name` is there shows when it is loaded."""
    known = [*built_in_names(), *(entry.name for entry in entry_points(group=GROUP))]
    if ":" not in name and name not in known:
        called = methods().get(_letters(name))
        raise (
            UserError(f"unknown {KIND} {name!r}; its name here is {called!r}") if called else unknown(KIND, name, known)
        )


def methods() -> dict[str, str]:
    """Our estimators by the letters of their method's name, with which each file's first line begins."""
    found = {}
    for path in Path(rl.credit.__file__).parent.glob("[a-z]*.py"):
        method, colon, _ = (ast.get_docstring(ast.parse(path.read_text())) or "").partition(":")
        if colon:
            found[_letters(method)] = path.stem.replace("_", "-")
    return found


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
