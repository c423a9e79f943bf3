"""The commands of `lengthwise synth`, put together."""

from __future__ import annotations

from typing import Any

import typer

from rl.commands.shown import grouped, helps
from rl.commands.synth.build import keychain, multihop, niah, variable_tracking
from rl.commands.synth.filter import filter_
from rl.commands.synth.show import show
from rl.commands.synth.stats import stats
from rl.commands.synth.verify import verify

synth = typer.Typer(
    add_completion=False, help="Build, check and filter long-context problems: KeyChain, multi-hop, needles."
)
command: Any
for command in (keychain, multihop, niah, variable_tracking, verify, stats, show, filter_):
    name = command.__name__.strip("_").replace("_", "-")
    synth.command(name, **helps(command, f"synth {name}"))(grouped(command))
