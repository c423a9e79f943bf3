"""How a user's mistake reaches the user: one line, exit code 2, nothing written."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable
from difflib import get_close_matches

_REFUSED = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}
_SAID = re.compile(
    r"No space left on device|File too large|Disk quota exceeded|PytorchStreamWriter failed writing file"
)
"""What libraries say whose errors are no OSError: safetensors, torch, pyarrow."""
_LONGEST = 1000
"""Characters of a line: less than a terminal's screen."""
_LONGEST_WORD = 200


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


def not_written(error: BaseException) -> str | None:
    """Which write the system refused, where that is what an error, or one behind it, says: a full disk, a limit."""
    behind: BaseException | None = error
    while behind is not None:
        if isinstance(behind, OSError) and behind.errno in _REFUSED:
            where = behind.filename2 or behind.filename
            return f"cannot write{f' {where}' if where else ''}: {os.strerror(behind.errno)}"
        behind = behind.__cause__ or behind.__context__
    said = _SAID.search(str(error))
    return f"cannot write: {said[0]}" if said else None
