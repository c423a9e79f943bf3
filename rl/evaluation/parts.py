"""What an evaluation has done so far, so that the same command goes on after a crash.

Beside FILE.parquet stands the folder FILE.parquet.parts: the protocol, and a parquet file a finished batch, each
written to a temporary file and renamed. The folder goes when FILE.parquet is there.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path

from rl.errors import UserError
from rl.evaluation.protocol import Protocol
from rl.evaluation.rows import FORCED, SCHEMA, Evaluation, Row

WHOLE = {*SCHEMA.names} - {"sample", "lead"}
"""Columns that this version needs of answers to go on with; the others have come later."""

_PART = re.compile(r"part-\d{6,}\.parquet(\.tmp)?")


@dataclass(frozen=True)
class Parts:
    """The finished batches of one evaluation of `model` that `out` will hold."""

    out: Path
    model: str
    protocol: Protocol

    @property
    def folder(self) -> Path:
        return self.out.with_name(self.out.name + ".parts")

    def check(self) -> None:
        """Errors: UserError where another evaluation lies in the same place."""
        for path in (self.out, *sorted(self.folder.glob("*.parquet"))[:1]):
            if path.exists():
                self._require_same(path)

    def finished(self) -> Evaluation | None:
        """The whole evaluation, where it is there. Errors: as of `check`."""
        self.check()
        required = {*FORCED.names} if self.protocol.forced else WHOLE
        return Evaluation.load(self.out, required=required) if self.out.is_file() else None

    def load(self, number: int) -> list[Row] | None:
        """The rows of a batch; None: it is still to do."""
        path = self._path(number)
        return Evaluation.load(path, required=WHOLE).rows if path.is_file() else None

    def save(self, number: int, rows: list[Row]) -> None:
        Evaluation(rows, self.protocol, self.model).save(self._path(number))

    def finish(self, evaluation: Evaluation) -> None:
        """Write the whole, then let the parts go."""
        evaluation.save(self.out)
        for path in self.folder.glob("part-*"):
            if _PART.fullmatch(path.name):
                path.unlink()
        with contextlib.suppress(OSError):  # there may be none, or something of somebody else's in it
            self.folder.rmdir()

    def _path(self, number: int) -> Path:
        return self.folder / f"part-{number:06d}.parquet"

    def _require_same(self, path: Path) -> None:
        there = Evaluation.load(path)
        if there.protocol is None:
            raise UserError(f"{path} holds answers without a protocol; choose another --out, or delete it")
        wrong = self.protocol.difference(there.protocol)
        if there.model != self.model:
            wrong = f"model {there.model}, not {self.model}"
        if wrong:
            raise UserError(
                f"{self.out} was begun under another protocol ({wrong}); choose another --out, or delete {path}"
            )
