"""Values inside a row: `reward_model.ground_truth`, `answer[0]`, `messages[-1].content`."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

_STEP = re.compile(r"([^.\[\]]+)|\[(-?[0-9]+)\]")
_PATH = re.compile(r"[^.\[\]]+(\.[^.\[\]]+|\[-?[0-9]+\])*")
_AS_NUMPY = re.compile(r"""(?<=['"])\s+(?=['"])""")
"""Between two texts of a list that numpy prints; Python would read them as one text."""
_LONGEST = 100_000
"""Characters of a text that may be taken for an object or a list."""


def value_at(row: Mapping[str, Any], path: str) -> Any:
    """What stands at a path, None where nothing does. A column of just that name goes before a path."""
    if path in row:
        return row[path]
    steps = _steps(path)
    if not steps or steps[0][0] not in row:
        return None
    value: Any = row
    for name, place in steps:
        value = opened(value) if isinstance(value, str) else value
        if name:
            value = value.get(name) if isinstance(value, Mapping) else None
        else:
            at = int(place)
            value = value[at] if isinstance(value, list) and -len(value) <= at < len(value) else None
    return value


def there(names: tuple[str, ...], row: Mapping[str, Any]) -> Iterator[str]:
    """Those of these columns and paths that hold a value in a row."""
    return (name for name in _possible(names, tuple(row)) if not is_missing(value_at(row, name)))


@lru_cache(maxsize=1024)
def _possible(names: tuple[str, ...], columns: tuple[str, ...]) -> tuple[str, ...]:
    """Those that begin with a column: the rows of a file have the same ones, and few of those that are looked for."""
    return tuple(n for n in names if n in columns or any(first in columns for first, _ in _steps(n)[:1]))


@lru_cache(maxsize=1024)
def _steps(path: str) -> list[tuple[str, str]]:
    """The names and places that a path is made of; none of a text that is no path."""
    return _STEP.findall(path) if _PATH.fullmatch(path) else []


def opened(text: str) -> Any:
    """The object or list that a text is, as JSON, or as Python or numpy prints it; None where it is neither."""
    text = text.strip()
    if not text or text[0] + text[-1] not in ("{}", "[]") or len(text) > _LONGEST:
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(text if read is json.loads else _AS_NUMPY.sub(", ", text))
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return value if isinstance(value, dict | list) else None
    return None


def is_missing(value: Any) -> bool:
    """Whether a value is none: null, an empty text, NaN, an empty list or object."""
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, list | dict):
        return not value
    return value is None or (isinstance(value, float) and math.isnan(value))  # NaN is null in tables


def paths_of(row: Mapping[str, Any]) -> Iterator[str]:
    """The columns of a row, and what stands one step inside its objects."""
    for name, value in row.items():
        yield str(name)
        if isinstance(value, Mapping):
            yield from (f"{name}.{key}" for key in value)


def a_path_into(value: Any, path: str) -> str:
    """A path below `path` to a text or a number, if there is one, to be suggested."""
    while isinstance(value, Mapping | list) and value:
        if isinstance(value, list):
            path, value = f"{path}[0]", value[0]
        else:
            usual = [key for key in ("ground_truth", "answer", "value", "target", "text", "content") if key in value]
            key = (usual or list(value))[0]
            path, value = f"{path}.{key}", value[key]
    return path
