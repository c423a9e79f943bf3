"""How `--help` shows a command: an example first, of `examples.py`, and its options in the groups of `groups.py`.

A new command needs its line in the one, and its options, where they are many, theirs in the other.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from typer.models import OptionInfo

from rl.commands.shown.examples import EXAMPLES
from rl.commands.shown.groups import group_of


def helps(command: Callable[..., None], name: str) -> dict[str, Any]:
    """What typer is told of a command, by the whole of its name: its help, and what stands in lists of commands."""
    doc = inspect.cleandoc(command.__doc__ or "")
    return {"help": f"Example: {EXAMPLES[name]}\n\n{doc}", "short_help": " ".join(doc.partition("\n\n")[0].split())}


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """The same command for typer, each of its options told to which group it belongs."""

    @wraps(command)
    def called(**given: Any) -> None:
        command(**given)

    vars(called)["__signature__"] = inspect.Signature(list(_told(command)))
    return called


def _told(command: Callable[..., None]) -> Iterator[inspect.Parameter]:
    parameters = inspect.signature(command, eval_str=True).parameters
    for parameter in parameters.values():
        for option in getattr(parameter.annotation, "__metadata__", ()):
            if isinstance(option, OptionInfo):
                option.rich_help_panel = group_of(parameter.name, parameters)
        yield parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
