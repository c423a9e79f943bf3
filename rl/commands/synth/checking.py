"""`lengthwise synth verify`, `stats`, `show` and `filter`: look at synthetic rows, and choose among them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from rl.commands.methods import Json, Settings, write_json
from rl.errors import UserError

Rows = Annotated[Path, typer.Argument(metavar="FILE", help="A .parquet or .jsonl file, or a folder of shards.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bar.")]


def verify(
    file: Rows,
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

    _writable(json_file)
    limits = check.Limits(fill, strict_leak)
    with bad_files_are_mistakes(), _progress(file, quiet) as advance:
        verdict = check.verify(
            check.read_rows(file), limits, tokenizer, test or [], against or [], any_position, advance
        )
    if json_file:
        write_json(json_file, verdict.to_dict())
    for line in summary(verdict):
        print(line)
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


def stats(
    file: Rows,
    plots: Annotated[Path | None, typer.Option(help="Draw PNG files into this folder.")] = None,
    quiet: Quiet = False,
    json_file: Json = None,
) -> None:
    """What a file of synthetic rows holds: lengths, depths, chains, commonest answers."""
    from rich.console import Console
    from rich.table import Table

    from data_synth.check import read_rows
    from data_synth.check.stats import collect

    _writable(json_file)
    with bad_files_are_mistakes(), _progress(file, quiet) as advance:
        tasks = collect(_telling(read_rows(file), advance))
    found = {task: stats.to_dict() for task, stats in tasks.items()}
    table = Table("task", "", "min", "mean", "max", box=None, pad_edge=False)
    for task, numbers in found.items():
        table.add_row(task, "rows", "", "", str(numbers["rows"]))
        for name, value in numbers.items():
            if isinstance(value, dict) and "mean" in value:
                table.add_row("", name.replace("_", " "), *(f"{value[k]:.4g}" for k in ("min", "mean", "max")))
        answer, share = next(iter(numbers["commonest_answers"].items()))
        table.add_row("", f"commonest answer {answer[:30]!r}", "", f"{share:.2%}", "")
    Console().print(table)
    if plots:
        from rl.synth.plots import draw

        for path in draw(tasks, plots):
            print(f"plot: {path}")
    if json_file:
        write_json(json_file, found)


def show(
    file: Rows,
    row: Annotated[int, typer.Option(min=0, help="Number of the row, from 0.")] = 0,
    full: Annotated[bool, typer.Option("--full", help="Show the documents in between in full too.")] = False,
) -> None:
    """One row for a reader: the chain, the gold documents and the answer highlighted."""
    from rich.console import Console

    from data_synth.check import read_rows
    from data_synth.check.parsed import parse
    from data_synth.check.rows import count_rows
    from rl.synth.show import shown

    with bad_files_are_mistakes():
        found = next(islice(read_rows(file), row, None), None)
        if found is None:
            raise UserError(f"{file} has {count_rows(file)} rows, numbered from 0; there is no row {row}")
    Console().print(shown(parse(found), full))


def filter_(
    file: Rows,
    out: Annotated[Path, typer.Option(help="Where the kept rows go, as parquet; results are kept beside it.")],
    rates: Annotated[Path | None, typer.Option(help="Known pass rates: `id` and `pass_rate` a line or row.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="An OpenAI-compatible server, e.g. http://host:8000/v1.")] = None,
    model: Annotated[str | None, typer.Option(help="The server's model; without --endpoint a local one.")] = None,
    samples: Annotated[int, typer.Option(min=1, help="Answers to each row.")] = 8,
    above: Annotated[float, typer.Option(help="Keep rows with a pass rate above this.")] = 0.0,
    below: Annotated[float, typer.Option(help="Keep rows with a pass rate below this.")] = 1.0,
    max_tokens: Annotated[int, typer.Option(min=1, help="Tokens an answer may have.")] = 2048,
    temperature: Annotated[float, typer.Option(min=0, help="Sampling temperature.")] = 1.0,
    verifier: Annotated[str, typer.Option(help="Who judges: a verifier's name, or a function as file.py:name.")] = (
        "substring"
    ),
    settings: Settings = None,
    parallel: Annotated[int, typer.Option(min=1, help="Rows asked of the server at once.")] = 8,
    retries: Annotated[int, typer.Option(min=0, help="Times a failed request is sent again.")] = 5,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait for the server's answer.")] = 600.0,
    seed: Annotated[int, typer.Option(help="Seed of a local model's sampling.")] = 0,
    quiet: Quiet = False,
    json_file: Json = None,
) -> None:
    """Keep rows that a model solves sometimes: the same command again goes on where it was stopped."""
    from rl.elsewhere.offline import parse_settings
    from rl.plugins import load_verifier
    from rl.synth import filter as filtering

    _writable(json_file)
    if sum(given is not None for given in (rates, endpoint or model)) != 1:
        raise UserError("give --rates FILE, or --endpoint URL with --model NAME, or --model with a local model")
    if endpoint and not model:
        raise UserError("--endpoint needs --model, the name the server knows its model by")
    if not above < below:
        raise UserError(f"--above {above:g} must lie below --below {below:g}; no row could be kept")
    judges = load_verifier(verifier, parse_settings(settings or []))
    options = filtering.Sampled(samples, max_tokens, temperature, seed)
    asked = {"endpoint": endpoint, "model": model, "verifier": [verifier, *(settings or [])]}
    with bad_files_are_mistakes(), _progress(file, quiet) as advance:
        filtering.check_output(file, out)
        if rates:
            found = filtering.known_rates(rates, file)
        else:
            source = _answerer(endpoint, str(model), options, retries, timeout)
            rows_at_once = parallel if endpoint else 1
            try:
                found = filtering.measured_rates(file, out, source, judges, options, asked, rows_at_once, advance)
            except KeyboardInterrupt:
                print(f"stopped; the same command goes on from {filtering.results_of(out)}", file=sys.stderr)
                raise typer.Exit(130) from None
        result = filtering.keep(file, out, found, above, below)
    hard, easy, unjudged = result["too_hard"], result["too_easy"], result["unjudged"]
    print(f"kept {result['kept']} of {result['rows']} rows in {out}")
    print(f"{hard} rows at or below {above:g}, {easy} at or above {below:g}, {unjudged} not judged")
    if json_file:
        write_json(json_file, result)


def _answerer(endpoint: str | None, model: str, options: Any, retries: int, timeout: float) -> Any:
    """Who answers: a server, or a model on this machine."""
    if endpoint:
        from rl.synth.endpoint import Endpoint

        return Endpoint(endpoint, model, options, retries, timeout)
    from rl.synth.local import LocalModel

    return LocalModel(model, options)


def add_commands(app: typer.Typer) -> None:
    """Hang these commands under `lengthwise synth`."""
    app.command()(verify)
    app.command()(stats)
    app.command()(show)
    app.command("filter")(filter_)


@contextmanager
def bad_files_are_mistakes() -> Iterator[None]:
    """The checker's own errors about files and tokenizers as the user's mistakes."""
    from data_synth.check.rows import BadFile
    from data_synth.check.tokens import UnknownTokenizer

    try:
        yield
    except (BadFile, UnknownTokenizer) as error:
        raise UserError(str(error)) from error


def _writable(path: Path | None) -> None:
    if path is not None and not path.absolute().parent.is_dir():
        raise UserError(f"cannot write {path}: its folder does not exist")


def _telling(rows: Iterator[Any], advance: Any) -> Iterator[Any]:
    for row in rows:
        yield row
        advance(1)


@contextmanager
def _progress(file: Path, quiet: bool) -> Iterator[Any]:
    """A bar on standard error over a file's rows; gives what to call with the number of rows done."""
    from rich.console import Console
    from rich.progress import Progress

    from data_synth.check.rows import count_rows

    hidden = quiet or not sys.stderr.isatty()
    with Progress(console=Console(stderr=True), disable=hidden, transient=True) as progress:
        task = progress.add_task("rows", total=None if hidden else count_rows(file))
        yield lambda done: progress.advance(task, done)
