"""What lies in files that may be anything by now: in the form it should have, or refused in one line.

Every reader here takes regular files alone, so that a device or a pipe is neither waited for nor read for ever.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml

from rl.errors import UserError, first_line

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["number", "number or null", "text", "text or null", "numbers", "spans", "object or null"]
MOST_VALUES = 100_000
"""Of a YAML text, aliases written out."""
UNREADABLE = (ValueError, RecursionError, OverflowError)
"""What parsers raise at damaged text: also where it is nested too deep, or a number has too many digits."""


def text_of(path: Path) -> str:
    """A file's text. Errors: UserError where there is no file, or no UTF-8 in it."""
    try:
        if not path.is_file():
            raise UserError(f"{path} is no file" if path.exists() else f"file {str(path)!r} does not exist")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"cannot read {path}: no UTF-8 at byte {error.start + 1}; it is damaged, or no text") from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file that are not blank, with their number, one at a time; of `.gz`, as gzip packs them.

    Errors: as `text_of`.
    """
    packed = path.suffix == ".gz"
    try:
        if not path.is_file():
            text_of(path)
        with gzip.open(path, "rt", encoding="utf-8-sig") if packed else path.open(encoding="utf-8-sig") as file:
            # some editors begin with a mark
            yield from ((place, line) for place, line in enumerate(file, 1) if not line.isspace())
    except (UnicodeDecodeError, OSError, EOFError, zlib.error) as error:
        if packed:
            raise UserError(
                f"cannot read {path}: {first_line(error)}; it is damaged, or not what gzip packs"
            ) from error
        text_of(path)  # which says what is wrong, and where
        raise


def parsed(text: str | bytes, where: str) -> Any:
    """JSON. Errors: UserError naming `where`."""
    try:
        return json.loads(text)
    except UNREADABLE as error:
        raise UserError(f"{where}: not JSON: {first_line(error)}") from error


def json_of(path: Path) -> Any:
    """What a JSON file holds. Errors: UserError."""
    return parsed(text_of(path), str(path))


def object_of(path: Path) -> dict[str, Any]:
    """A JSON object of a file. Errors: UserError."""
    found = json_of(path)
    if not isinstance(found, dict):
        raise UserError(f"{path} is no JSON object")
    return found


def plain_yaml_of(path: Path) -> Any:
    """What a YAML file holds, as YAML's own rules have it. Errors: UserError."""
    try:
        return yaml_in(text_of(path), yaml.SafeLoader)
    except (yaml.YAMLError, *UNREADABLE) as error:
        raise UserError(f"{path} is not YAML: {first_line(error)}") from error


def yaml_in(text: str, loader: type[yaml.SafeLoader]) -> Any:
    """What a YAML text holds. Errors: YAMLError, also where a few aliases stand for more than anybody could look at."""
    reader = loader(text)
    try:
        node = reader.get_single_node()
        if node is None:
            return None
        _count(node, {})
        return reader.construct_document(node)
    finally:
        reader.dispose()  # type: ignore[no-untyped-call]


def _count(node: yaml.Node, known: dict[int, int]) -> int:
    """The values in a node, those that an alias stands for counted wherever it stands. Errors: YAMLError."""
    found = known.get(id(node))
    if found == 0:
        raise yaml.YAMLError("an alias stands inside what it stands for")
    if found is None:
        known[id(node)] = 0
        inner = node.value if isinstance(node, yaml.CollectionNode) else ()
        parts = (part for each in inner for part in (each if isinstance(each, tuple) else (each,)))
        found = known[id(node)] = 1 + sum(_count(part, known) for part in parts)
    if found > MOST_VALUES:
        raise yaml.YAMLError(f"it stands for over {MOST_VALUES:,} values; write them without aliases")
    return found


def table_of(path: Path, columns: Collection[str] | None = None, problems: Collection[str] | None = None) -> pa.Table:
    """A parquet file, or some of its columns, of all rows or of some problems'. Errors: UserError naming the file."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        if path.exists() and not path.is_file():
            raise UserError(f"{path} is no file")
        chosen = None if problems is None else pc.field("problem_id").isin(list(problems))
        table = pq.read_table(path, columns=columns and list(columns), filters=chosen, partitioning=None)
        table.validate(full=True)  # texts that are not UTF-8 among others
        return table
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise UserError(f"cannot read {path}: {first_line(error)}") from error


def require_columns(table: pa.Table, kinds: Mapping[str, Kind], path: Path, what: str) -> None:
    """Errors: UserError where a table is not `what`, since a column is missing or holds something else."""
    for name, kind in kinds.items():
        if name not in table.column_names:
            raise UserError(f"{path} holds no {what}: column {name!r} is missing")
        column = table.column(name)
        wanted, _, nullable = kind.partition(" or ")
        if not _is(wanted, column.type) and column.null_count < len(column):
            raise UserError(f"{path} holds no {what}: column {name!r} holds {column.type}, not {wanted}")
        if column.null_count and not nullable:
            raise UserError(f"{path} holds no {what}: column {name!r} has rows without a value")


def _is(kind: str, found: pa.DataType) -> bool:
    import pyarrow.types as types

    if kind == "numbers":
        return bool(types.is_list(found) and (types.is_null(found.value_type) or types.is_integer(found.value_type)))
    if kind == "spans":
        return bool(types.is_list(found) and (types.is_null(found.value_type) or _is("numbers", found.value_type)))
    if kind == "number":
        return bool(types.is_integer(found) or types.is_floating(found))
    return bool(types.is_struct(found) if kind == "object" else types.is_string(found) or types.is_large_string(found))
