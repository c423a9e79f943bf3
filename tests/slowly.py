"""Parameters of which only some are tried in the short run of the tests."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def some(values: Iterable[Any], kept: Collection[Any]) -> list[Any]:
    """All of `values`; those that are not `kept` are slow."""
    every = list(values)
    assert all(each in every for each in kept)
    return [each if each in kept else pytest.param(each, marks=pytest.mark.slow) for each in every]
