"""What the commands that read synthetic rows share: the file, its faults, a bar over its rows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from rl.commands.output import progress
from rl.errors import UserError

RowFile = Annotated[Path, typer.Argument(metavar="FILE", help="A .parquet or .jsonl file, or a folder of shards.")]


@contextmanager
def bad_files_are_mistakes() -> Iterator[None]:
    """The checker's own errors about files and tokenizers as the user's mistakes."""
    from data_synth.check.rows import BadFile
    from data_synth.check.tokens import UnknownTokenizer

    try:
        yield
    except (BadFile, UnknownTokenizer) as error:
        raise UserError(str(error)) from error


def counted(file: Path, quiet: bool) -> AbstractContextManager[Callable[[int], None]]:
    """A bar over a file's rows, on a terminal; gives what to call with the number of rows done."""
    from data_synth.check.rows import count_rows

    hidden = quiet or not sys.stderr.isatty()
    return progress("rows", None if hidden else count_rows(file), hidden)
