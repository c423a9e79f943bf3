"""What a check has found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "FAIL", "not here"]

GIB = 2**30
ELSE = "mend what is said above; else report this line"
"""The remedy for what no check foresaw."""


@dataclass(frozen=True)
class Finding:
    """One line: how it is, what it is, and what to do about it where something is to be done."""

    status: Status
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.status:<8}  {self.what}" + (f"; {self.remedy}" if self.remedy else "")


def ok(what: str) -> Finding:
    return Finding("ok", what)


def warn(what: str, remedy: str) -> Finding:
    return Finding("warn", what, remedy)


def fail(what: str, remedy: str) -> Finding:
    return Finding("FAIL", what, remedy)


def absent(what: str) -> Finding:
    """Something that this machine does not have, and need not."""
    return Finding("not here", what)


def or_ok(findings: Iterable[Finding], what: str) -> list[Finding]:
    """The findings, or that there are none."""
    return list(findings) or [ok(what)]


def size(count: float) -> str:
    """Bytes in words."""
    for unit, bytes_ in (("GiB", GIB), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= bytes_:
            return f"{count / bytes_:.1f} {unit}"
    return f"{count:.0f} bytes"
