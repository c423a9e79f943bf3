"""What else reproduces a release: exact versions of the packages, and checksums of the files."""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path

from rl.errors import UserError
from rl.installed import installed

LOCK, SUMS = "requirements.lock", "SHA256SUMS"
PACKAGES = (
    *("accelerate", "datasets", "lengthwise", "math-verify", "numpy", "peft", "safetensors", "tokenizers", "torch"),
    *("transformers", "trl", "deepspeed", "flash-attn", "vllm"),
)
"""What training, sampling and judging depend on."""


def lock() -> str:
    """Those of the packages that are installed, in exact versions, for `pip install -r`."""
    lines = [f"# Python {platform.python_version()}"]
    for name in PACKAGES:
        public, _, local = (installed(name) or "").partition("+")
        if public:
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
