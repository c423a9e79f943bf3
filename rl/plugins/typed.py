"""One reading of every value that a recipe or a command line gives: of the type of its key, and nothing is converted.

A switch is `true` or `false`; `no`, `off` and a quoted "false" are texts, which Python takes for true. A number is not
in quotes, is finite, and where a whole one is asked for it is whole: 1000, not 1e3. Where a type is free, as in what
a chat template is given, a word that could mean a switch is refused.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_args, get_origin

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, to_json

from rl.errors import UserError

FREE = Any
"""The type of what has none."""
_SWITCHES = {"yes", "no", "on", "off", "true", "false"}
_SIMPLE: Mapping[str, Any] = {"bool": bool, "int": int, "float": float, "str": str}
_LONGEST = 60
"""Characters of a value in a message."""


def require(hint: Any, value: Any, place: str, choices: bool = True) -> None:
    """Errors: UserError where a value is not of the type `hint`, naming the `place` that it stands in.

    Without `choices`, a text that is none of those to choose from is left to whoever takes it, to say so in his words.
    """
    try:
        read(TypeAdapter(hint, config=ConfigDict(allow_inf_nan=False)), value, place)
    except ValidationError as error:
        first, *others = error.errors()
        if not choices and all(each["type"] == "literal_error" for each in (first, *others)):
            return
        inner = "".join(f".{step}" for step in path_of(first))
        raise UserError(f"{place}{inner}: {explained([first, *others])}") from error
    except PydanticUserError:  # a type that says nothing of values, such as a plug-in's own class
        return
    if _is_free(hint):
        _refuse_switches(value, place)


def read(adapter: TypeAdapter[Any], value: Any, place: str) -> Any:
    """The value as the adapter's type. As JSON: there, strictness lets a list be a tuple and a mapping a dataclass.

    Errors: ValidationError; UserError for what is no JSON, such as a text that is no Unicode.
    """
    try:
        plain = to_json(value, inf_nan_mode="constants")
    except (ValueError, RecursionError) as error:
        raise UserError(f"{place}: a value that no file could hold: {str(error).splitlines()[0]}") from error
    return adapter.validate_json(plain, strict=True)


def explained(errors: list[ErrorDetails]) -> str:
    """What is wrong with the value of the first error: each type of a union has one of its own."""
    first = errors[0]
    wanted = dict.fromkeys(e["msg"] for e in errors if path_of(e) == path_of(first))
    start, *rest = wanted
    message = " or ".join([start, *(text.removeprefix("Input should be ") for text in rest)])
    return f"{message}, not {shown(first['input'])}{_remedy(first)}"


def path_of(error: ErrorDetails) -> tuple[int | str, ...]:
    """Where an error lies: keys and indices, without the types of a union that were tried."""
    return tuple(step for step in error["loc"] if isinstance(step, int) or not ("[" in step or step in _TRIED))


_TRIED = {*_SIMPLE, "none", "constrained-int", "constrained-float"}


def shown(value: Any) -> str:
    """A value in a message, cut where it is long."""
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _remedy(error: ErrorDetails) -> str:
    kind, value = error["type"], error["input"]
    if kind == "bool_type":
        return "; write true or false"
    if kind == "string_type" and value is not None:
        return "; put it in quotes"
    if kind in ("int_type", "int_from_float") and isinstance(value, float) and value.is_integer():
        return f"; write {int(value)}"
    if kind in ("int_type", "float_type") and isinstance(value, str):
        return "; write a number, without quotes"
    return ""


def types_of(maker: Callable[..., Any]) -> Mapping[str, Any]:
    """The type of each parameter: as annotated, or else as its default tells; of `**others`, too."""
    try:
        parameters = inspect.signature(maker, eval_str=True).parameters
    except Exception:  # an annotation that names what is not there, which Python itself never looks at
        parameters = inspect.signature(maker).parameters
    return {name: _type_of(parameter) for name, parameter in parameters.items()}


def _type_of(parameter: inspect.Parameter) -> Any:
    hint, default = parameter.annotation, parameter.default
    if isinstance(hint, str):
        hint = _SIMPLE.get(hint, object)
    if hint is not parameter.empty:
        return hint | None if default is None and isinstance(hint, type) else hint
    if isinstance(default, bool):
        return bool
    return object if isinstance(default, str) else FREE


def _is_free(hint: Any) -> bool:
    """Whether values of a type may be anything, all or those below its keys."""
    arguments = get_args(hint)
    if hint is FREE or hint in (dict, Mapping) or {bool, str} <= set(arguments):
        return True
    if get_origin(hint) in (dict, Mapping):
        return bool(arguments[-1] is FREE)
    return any(map(_is_free, arguments))


def _refuse_switches(value: Any, place: str) -> None:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _refuse_switches(inner, f"{place}.{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            _refuse_switches(inner, f"{place}.{number}")
    elif isinstance(value, str) and value.strip().lower() in _SWITCHES:
        raise UserError(f"{place}: {value!r} is a text, which would count as true; write true or false")
