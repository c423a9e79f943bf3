"""`lengthwise synth`: long-context problems, built from documents to a token."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from rl.commands.methods import Json, write_json
from rl.errors import UserError

synth = typer.Typer(
    add_completion=False, help="Build, check and filter long-context problems: KeyChain, multi-hop, needles."
)

Tokens = Annotated[int, typer.Option(help="Tokens of a whole prompt: never more, at least 99.5 % of it.")]
Rows = Annotated[int, typer.Option("--n", help="Rows.")]
Out = Annotated[Path, typer.Option(help="Folder of the parquet files.")]
Seed = Annotated[int, typer.Option(help="Seed of everything.")]
SourceName = Annotated[
    str,
    typer.Option(
        help="phantom, phantom-terse, atlas, or hotpotqa:FILE, musique:FILE, 2wiki:FILE, jsonl:FILE (or a hub name)."
    ),
]
Filler = Annotated[
    str | None, typer.Option(help="Fill prompts with these documents too: a source, or a folder of text.")
]
TokenizerName = Annotated[
    str, typer.Option(help="cl100k, o200k, …; a tokenizer.json or a model's folder; `estimate` to try things out.")
]
SplitName = Annotated[str, typer.Option(help="train, test or all; train and test share no document that answers.")]
Style = Annotated[str, typer.Option(help="default, or paper: LoongRL's parts of a prompt.")]
Workers = Annotated[int, typer.Option(help="Processes. The files do not depend on it.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")]
QuestionHops = Annotated[str, typer.Option(help="Documents that an embedded source's question takes: some of 2,3,4.")]
StrictLeak = Annotated[
    bool, typer.Option("--strict-leak", help="No rows whose answer also stands in a document that is not gold.")
]
ShardRows = Annotated[int, typer.Option(help="Rows of one file.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bar.")]


@synth.command()
def keychain(
    tokens: Tokens,
    n: Rows,
    out: Out,
    source: SourceName = "phantom",
    filler: Filler = None,
    seed: Seed = 0,
    tokenizer: TokenizerName = "cl100k",
    chains: Annotated[int | None, typer.Option(help="Chains; 4 for each 1,024 tokens by default.")] = None,
    hops: Annotated[int, typer.Option(help="Lookups from the start key to the question.")] = 4,
    key: Annotated[str, typer.Option(help="hex8, hex32, uuid36 or word.")] = "hex8",
    answerable_distractors: Annotated[
        int | None, typer.Option(help="Wrong questions that the documents answer too; up to 7, as fit, by default.")
    ] = None,
    prompt_style: Style = "default",
    split: SplitName = "train",
    question_hops: QuestionHops = "2,3,4",
    strict_leak: StrictLeak = False,
    workers: Workers = 1,
    resume: Resume = False,
    shard_rows: ShardRows = 128,
    json_file: Json = None,
    quiet: Quiet = False,
) -> None:
    """A question hidden at the end of a chain of keys, among distractors that are answerable too."""
    options = _common(source, filler, tokenizer, seed, split, prompt_style, question_hops, strict_leak, shard_rows)
    options |= {"chains": chains, "hops": hops, "key": key, "answerable": answerable_distractors}
    _run("keychain", tokens, n, out, options, workers, resume, json_file, quiet)


@synth.command()
def multihop(
    tokens: Tokens,
    n: Rows,
    out: Out,
    source: SourceName = "phantom",
    filler: Filler = None,
    seed: Seed = 0,
    tokenizer: TokenizerName = "cl100k",
    prompt_style: Style = "default",
    split: SplitName = "train",
    question_hops: QuestionHops = "2,3,4",
    strict_leak: StrictLeak = False,
    workers: Workers = 1,
    resume: Resume = False,
    shard_rows: ShardRows = 128,
    json_file: Json = None,
    quiet: Quiet = False,
) -> None:
    """A question that takes several documents, asked openly."""
    options = _common(source, filler, tokenizer, seed, split, prompt_style, question_hops, strict_leak, shard_rows)
    _run("multihop", tokens, n, out, options, workers, resume, json_file, quiet)


@synth.command()
def niah(
    tokens: Tokens,
    n: Rows,
    out: Out,
    kind: Annotated[str, typer.Option(help="single, multikey, multivalue or multiquery.")] = "single",
    needles: Annotated[int, typer.Option(help="Needles, where the kind has more than one.")] = 4,
    source: SourceName = "phantom",
    filler: Filler = None,
    seed: Seed = 0,
    tokenizer: TokenizerName = "cl100k",
    prompt_style: Style = "default",
    split: SplitName = "train",
    workers: Workers = 1,
    resume: Resume = False,
    shard_rows: ShardRows = 128,
    json_file: Json = None,
    quiet: Quiet = False,
) -> None:
    """Numbers filed under names, to be found in unrelated documents."""
    options = _common(source, filler, tokenizer, seed, split, prompt_style, "2,3,4", False, shard_rows)
    _run(f"niah-{kind}", tokens, n, out, {**options, "needles": needles}, workers, resume, json_file, quiet)


@synth.command()
def variable_tracking(
    tokens: Tokens,
    n: Rows,
    out: Out,
    chains: Annotated[int, typer.Option(help="Chains of assignments, one of which is asked for.")] = 1,
    hops: Annotated[int, typer.Option(help="How often a value is handed on.")] = 4,
    source: SourceName = "phantom",
    filler: Filler = None,
    seed: Seed = 0,
    tokenizer: TokenizerName = "cl100k",
    prompt_style: Style = "default",
    split: SplitName = "train",
    workers: Workers = 1,
    resume: Resume = False,
    shard_rows: ShardRows = 128,
    json_file: Json = None,
    quiet: Quiet = False,
) -> None:
    """Variables whose value is handed on through the text: which ones have it?"""
    options = _common(source, filler, tokenizer, seed, split, prompt_style, "2,3,4", False, shard_rows)
    options |= {"chains": chains, "hops": hops}
    _run("variable-tracking", tokens, n, out, options, workers, resume, json_file, quiet)


def _common(
    source: str,
    filler: str | None,
    tokenizer: str,
    seed: int,
    split: str,
    prompt_style: str,
    question_hops: str,
    strict_leak: bool,
    shard_rows: int,
) -> dict[str, Any]:
    try:
        hops = tuple(sorted({int(part) for part in question_hops.split(",")}))
    except ValueError:
        raise UserError(f"--question-hops {question_hops!r}: give some of 2,3,4 with commas between") from None
    return {
        "source": source,
        "filler": filler,
        "tokenizer": tokenizer,
        "seed": seed,
        "split": split,
        "prompt_style": prompt_style,
        "question_hops": hops,
        "strict_leak": strict_leak,
        "shard_rows": shard_rows,
    }


def _run(
    task: Any,
    tokens: int,
    n: int,
    out: Path,
    options: dict[str, Any],
    workers: int,
    resume: bool,
    json_file: Path | None,
    quiet: bool,
) -> None:
    from data_synth.errors import SynthError
    from data_synth.settings import Settings
    from data_synth.shards import generate

    if json_file is not None and not json_file.resolve().parent.is_dir():
        raise UserError(f"cannot write {json_file}: its folder does not exist")
    try:
        settings = Settings(task, tokens, n, **options)
        with _progress(n, quiet) as advance:
            report = generate(settings, out, workers, resume, advance)
    except SynthError as error:
        raise UserError(str(error)) from error
    except KeyboardInterrupt:
        print(f"stopped; --resume goes on with {out}", file=sys.stderr)
        raise typer.Exit(130) from None
    rejects = dict(report.rejects.most_common())
    print(f"{report.rows} rows in {settings.shards} files: {out}")
    for reason, times in rejects.items():
        print(f"rejected {times}: {reason}")
    if json_file:
        write_json(json_file, {"rows": report.rows, "files": settings.shards, "rejects": rejects})


@contextmanager
def _progress(total: int, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A bar on standard error; gives what to call with the number of rows done."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:-1], MofNCompleteColumn(), TimeRemainingColumn())
    # No refreshing thread: workers are forked while the bar stands.
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=quiet, transient=True, auto_refresh=False) as progress:
        task = progress.add_task("building", total=total)
        yield lambda done: progress.update(task, advance=done, refresh=True)
