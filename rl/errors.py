"""How a user's mistake reaches the user: one line, exit code 2, nothing written."""

from __future__ import annotations

import contextlib
import errno
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
_LONGEST = 1000
"""Characters of a line: less than a terminal's screen."""
_LONGEST_WORD = 200
_OF_THE_MACHINE = {
    errno.ENAMETOOLONG, errno.ELOOP, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EMFILE,
}  # fmt: skip
"""Errors of the system that are nobody's slip in this code."""


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


def first_line(error: BaseException) -> str:
    """What an error of somebody else's code says first."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def one_line(text: str) -> str:
    """`text` as a terminal takes it: no control characters, nothing longer than a screen.

    What is in the middle of a long word is left out, then what is in the middle of all.
    """
    seen = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in " ".join(text.split()))
    return _shortened(" ".join(_shortened(word, _LONGEST_WORD) for word in seen.split(" ")), _LONGEST)


def _shortened(text: str, most: int) -> str:
    half = most // 2
    return text if len(text) <= most else f"{text[:half]}…{text[-half:]}"


@contextlib.contextmanager
def user_errors_exit_2() -> Iterator[None]:
    """One line on standard error, from the first rank only, and exit code 2 on every rank."""
    try:
        yield
    except UserError as error:
        said = str(error)
    except OSError as error:
        if error.errno not in _OF_THE_MACHINE:
            raise
        said = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
    else:
        return
    if os.environ.get("RANK", "0") == "0":
        print(f"error: {one_line(without_own_secrets(said))}", file=sys.stderr)
    raise SystemExit(2) from None
