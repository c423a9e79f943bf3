"""The names of advantage estimators, told without importing one, which takes torch."""

from __future__ import annotations

import pkgutil
from importlib.metadata import entry_points

import rl.credit
from rl.errors import unknown

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
        raise unknown(KIND, name, known)
