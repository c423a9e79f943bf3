"""`lengthwise doctor`: what on this machine would stop a run, or spoil it."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Annotated

import typer

from rl.commands.options import AllowedHosts, Json, KeyVariable, RunOut
from rl.commands.output import write_json
from rl.secrecy import Granted
from rl.terminal import folded, say


def doctor(
    recipe: Annotated[str | None, typer.Argument(help="Check for this recipe too: a file, or a shipped name.")] = None,
    overrides: Annotated[list[str] | None, typer.Argument(help="Overrides of it, as part.key=value.")] = None,
    workers: Annotated[
        list[str] | None, typer.Option("--workers", metavar="URL", help="Ask this rollout worker; repeatable.")
    ] = None,
    port: Annotated[list[int] | None, typer.Option(help="A port to start a worker on; repeatable.")] = None,
    out: RunOut = None,
    api_key_env: KeyVariable = None,
    allow_host: AllowedHosts = None,
    no_step: Annotated[bool, typer.Option("--no-step", help="Do not take a step of the demo model.")] = False,
    json_file: Json = None,
) -> None:
    """Check versions, devices, folders, ports and workers, and take one step of the demo; exit code 1 for a fault."""
    from rl.doctor import Asked, examine

    found = []
    granted = Granted(api_key_env, allow_host or ())
    for finding in examine(Asked(recipe, overrides or [], workers or [], port or [], out, not no_step, granted)):
        say(folded(str(finding), indent=10))
        found.append(finding)
    counts = Counter(finding.status for finding in found)
    if json_file:
        write_json(json_file, {"findings": [dataclasses.asdict(each) for each in found], "faults": counts["FAIL"]})
    say(f"{counts['FAIL']} to mend, {counts['warn']} to know of, {counts['ok']} well")
    if counts["FAIL"]:
        raise typer.Exit(1)
