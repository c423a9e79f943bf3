"""What else reproduces a release: exact versions of the packages, and checksums of the files."""

from __future__ import annotations

import hashlib
import platform
import re
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from rl.errors import UserError

LOCK, SUMS = "requirements.lock", "SHA256SUMS"
OPTIONAL = ("vllm", "deepspeed", "flash-attn")


def lock() -> str:
    """The packages that lengthwise builds on as they are installed here, for `pip install -r`."""
    direct = [re.split(r"[^\w.-]", line)[0] for line in requires("lengthwise") or [] if "extra ==" not in line]
    lines = [f"# Python {platform.python_version()}"]
    for name in sorted({"lengthwise", *direct, *OPTIONAL}):
        try:
            public, _, local = version(name).partition("+")
        except PackageNotFoundError:
            continue
        lines.append(f"{name}=={public}" + (f"  # {local}" if local else ""))
    return "\n".join(lines) + "\n"


def write_sums(folder: Path) -> None:
    """SHA256SUMS over everything in a folder, as `sha256sum -c` reads it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SUMS)
    lines = [f"{_sum(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / SUMS).write_text("".join(lines))


def require_whole(folder: Path) -> None:
    """Errors: UserError when a folder is no release, or a file of it is not as it was."""
    if not (folder / SUMS).is_file():
        raise UserError(f"{folder} is not a released folder: it has no {SUMS}")
    lines = {name: known for known, _, name in (x.partition("  ") for x in (folder / SUMS).read_text().splitlines())}
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {SUMS}
    for name in sorted(there ^ set(lines)):
        raise UserError(f"{folder}: {name} {'is not in' if name in there else 'is missing, but in'} {SUMS}")
    for name, known in lines.items():
        if _sum(folder / name) != known:
            raise UserError(f"{folder}: {name} has changed since it was released")


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
