"""`lengthwise rewards`: what rewards there are."""

from __future__ import annotations

from typing import Annotated

import typer

from rl.commands.methods.listing import list_plugins
from rl.commands.options import Json


def rewards(
    name: Annotated[str | None, typer.Argument(help="Show this one in full.")] = None, json_file: Json = None
) -> None:
    """List the rewards: parameters, defaults, source."""
    list_plugins("reward", name, json_file)
