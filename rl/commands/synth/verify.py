"""`lengthwise synth verify`: whether synthetic rows keep their promises."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rl.commands.options import Json, Quiet
from rl.commands.output import require_place, write_json
from rl.commands.synth.rows import RowFile, bad_files_are_mistakes, counted
from rl.terminal import say


def verify(
    file: RowFile,
    tokenizer: Annotated[
        str | None, typer.Option(help="Count with this one (a file, a folder, a vocabulary), not the rows' own.")
    ] = None,
    fill: Annotated[float, typer.Option(min=0, max=1, help="Share of its target that a prompt has at least.")] = 0.995,
    strict_leak: Annotated[
        bool, typer.Option("--strict-leak", help="No answer, no evidence outside gold documents.")
    ] = False,
    any_position: Annotated[
        bool, typer.Option("--any-position", help="Gold documents need not be spread evenly.")
    ] = False,
    test: Annotated[
        list[Path] | None, typer.Option(help="Rows whose gold documents these may not have; repeatable.")
    ] = None,
    against: Annotated[
        list[Path] | None, typer.Option(help="An evaluation these rows may not quote (13 words in a row); repeatable.")
    ] = None,
    quiet: Quiet = False,
    json_file: Json = None,
) -> None:
    """Check every promise of synthetic rows against their text alone. Exit code 1 when one is broken."""
    from data_synth import check

    require_place(json_file)
    limits = check.Limits(fill, strict_leak)
    with bad_files_are_mistakes(), counted(file, quiet) as advance:
        verdict = check.verify(
            check.read_rows(file), limits, tokenizer, test or [], against or [], any_position, advance
        )
    if json_file:
        write_json(json_file, verdict.to_dict())
    for line in summary(verdict):
        say(line)
    if not verdict.passed:
        raise typer.Exit(1)


def summary(verdict: Any) -> list[str]:
    """A verdict in a few lines: each check that failed with its first rows, then the set."""
    lines = [f"{verdict.rows} rows, {verdict.failed} with faults"]
    for name, count in verdict.counts.most_common():
        lines.append(f"  {name}: {count} rows")
        lines += [f"    row {f['row']}: {f['reason']}" for f in verdict.first if f["check"] == name][:3]
    words = {True: "ok", False: "FAILED", None: "not tested"}
    lines += [f"{words[result.passed]:>10}  {result.name}: {result.detail}" for result in verdict.over_set]
    if verdict.with_question:
        counts = (verdict.answer_in_gold, verdict.answer_elsewhere, verdict.second_evidence)
        inside, elsewhere, second = (count / verdict.with_question for count in counts)
        lines.append(f"answers in a gold document: {inside:.1%}")
        lines.append(f"no fault without --strict-leak: in another one {elsewhere:.1%}, second evidence {second:.1%}")
    return lines
