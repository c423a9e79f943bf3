"""`lengthwise recipes`, `orders`, `protocols`, `benchmarks`: what there is to name, with a line each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rl.commands.methods.listing import first_sentence, list_plugins
from rl.commands.options import Json
from rl.commands.output import write_json
from rl.errors import unknown
from rl.terminal import console, say

if TYPE_CHECKING:
    from rl.evaluation.protocol import Protocol


def recipes(
    name: Annotated[str | None, typer.Argument(help="Show this one as it is written.")] = None, json_file: Json = None
) -> None:
    """List the shipped recipes: each paper's by the method's name, with a demo-sized twin that runs on a laptop."""
    from rl.recipe.files import shipped_recipes

    found = shipped_recipes()
    if name is None:
        _print({each: _told(path.read_text()) for each, path in sorted(found.items())}, json_file)
        return
    if name not in found:
        raise unknown("recipe", name, found)
    text = found[name].read_text()
    if json_file:
        write_json(json_file, {"name": name, "path": str(found[name]), "text": text})
    say(text)


def orders(
    name: Annotated[str | None, typer.Argument(help="Show this one in full.")] = None, json_file: Json = None
) -> None:
    """List the problem orders: which problem comes next (`data.order` in a recipe)."""
    list_plugins("problem order", name, json_file)


def protocols(json_file: Json = None) -> None:
    """List the evaluation protocols of papers, for `lengthwise evaluate --protocol`."""
    from rl.evaluation.presets import PRESETS

    _print({name: _settings(protocol) for name, protocol in PRESETS.items()}, json_file)


def benchmarks(json_file: Json = None) -> None:
    """List the benchmarks that `lengthwise evaluate --data` and recipes know by name, and where they are on the hub."""
    from rl.problems.benchmarks import BENCHMARKS

    told = {
        name: f"{each.hub}, {', '.join(f'{option} {value}' for option, value in each.options.items())}"
        for name, each in BENCHMARKS.items()
    }
    embedded = {"demo": "small sums, embedded: no hub", "keychain-demo": "long contexts in miniature, embedded: no hub"}
    _print(told | embedded, json_file)


def _settings(protocol: Protocol) -> str:
    """What a protocol asks for that most do not, in a line."""
    said = f"{protocol.samples} sample{'s' * (protocol.samples > 1)} at temperature {protocol.temperature:g}"
    said += f", top-p {protocol.top_p:g}" if protocol.top_p < 1 else ""
    options = "".join(f" {name}={value}" for name, value in protocol.verifier.options.items())
    return f"{said}, {protocol.cap:,} tokens; verifier {protocol.verifier.name}{options}"


def _told(recipe: str) -> str:
    """What the head of a recipe says it is, its first sentence."""
    head = re.match(r"(#.*\n)+", recipe)
    return first_sentence(" ".join(line.lstrip("# ") for line in head[0].splitlines())) if head else ""


def _print(told: Mapping[str, str], json_file: Path | None) -> None:
    if json_file:
        write_json(json_file, told)
    from rich.table import Table

    table = Table("name", "what it is", box=None, pad_edge=False)
    for name, what in told.items():
        table.add_row(name, what)
    console().print(table)
