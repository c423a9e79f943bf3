"""The commands of `lengthwise synth`, put together."""

from __future__ import annotations

import typer

from rl.commands.synth.build import keychain, multihop, niah, variable_tracking
from rl.commands.synth.filter import filter_
from rl.commands.synth.show import show
from rl.commands.synth.stats import stats
from rl.commands.synth.verify import verify

synth = typer.Typer(
    add_completion=False, help="Build, check and filter long-context problems: KeyChain, multi-hop, needles."
)
for command in (keychain, multihop, niah, variable_tracking, verify, stats, show):
    synth.command()(command)
synth.command("filter")(filter_)
