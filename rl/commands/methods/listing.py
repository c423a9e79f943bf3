"""What plug-ins there are: name, what it is, parameters with defaults, source; for the commands that list them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal

from rl.commands.output import write_json
from rl.errors import unknown
from rl.terminal import console, flowing, folded, say

Kind = Literal["reward", "budget", "problem order", "verifier", "advantage estimator"]
KINDS = {
    "reward": ("rewards", "__call__", "lengthwise.rewards"),
    "budget": ("curricula", "at", "lengthwise.budgets"),
    "problem order": ("curricula", "sequence", "lengthwise.orders"),
    "verifier": ("rewards", "judge", "lengthwise.verifiers"),
    "advantage estimator": ("rl.credit", "__call__", "lengthwise.advantages"),
}
"""Where those of a kind stand, the method that they have, and their entry points."""


@dataclass(frozen=True)
class Listed:
    """One plug-in as the commands show it."""

    name: str
    source: str
    parameters: dict[str, Any]
    """Default by name; `inspect.Parameter.empty` where one must be given."""
    doc: str

    def summary(self) -> str:
        """`alpha=0.0003, target`: an option without a value must be given."""
        shown = []
        for name, default in self.parameters.items():
            shown.append(name if default is inspect.Parameter.empty else f"{name}={default}")
        return ", ".join(shown) or "none"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON; an option that must be given is `"required"`."""
        values = {k: "required" if v is inspect.Parameter.empty else v for k, v in self.parameters.items()}
        return {"name": self.name, "source": self.source, "parameters": values, "doc": self.doc}


def list_plugins(kind: Kind, name: str | None, json_file: Path | None) -> None:
    """The plug-ins of a kind as a table, or one of them in full."""
    found = [find(kind, name)] if name else listed(kind)
    if json_file:
        write_json(json_file, [plugin.to_dict() for plugin in found])
    if name:
        (plugin,) = found
        say(f"{plugin.name}   {plugin.source}\n{folded(f'parameters: {plugin.summary()}', 2)}\n\n{flowing(plugin.doc)}")
        return
    from rich.table import Table

    table = Table("name", "what it is; parameters; source", box=None, pad_edge=False)
    for plugin in found:
        table.add_row(plugin.name, f"{first_sentence(plugin.doc)}\n{plugin.summary()}; {plugin.source}")
    console().print(table)


def first_sentence(text: str) -> str:
    """Of a docstring or a comment: up to the first full stop or colon that ends something, or the first gap."""
    paragraph = " ".join(text.strip().partition("\n\n")[0].split())
    return re.split(r"(?<=[^.])\.(?=\s+[A-Z0-9`]|$)", paragraph)[0].rstrip(".:")


def listed(kind: Kind) -> list[Listed]:
    """Every built-in plug-in of a kind, and those that installed distributions offer, by name."""
    from rl.plugins import built_in

    package, method, group = KINDS[kind]
    makers = dict(built_in(import_module(package), method))
    makers |= {entry.name: entry.load() for entry in entry_points(group=group)}
    return [_describe(kind, name, maker) for name, maker in sorted(makers.items())]


def find(kind: Kind, name: str) -> Listed:
    """One plug-in by name. Errors: UserError with the nearest name."""
    everything = {plugin.name: plugin for plugin in listed(kind)}
    if name not in everything:
        raise unknown(kind, name, everything)
    return everything[name]


def _describe(kind: Kind, name: str, maker: Callable[..., Any]) -> Listed:
    from rl.plugins import option_name

    if inspect.isclass(maker) and maker.__init__ is object.__init__:
        signature = inspect.Signature()
    else:
        signature = inspect.signature(maker)
    accepted = list(signature.parameters)
    if kind == "advantage estimator" and inspect.isfunction(maker):
        from rl.credit.calling.load import function_options

        accepted = function_options(maker)
    parameters = {option_name(option): signature.parameters[option].default for option in accepted}
    source = getattr(maker, "source", "") or str(getattr(maker, "__module__", ""))
    return Listed(name, source, parameters, inspect.getdoc(maker) or "")
