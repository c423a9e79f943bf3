"""Values of recipes and command lines are of their types, or refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pytest

from rl.errors import UserError
from rl.plugins.typed import FREE, require, types_of


@pytest.mark.parametrize(
    ("hint", "value", "words"),
    [
        (bool, "no", "not 'no'; write true or false"),
        (bool, "false", "not 'false'; write true or false"),
        (bool, 0, "not 0; write true or false"),
        (int, 1e3, "not 1000.0; write 1000"),
        (int, True, "a valid integer, not true"),
        (int | None, "2", "not '2'; write a number, without quotes"),
        (float, "1e-6", "not '1e-6'; write a number, without quotes"),
        (float, "95%", "a valid number, not '95%'"),
        (float, float("nan"), "a finite number, not nan"),
        (float, float("-inf"), "a finite number, not -inf"),
        (float, None, "a valid number, not null"),
        (str, 5, "not 5; put it in quotes"),
        (Literal["a", "b"], "c", "should be 'a' or 'b', not 'c'"),
        (Literal["all"] | list[str], "q", "should be 'all' or a valid array, not 'q'"),
        (Sequence[str], "box", "a valid array, not 'box'"),
        (FREE, "off", "'off' is a text, which would count as true"),
        (dict[str, Any] | None, {"deep": {"er": ["No"]}}, "place.deep.er.0: 'No' is a text"),
        (bool | str, "yes", "'yes' is a text"),
        (str, "\ud83d", "a value that no file could hold"),
        (int, "x" * 500, "x…; write a number"),
    ],
)
def test_a_value_of_another_type_is_refused_in_a_short_line(hint: Any, value: Any, words: str) -> None:
    with pytest.raises(UserError) as error:
        require(hint, value, "place")
    assert str(error.value).startswith("place")
    assert words in str(error.value)
    assert len(str(error.value).splitlines()) == 1
    assert len(str(error.value)) < 200


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (bool, False), (float, 2), (int, 1000), (float | None, None), (str, "no"), (Mapping[str, str], {"answer": "no"}),
        (tuple[int, ...], [1, 2]), (FREE, {"name": "a", "on": True}), (type("Own", (), {}), "anything"),
    ],
)  # fmt: skip
def test_a_value_of_its_type_goes_through(hint: Any, value: Any) -> None:
    require(hint, value, "place")


UNTYPED = """
from __future__ import annotations
def maker(switch=False, mode="no", many=3, must=None, *, odd: Nowhere = None, count: int = None): ...
"""


def test_parameters_without_an_annotation_are_of_the_type_of_their_default() -> None:
    namespace: dict[str, Any] = {}
    exec(UNTYPED, namespace)
    types = types_of(namespace["maker"])
    for name, value in (("mode", "on"), ("many", [1]), ("odd", "off"), ("count", None), ("must", {"a": 1})):
        require(types[name], value, name)
    for name, value in (("switch", "no"), ("must", "off"), ("switch", 1)):
        with pytest.raises(UserError, match="write true or false"):
            require(types[name], value, name)
