r"""Gold answers: what stands in a column becomes the text that a completion is judged by, or is refused.

An object or a list is no answer. A list of one is; texts are read for `####` and `\boxed{}` first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rewards.verifier import boxed_answer
from rl.problems.paths import a_path_into, opened

LONG = 10
"""Words outside of formulas from which a text without a mark is a sentence, not an answer."""
LONG_SOLUTION = 3
"""The same in a column of worked solutions."""

_FORMULA = re.compile(r"\$[^$]*\$|\\\(.*?\\\)|\\\[.*?\\\]|\\[A-Za-z]+", re.DOTALL)
_WORD = re.compile(r"[A-Za-z]{2,}")


class NoAnswer(Exception):
    """Why a row has no gold answer."""


class Refused(NoAnswer):
    """Why what stands in a row's column is no gold answer."""


def gold_text(value: Any, path: str, joined: bool = False) -> str:
    """A column's value as a gold answer. Errors: Refused where it is an object or several answers.

    `joined`: several answers are all asked for, as in OlympiadBench.
    """
    if isinstance(value, str):
        inside = opened(value)
        if isinstance(inside, Mapping):
            raise Refused(f"column {path!r} holds an object as a text; {_write(inside, path)}")
        if isinstance(inside, list) and inside and all(isinstance(part, str) for part in inside):
            value = inside  # `["2"]`; `[1, 2]` may be the answer itself
    if isinstance(value, Mapping):
        raise Refused(f"column {path!r} holds an object; {_write(value, path)}")
    if isinstance(value, list):
        parts = list(dict.fromkeys(part.strip() if isinstance(part, str) else part for part in _scalars(value, path)))
        if len(parts) > 1 and not joined:
            raise Refused(f"column {path!r} holds {len(parts)} answers; {_write(value, path)}")
        value = ", ".join(final_answer(str(part)).replace("$", "") for part in parts) if joined else parts[0]
    return final_answer(str(value))


def _scalars(value: list[Any], path: str) -> list[Any]:
    if any(isinstance(part, Mapping | list) for part in value):
        raise Refused(f"column {path!r} holds a list of lists or objects; {_write(value, path)}")
    return value


def _write(value: Any, path: str) -> str:
    return f"write which one is meant, such as `columns: {{answer: '{a_path_into(value, path)}'}}`"


def whole_number(value: Any) -> Any:
    """A whole number without its decimal point."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def without_units(text: str) -> str:
    """ASDiv's `9 (apples)` and `3 (red); 5 (blue)` as numbers alone."""
    return ", ".join(re.sub(r"(?<=\S)\s+\([^()]*\)\s*$", "", part.strip()) for part in text.split(";"))


def final_answer(answer: str) -> str:
    r"""The final answer of a worked solution: after GSM8K's `####`, in MATH's `\boxed{}`, or all of it."""
    _, marker, tail = answer.rpartition("####")
    if marker:
        return re.sub(r"(?<=[0-9]),(?=[0-9]{3})", "", tail.strip())
    boxed = boxed_answer(answer)
    return answer.strip() if boxed is None else boxed


def is_prose(value: Any, most: int = LONG) -> bool:
    """Whether a text is sentences in which nothing marks an answer."""
    if not isinstance(value, str) or "####" in value or boxed_answer(value) is not None:
        return False
    return len(_WORD.findall(_FORMULA.sub(" ", value))) >= most
