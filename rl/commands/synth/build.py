"""`lengthwise synth keychain`, `multihop`, `niah`, `variable-tracking`: problems built from documents to a token."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

import typer

from rl.commands.options import spread
from rl.commands.output import require_place, write_json
from rl.commands.synth.options import Documents, Form, Making, Questions, Size
from rl.errors import UserError
from rl.terminal import console, say


@spread
def keychain(
    *,
    size: Size,
    documents: Documents,
    chains: Annotated[int | None, typer.Option(help="Chains; 4 for each 1,024 tokens by default.")] = None,
    hops: Annotated[int, typer.Option(help="Lookups from the start key to the question.")] = 4,
    key: Annotated[str, typer.Option(help="hex8, hex32, uuid36 or word.")] = "hex8",
    answerable_distractors: Annotated[
        int | None, typer.Option(help="Wrong questions that the documents answer too; up to 7, as fit, by default.")
    ] = None,
    form: Form,
    questions: Questions,
    making: Making,
) -> None:
    """A question hidden at the end of a chain of keys, among distractors that are answerable too."""
    own = {"chains": chains, "hops": hops, "key": key, "answerable": answerable_distractors}
    _build("keychain", size, documents, form, making, questions.settings() | own)


@spread
def multihop(size: Size, documents: Documents, form: Form, questions: Questions, making: Making) -> None:
    """A question that takes several documents, asked openly."""
    _build("multihop", size, documents, form, making, questions.settings())


@spread
def niah(
    *,
    size: Size,
    kind: Annotated[str, typer.Option(help="single, multikey, multivalue or multiquery.")] = "single",
    needles: Annotated[int, typer.Option(help="Needles, where the kind has more than one.")] = 4,
    documents: Documents,
    form: Form,
    making: Making,
) -> None:
    """Numbers filed under names, to be found in unrelated documents."""
    _build(f"niah-{kind}", size, documents, form, making, {"needles": needles})


@spread
def variable_tracking(
    *,
    size: Size,
    chains: Annotated[int, typer.Option(help="Chains of assignments, one of which is asked for.")] = 1,
    hops: Annotated[int, typer.Option(help="How often a value is handed on.")] = 4,
    documents: Documents,
    form: Form,
    making: Making,
) -> None:
    """Variables whose value is handed on through the text: which ones have it?"""
    _build("variable-tracking", size, documents, form, making, {"chains": chains, "hops": hops})


def _build(task: Any, size: Size, documents: Documents, form: Form, making: Making, own: dict[str, Any]) -> None:
    """Build the rows of a task; `own` are the settings that not every task has."""
    from data_synth.errors import SynthError
    from data_synth.settings import Settings
    from data_synth.shards import generate

    require_place(making.json_file)
    try:
        shared = asdict(documents) | asdict(form)
        settings = Settings(task, size.tokens, size.n, shard_rows=making.shard_rows, **shared, **own)
        with _progress(size.n, making.quiet) as advance:
            report = generate(settings, size.out, making.workers, making.resume, advance)
    except SynthError as error:
        raise UserError(str(error)) from error
    except KeyboardInterrupt:
        say(f"stopped; --resume goes on with {size.out}", error=True)
        raise typer.Exit(130) from None
    rejects = dict(report.rejects.most_common())
    say(f"{report.rows} rows in {settings.shards} files: {size.out}")
    for reason, times in rejects.items():
        say(f"rejected {times}: {reason}")
    if making.json_file:
        write_json(making.json_file, {"rows": report.rows, "files": settings.shards, "rejects": rejects})


@contextmanager
def _progress(total: int, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A bar on standard error; gives what to call with the number of rows done."""
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:-1], MofNCompleteColumn(), TimeRemainingColumn())
    # No refreshing thread: workers are forked while the bar stands.
    with Progress(*columns, console=console(error=True), disable=quiet, transient=True, auto_refresh=False) as progress:
        task = progress.add_task("building", total=total)
        yield lambda done: progress.update(task, advance=done, refresh=True)
