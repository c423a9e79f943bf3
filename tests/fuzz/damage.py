"""Ways to spoil a file or an option, each drawn from a generator, so that a seed plays the same again."""

from __future__ import annotations

import copy
import io
import json
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

DEEP = 100_000
"""Brackets of what is nested too deep to be read."""


def _nested(text: str) -> str:
    return text * DEEP + {"[": "]", "{": "}"}.get(text[0], "") * DEEP


def values(draw: random.Random) -> Any:
    """A value that hardly any option or column means."""
    return draw.choice(
        [
            None, True, False, 0, -1, 1, 2.5, 10**12, 10**400, -(10**30), 1e308, float("nan"), float("inf"), "", " ", "no",
            "false", "1e-6", "nan", "95%", "x" * 300, "x" * 100_000, "$\\bad$", "\\frac{", "\ud83d", "a\u2028b", "\x1b[2J",
            "[/]", "exp[a]", "../../x", "/dev/zero", "{problem}", "{0}", "%s", "<think>", [], {}, [[]], [None], [1, "a"],
            {"a": {"b": 1}}, {"": ""}, [0] * 1000,
        ]
    )  # fmt: skip


def options(draw: random.Random) -> str:
    """The same as somebody types it."""
    value = values(draw)
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text.replace("\0", "").encode(errors="replace").decode()[:5000]


def spoil(path: Path, draw: random.Random) -> bytes:
    """The bytes of a file after some damage; the kind of damage is by what the file is."""
    data = path.read_bytes()
    by_kind = {".json": _json, ".jsonl": _json_lines, ".yaml": _yaml, ".parquet": _parquet, ".safetensors": _header}
    if path.suffix in by_kind and draw.random() < 0.7:
        return by_kind[path.suffix](data, draw)
    return draw.choice(BYTES)(data, draw)


def _cut(data: bytes, draw: random.Random) -> bytes:
    return data[: draw.randrange(len(data) + 1)]


def _flip(data: bytes, draw: random.Random) -> bytes:
    spoilt = bytearray(data)
    for _ in range(draw.choice((1, 1, 4, 40))):
        if spoilt:
            spoilt[draw.randrange(len(spoilt))] = draw.randrange(256)
    return bytes(spoilt)


def _insert(data: bytes, draw: random.Random) -> bytes:
    place = draw.randrange(len(data) + 1)
    text = draw.choice(
        (b"\xff\xfe", b"\xc3(", b"\0" * 8, b"\xef\xbb\xbf", b"\r\n", b"\n\n", b'"', b"{", b"9" * 5000, b"\t")
    )
    return data[:place] + text + data[place:]


def _replace(data: bytes, draw: random.Random) -> bytes:
    return draw.choice(
        (b"", b"\n", b"\0" * 1000, b"null", b"[]", b"{}", b"3", b"NaN", b'"a"', b"\xff" * 64, b"PAR1", b"- a\n- b\n",
         data * 2, _nested("[").encode(), _nested('{"a":').encode())
    )  # fmt: skip


BYTES: tuple[Callable[[bytes, random.Random], bytes], ...] = (_cut, _flip, _insert, _replace)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(inner, (*path, key))


def changed(value: Any, draw: random.Random) -> Any:
    """The value with something inside replaced, left out, or added."""
    value = copy.deepcopy(value)
    places = list(_places(value))
    if not places or draw.random() < 0.05:
        return values(draw)
    *outer, last = draw.choice(places)
    inside = value
    for step in outer:
        inside = inside[step]
    how = draw.random()
    if how < 0.7:
        inside[last] = values(draw)
    elif how < 0.85:
        del inside[last]
    elif isinstance(inside, dict):
        inside[draw.choice(("more", "", "name", "tokens", "λ", "a.b", 7))] = values(draw)
    else:
        inside.append(values(draw))
    return value


def _json(data: bytes, draw: random.Random) -> bytes:
    return json.dumps(changed(json.loads(data), draw)).encode()


def _json_lines(data: bytes, draw: random.Random) -> bytes:
    lines = data.decode().splitlines()
    place = draw.randrange(len(lines))
    lines[place] = json.dumps(changed(json.loads(lines[place]), draw))
    return "\n".join(lines).encode()


def _yaml(data: bytes, draw: random.Random) -> bytes:
    spoilt = changed(yaml.safe_load(data), draw)
    # JSON is YAML, and knows no aliases, tags or line breaks that would be another damage.
    return json.dumps(spoilt).encode() if draw.random() < 0.5 else yaml.safe_dump(spoilt).encode(errors="replace")


def _parquet(data: bytes, draw: random.Random) -> bytes:
    table = pq.read_table(io.BytesIO(data))
    rows = table.to_pylist()
    name = draw.choice(table.column_names)
    how = draw.random()
    if how < 0.3:
        spoilt = table.drop_columns([name])
    elif how < 0.4:
        spoilt = table.slice(0, 0)
    else:
        value = values(draw)
        for row in rows if how < 0.7 else rows[:1]:
            row[name] = value
        try:
            spoilt = pa.Table.from_pylist(rows).replace_schema_metadata(table.schema.metadata)
        except (pa.ArrowException, OverflowError, UnicodeEncodeError):
            spoilt = table.rename_columns([f"{each}_" if each == name else each for each in table.column_names])
    out = io.BytesIO()
    try:
        pq.write_table(spoilt, out)
    except pa.ArrowException:  # an empty object has no columns to be written
        return _cut(data, draw)
    return out.getvalue()


def _header(data: bytes, draw: random.Random) -> bytes:
    (length,) = struct.unpack("<Q", data[:8])
    header = json.dumps(changed(json.loads(data[8 : 8 + length]), draw)).encode()
    size = draw.choice((len(header), len(header), len(header), 0, 2**40, 2**63))
    return struct.pack("<Q", size) + header + data[8 + length :]
