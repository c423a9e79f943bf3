"""The last look at what is about to leave the machine: every text of a folder, and every name in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from rl.errors import UserError
from rl.secrecy.forms import holds_secret, is_secret_name, without_own_secrets

_NAMED = {".md", ".json", ".yaml", ".yml", ".lock"}
"""Files in which a value stands beside its key."""
_TEXT = {*_NAMED, ".txt", ".jsonl", ".py", ".jinja", ".html", ".csv", ".svg", ""}
_VOCABULARY = {"tokenizer.json", "vocab.json", "merges.txt", "vocab.txt", "SHA256SUMS"}
"""Thousands of odd texts, none of which anybody wrote: there only the environment's own values are looked for."""
_PAIR = re.compile(r"[\"']?([A-Za-z_][\w.-]{1,60})[\"']?\s*[:=]\s*[\"']?([^\s\"',;{}\[\]]{4,})")
_NOTHING = {"null", "none", "true", "false"}


def require_nothing_secret(folder: Path) -> None:
    """Errors: UserError naming a file with a secret in it and the line, not the secret; also for a link."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise UserError(f"{folder}: {name} is a link, and what it leads to would be uploaded; put a file there")
        if path.is_file() and path.suffix.lower() in _TEXT:
            for number in _lines(path):
                raise UserError(f"{folder}: {name} holds what looks like a secret in line {number}; nothing goes out")


def _lines(path: Path) -> Iterator[int]:
    """The numbers of the lines with a secret."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if without_own_secrets(line) != line or (path.name not in _VOCABULARY and _holds(line, path)):
                yield number


def _holds(line: str, path: Path) -> bool:
    pairs = _PAIR.findall(line) if path.suffix.lower() in _NAMED else []
    return holds_secret(line) or any(is_secret_name(key) for key, value in pairs if value.lower() not in _NOTHING)
