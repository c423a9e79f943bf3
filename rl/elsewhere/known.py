"""Which log a file is: by its columns, or by the name that a user gives."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rl.elsewhere.logs import (
    answers,
    areal,
    inspect_ai,
    lighteval,
    lm_eval,
    ms_swift,
    nemo_rl,
    openai_batch,
    prime_rl,
    skyrl,
    slime,
    trl,
    verl,
)
from rl.elsewhere.logs.row import Format, Row
from rl.errors import UserError, first_line, unknown
from rl.reading import lines_of, object_of, parsed
from rl.terminal import say

FORMATS: Mapping[str, Format] = {
    module.FORMAT.name: module.FORMAT
    for module in (
        *(answers, areal, inspect_ai, lighteval, lm_eval, ms_swift, nemo_rl, openai_batch, prime_rl, skyrl, slime),
        *(trl, verl),
    )
}
OWN = "lengthwise"
"""Lines of rollouts as they are documented, or what a run of ours wrote."""
ALONE = {".pt": slime.FORMAT, ".eval": inspect_ai.FORMAT}
"""Kinds of files that only one tool writes."""
PACKED = {".gz", ".zst", ".bz2", ".xz", ".zip", ".tar", ".tgz"}
BATCH = 1024
"""Rows of a parquet file in memory at a time."""


def format_of(path: Path, name: str | None = None) -> Format | None:
    """The format of a file of a log; None for our own. Errors: UserError for a name that nobody knows."""
    if name is not None and name not in (*FORMATS, OWN):
        raise unknown("format", name, (*FORMATS, OWN))
    if name is not None:
        return FORMATS.get(name)
    if path.suffix in ALONE:
        return ALONE[path.suffix]
    if not path.is_file():
        return None
    first = _first(path)
    fitting = (one for one in FORMATS.values() if _suffix(path) in one.suffixes and _fits(one, first))
    return None if first is None else next(fitting, None)


def files_in(folder: Path) -> list[Path]:
    """What may be logs in a folder, by the numbers in their names."""
    suffixes = {suffix for one in FORMATS.values() for suffix in one.suffixes}
    return sorted((path for path in folder.iterdir() if _suffix(path) in suffixes and path.is_file()), key=_natural)


def logs_in(folder: Path, name: str | None = None) -> list[Path]:
    """The same without what is not read: `.json` files that are no log, unless a format is named, and archives.

    Says what it leaves out. Errors: UserError where nothing is left.
    """
    there = files_in(folder)
    foreign = [path for path in there if name is None and path.suffix == ".json" and not _known(path)]
    packed = [path for path in sorted(folder.iterdir()) if path.suffix in PACKED and path not in there]
    found = [path for path in there if path not in foreign]
    if left := [path.name for path in (*foreign, *packed)]:
        more = f" and {len(left) - 3} more" if len(left) > 3 else ""
        say(f"{folder}: left out, as no log that is read: {', '.join(left[:3])}{more}", error=True)
    if not found:
        raise UserError(f"{folder} holds no log that is known; name what wrote it by --format")
    return found


def _known(path: Path) -> bool:
    """Whether a file is a log of some tool, or lines of our own."""
    if format_of(path) is not None:
        return True
    first = _first(path)
    return first is not None and first.has("problem_id")


def rows_of(path: Path, log: Format) -> Iterator[Row]:
    """The rows of a file, one at a time. Errors: UserError naming the file and the row."""
    if log.rows is not None:
        yield from log.rows(path)
    elif path.suffix == ".parquet":
        yield from _parquet(path)
    else:
        for place, text in lines_of(path):
            where = f"{path}, row {place}"
            values = parsed(text, where)
            if not isinstance(values, Mapping):
                raise UserError(f"{where}: expected an object, got {text.strip()[:40]!r}")
            yield Row(values, where)


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    place = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH):
                for values in batch.to_pylist():
                    place += 1
                    yield Row(values, f"{path}, row {place}")
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path} after row {place}: {first_line(error)}") from error


def _first(path: Path) -> Row | None:
    """The first row as far as its columns go; None where a file has none."""
    if path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return Row(dict.fromkeys(pq.read_schema(path).names), str(path))
        except (pa.ArrowException, OSError):
            return None  # whose reader says what is wrong with it
    try:
        first: Any = next((parsed(text, str(path)) for _, text in lines_of(path)), None)
    except UserError:
        try:
            first = object_of(path) if path.suffix == ".json" else None
        except UserError:
            first = None
    return Row(first, str(path)) if isinstance(first, Mapping) else None


def _fits(log: Format, first: Row | None) -> bool:
    if first is None:
        return False
    table = isinstance(first.values.get("prompt"), list) and isinstance(first.values.get("completion"), list)
    if first.has("problem_id") and log not in (answers.FORMAT, trl.FORMAT):
        return False  # our own lines
    if first.has("verdict") and log is trl.FORMAT:
        return False  # our own rollouts, which have TRL's columns, too
    return all(map(first.has, log.columns)) and (log is not ms_swift.FORMAT or table)


def _suffix(path: Path) -> str:
    """That of what a file holds: lines may be packed by gzip."""
    return ".jsonl" if path.name.endswith(".jsonl.gz") else path.suffix


def _natural(path: Path) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", path.name)]
