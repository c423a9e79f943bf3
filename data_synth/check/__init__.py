"""The independent checker: what a synthetic row promises, derived again from the text of its prompt.

It shares no code with what builds the rows, so that a mistake there is not repeated here. `text` reads
links and passages out of a prompt, `row` checks one row, `file` checks what only the whole set can
show, `guessers` measures how far a reader gets without following the chain.
"""

from data_synth.check.file import Verdict, verify
from data_synth.check.row import Fault, Limits, check_row
from data_synth.check.rows import BadFile, Row, read_rows
from data_synth.check.tokens import load_counter

__all__ = ["BadFile", "Fault", "Limits", "Row", "Verdict", "check_row", "load_counter", "read_rows", "verify"]
