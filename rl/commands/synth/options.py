"""The options of the commands that build synthetic rows, in the groups in which `spread` lets them take them.

Fields are named as `data_synth.settings.Settings` names them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from rl.commands.options import Json, Quiet
from rl.errors import UserError


@dataclass(frozen=True)
class Size:
    """How much is built, and where to."""

    tokens: Annotated[int, typer.Option(help="Tokens of a whole prompt: never more, at least 99.5 % of it.")]
    n: Annotated[int, typer.Option("--n", help="Rows.")]
    out: Annotated[Path, typer.Option(help="Folder of the parquet files.")]


@dataclass(frozen=True)
class Documents:
    """What prompts are filled with."""

    source: Annotated[
        str,
        typer.Option(
            help="phantom, phantom-terse, atlas, or hotpotqa:FILE, musique:FILE, 2wiki:FILE, "
            "jsonl:FILE (or a hub name)."
        ),
    ] = "phantom"
    filler: Annotated[
        str | None, typer.Option(help="Fill prompts with these documents too: a source, or a folder of text.")
    ] = None
    seed: Annotated[int, typer.Option(help="Seed of everything.")] = 0
    tokenizer: Annotated[
        str, typer.Option(help="cl100k, o200k, …; a tokenizer.json or a model's folder; `estimate` to try things out.")
    ] = "cl100k"


@dataclass(frozen=True)
class Form:
    """How a prompt is worded, and of which part of the documents."""

    prompt_style: Annotated[str, typer.Option(help="default, or paper: LoongRL's parts of a prompt.")] = "default"
    split: Annotated[str, typer.Option(help="train, test or all; train and test share no document that answers.")] = (
        "train"
    )


@dataclass(frozen=True)
class Questions:
    """Which questions about the documents are asked."""

    question_hops: Annotated[
        str, typer.Option(help="Documents that an embedded source's question takes: some of 2,3,4.")
    ] = "2,3,4"
    strict_leak: Annotated[
        bool, typer.Option("--strict-leak", help="No rows whose answer also stands in a document that is not gold.")
    ] = False

    def settings(self) -> dict[str, Any]:
        """As `data_synth.settings.Settings` has them. Errors: UserError."""
        try:
            hops = tuple(sorted({int(part) for part in self.question_hops.split(",")}))
        except ValueError:
            raise UserError(f"--question-hops {self.question_hops!r}: give some of 2,3,4 with commas between") from None
        return {"question_hops": hops, "strict_leak": self.strict_leak}


@dataclass(frozen=True)
class Making:
    """How the files are made: none of it changes a row."""

    workers: Annotated[int, typer.Option(max=1024, help="Processes. The files do not depend on it.")] = 1
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")] = False
    shard_rows: Annotated[int, typer.Option(help="Rows of one file.")] = 128
    json_file: Json = None
    quiet: Quiet = False
