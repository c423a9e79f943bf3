"""How a user's mistake reaches the user: one line, exit code 2, nothing written."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterable, Iterator
from difflib import get_close_matches

REMOVED = "[removed]"
"""Stands where a secret stood."""

_SECRET_VARIABLE = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$", re.I)
_LEAST = 8
"""Characters of a secret: shorter values would be found in ordinary words."""


class UserError(Exception):
    """What is wrong, where, and what to do about it, in one line."""


class OutOfReach(UserError):
    """Something by a hub name that cannot be had here and now; a dry run goes on without it."""


def unknown(kind: str, name: str, known: Iterable[str], where: str = "") -> UserError:
    """An error about a name nobody knows, with the nearest known one."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names) or 'none'}"
    place = f" in {where}" if where else ""
    return UserError(f"unknown {kind} {name!r}{place}; {hint}")


def without_own_secrets(text: str) -> str:
    """`text`, which may repeat what a server said, without the values of variables that are named after secrets."""
    for name, value in os.environ.items():
        if _SECRET_VARIABLE.search(name) and len(value.strip()) >= _LEAST:
            text = text.replace(value.strip(), REMOVED)
    return text


@contextlib.contextmanager
def user_errors_exit_2() -> Iterator[None]:
    """One line on standard error, from the first rank only, and exit code 2 on every rank."""
    try:
        yield
    except UserError as error:
        if os.environ.get("RANK", "0") == "0":
            print(f"error: {without_own_secrets(str(error))}", file=sys.stderr)
        raise SystemExit(2) from None
