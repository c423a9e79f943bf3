"""`lengthwise synth show`: one synthetic row, for a reader."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from rl.commands.synth.rows import RowFile, bad_files_are_mistakes
from rl.errors import UserError
from rl.terminal import console


def show(
    file: RowFile,
    row: Annotated[int, typer.Option(min=0, help="Number of the row, from 0.")] = 0,
    full: Annotated[bool, typer.Option("--full", help="Show the documents in between in full too.")] = False,
) -> None:
    """One row for a reader: the chain, the gold documents and the answer highlighted."""
    from data_synth.check import read_rows
    from data_synth.check.parsed import parse
    from data_synth.check.rows import count_rows
    from rl.synth.show import shown

    with bad_files_are_mistakes():
        found = next(islice(read_rows(file), row, None), None)
        if found is None:
            raise UserError(f"{file} has {count_rows(file)} rows, numbered from 0; there is no row {row}")
    console().print(shown(parse(found), full))
