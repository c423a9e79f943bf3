"""Rows from a file, a folder, a hub data set, a Python factory, or the embedded task, as they stand there."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from sys import intern
from typing import Any

import numpy as np

from rl.errors import OutOfReach, UserError, first_line
from rl.plugins import bounded, load_object, raised
from rl.plugins.typed import FREE, require, types_of
from rl.problems.benchmarks import BENCHMARKS
from rl.problems.endless import gathered
from rl.problems.prompts import turns_of
from rl.reading import UNREADABLE
from rl.recipe.parts import SourcePart
from rl.secrecy import with_environment

_SPLIT = re.compile(r"(?:^|[/._-])(train|test|validation|valid|val|dev|eval)(?=[/._-])")

Row = Mapping[str, Any]

FILE_KINDS = (".jsonl", ".json", ".parquet", ".csv")
EMBEDDED = {"demo": "data_synth.arithmetic:problems", "keychain-demo": "data_synth.keychain_demo:problems"}


def rows_of(source: SourcePart) -> Iterable[Row]:
    """The rows of a source as they stand there. Errors: UserError where it cannot be read."""
    name = EMBEDDED.get(source.source, source.source)
    path = Path(name)
    options = {key: with_environment(value, f"options of {name!r}: {key}") for key, value in source.options.items()}
    if name in BENCHMARKS and not path.exists():
        return _hub_rows(BENCHMARKS[name].hub, {**BENCHMARKS[name].options, **options})
    if path.suffix.lower() in FILE_KINDS and not path.is_dir():
        return _file_rows(path)
    if path.is_dir():
        return _folder_rows(path, options)
    if ":" in name:
        rows = load_object(name, "data factory")
        types = types_of(rows)
        for option, value in options.items():
            require(types.get(option, FREE), value, f"data factory {name!r}: {option}", choices=False)
        try:
            with bounded(name, "data factory"):
                return gathered(map(_plain, rows(**options)), f"data factory {name!r}")
        except UserError:
            raise
        except (TypeError, ValueError) as error:  # how a factory refuses what it was given
            raise UserError(f"data factory {name!r}: {error}") from error
        except Exception as error:
            raise raised(name, error, "data factory") from error
    if path.exists() or path.suffix:
        raise UserError(f"{name}: expected one of {', '.join(FILE_KINDS)}, a hub name, or module:factory")
    return _hub_rows(name, options)


def _folder_rows(path: Path, options: Mapping[str, Any]) -> Iterable[Row]:
    """What `datasets.save_to_disk` wrote, or the rows of parquet shards below, in the order of their paths.

    Of shards of several splits, as a data set of the hub has them, those of one: `train`, or the one of `options`.
    """
    if (path / "state.json").is_file() or (path / "dataset_dict.json").is_file():
        return _saved_rows(path, options)
    shards = sorted(path.rglob("*.parquet"))
    if not shards:
        raise UserError(
            f"data folder {str(path)!r} holds no .parquet file, nor is it of `save_to_disk`; check `data` in the recipe"
        )
    splits = {shard: _split_of(shard.relative_to(path)) for shard in shards}
    if "split" in options or len(set(splits.values())) > 1:
        wanted = _one_of(dict.fromkeys(name for name in splits.values() if name), path, options)
        shards = [shard for shard in shards if splits[shard] == wanted]
    return chain.from_iterable(map(_file_rows, shards))


def _split_of(shard: Path) -> str | None:
    found = _SPLIT.search(shard.as_posix())
    return found[1] if found else None


def _one_of(splits: Iterable[str], path: Path, options: Mapping[str, Any]) -> str:
    names = list(splits)
    split = str(options.get("split", names[0] if len(names) == 1 else "train"))
    if split not in names:
        write = f"write `options: {{split: …}}` with one of {', '.join(names)}" if names else "leave `split` out"
        raise UserError(f"{path} has no split {split!r}; {write}")
    return split


def _saved_rows(path: Path, options: Mapping[str, Any]) -> Iterable[Row]:
    from datasets import DatasetDict, load_from_disk

    try:
        saved = load_from_disk(str(path))
    except Exception as error:
        raise UserError(f"cannot read {path}: {first_line(error)}") from error
    if not isinstance(saved, DatasetDict):
        return saved  # type: ignore[no-any-return]
    return saved[_one_of(saved, path, options)]  # type: ignore[no-any-return]


def _file_rows(path: Path) -> Iterator[Row]:
    """Each row as it is asked for: a file of lines is never held whole."""
    if not path.is_file():
        raise UserError(f"data file {str(path)!r} does not exist; check `data` in the recipe")
    kind = path.suffix.lower()
    try:
        rows = _values(path, kind)
        if kind != ".jsonl" and not isinstance(rows, list):
            raise UserError(f"{path}: expected a list of objects, one a problem, not one {_kind(rows)}")
        for number, row in enumerate(rows, 1):
            if isinstance(row, list) and turns_of(row):  # the turns of a chat and nothing else
                row = {"conversations": row}
            if not isinstance(row, dict):
                alone = kind == ".jsonl" and number == 1 and next(iter(rows), None) is None
                whole = "; is it one list over all lines? then name it .json" if alone else ""
                told = f"row {number} is a {_kind(row)}{whole}"
                raise UserError(f"{path}: expected a list of objects, one a problem; {told}")
            yield {intern(name): value for name, value in row.items()}  # a million rows have few names
    except (*UNREADABLE, OSError) as error:
        raise UserError(f"cannot read {path}: {first_line(error)}") from error


def _values(path: Path, kind: str) -> Any:
    if kind == ".parquet":
        import pyarrow.parquet as pq

        return pq.read_table(path).to_pylist()
    if kind == ".jsonl":
        return _json_lines(path)
    return (_json_rows if kind == ".json" else _csv_rows)(path, _text(path))


def _text(path: Path) -> str:
    """A file's text without a byte order mark. Errors: UserError with line and column of a byte that is no UTF-8."""
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        raise _no_utf8(path, before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1) from error


def _no_utf8(path: Path, line: int, column: int) -> UserError:
    return UserError(f"cannot read {path}: no UTF-8 in line {line}, column {column}; save it as UTF-8")


def _json_rows(path: Path, text: str) -> Any:
    try:
        return json.loads(text, strict=False)
    except json.JSONDecodeError as error:
        lines = "; is it one object a line? then name it .jsonl" if error.msg == "Extra data" else ""
        where = f"line {error.lineno}, column {error.colno}"
        raise UserError(f"cannot read {path}: {error.msg} in {where}{lines}") from error


def _json_lines(path: Path) -> Iterator[Any]:
    """An object a line. Lines end at newlines alone: JSON lets U+2028 and its like stand inside a text."""
    decode = json.JSONDecoder(strict=False).decode
    with path.open("rb") as file:
        for number, data in enumerate(file, 1):
            try:
                line = data.decode("utf-8-sig" if number == 1 else "utf-8").removesuffix("\n")
                if line.strip():
                    yield decode(line)
            except UnicodeDecodeError as error:
                raise _no_utf8(path, number, error.start + 1) from error
            except json.JSONDecodeError as error:
                whole = "; is it one list over all lines? then name it .json" if line.strip() == "[" else ""
                where = f"line {number}, column {error.colno}"
                raise UserError(f"cannot read {path}: {error.msg} in {where}{whole}") from error


def _csv_rows(path: Path, text: str) -> list[Any]:
    """Rows under a head line; every value is a text."""
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)  # a newline inside quotes stays as it is
    rows = []
    try:
        _require_head(path, reader.fieldnames or ())
        for row in reader:
            if None in row or None in row.values():
                count = len(reader.fieldnames or ())
                raise UserError(f"cannot read {path}: line {reader.line_num} has not the {count} fields of its head")
            rows.append(row)
    except csv.Error as error:
        raise UserError(f"cannot read {path}: {error} in line {reader.line_num}") from error
    return rows


def _require_head(path: Path, names: Sequence[str]) -> None:
    """Errors: UserError where other marks than commas stand between the names, or one stands twice."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"cannot read {path}: two columns are called {twice!r}; name them apart")
    if len(names) == 1 and (mark := next((mark for mark in ";\t|" if mark in names[0]), None)):
        raise UserError(f"cannot read {path}: {mark!r} stands between its columns; write it with commas")


def _plain(value: Any) -> Any:
    """A value with Python's own lists and numbers where it has those of numpy, as pandas gives them."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return _plain(value.tolist()) if isinstance(value, np.ndarray | np.generic) else value


def _hub_rows(name: str, options: Mapping[str, Any]) -> Iterable[Row]:
    from datasets import load_dataset

    types = types_of(load_dataset)
    for option, value in options.items():
        require(types.get(option, FREE), value, f"options of {name!r}: {option}")
    try:
        return load_dataset(name, **{"split": "train", **options})  # type: ignore[no-any-return]
    except Exception as error:
        raise OutOfReach(f"no file and no hub data set {name!r}: {first_line(error)}") from error


def _kind(value: Any) -> str:
    return {dict: "object", str: "text", list: "list", type(None): "null"}.get(type(value), "number")
