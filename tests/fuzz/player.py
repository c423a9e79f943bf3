"""Plays drawn commands in this process, and says of each whether it ended as it should."""

from __future__ import annotations

import contextlib
import io
import random
import re
import shutil
import signal
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import rl
from fuzz.damage import options, spoil
from fuzz.plays import PLAYS, Play
from rl.cli import run_command

SECONDS = 30
"""Of processor time that a play may take; hardly any takes one."""
LONGEST = 1920
"""Characters of an error's line: a screen of 24 lines."""
ROOT = Path(rl.__file__).parents[1]
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Hang(BaseException):
    """A play that does not end."""


@dataclass(frozen=True)
class Fault:
    """A play that ended as none should."""

    play: str
    number: int
    what: str
    where: str
    line: str

    def __str__(self) -> str:
        return f"play {self.number}: {self.play}: {self.what}\n    {self.line[:200]}\n    {self.where}"


def sound(folder: Path) -> Iterator[Fault]:
    """The command lines that do not even end well with nothing damaged."""
    for line in dict.fromkeys(play.line for play in PLAYS if play.file):
        _empty(folder / "out")
        how, said, where = _end(line.split())
        if how != "0":
            yield Fault(f"undamaged {line.split()[0]}", -1, how, where or said, line)


def play_all(folder: Path, seed: int, first: int, last: int) -> Iterator[tuple[str, Fault | None]]:
    """How each ends: `well`, `refused`, or a fault. The folder has the seeds, and is the working directory."""
    weights = [play.weight for play in PLAYS]
    for number in range(first, last):
        draw = random.Random(f"{seed} {number}")
        (play,) = draw.choices(PLAYS, weights)
        yield _played(folder, play, number, draw)


def _played(folder: Path, play: Play, number: int, draw: random.Random) -> tuple[str, Fault | None]:
    line = [options(draw).join(word.split("?")) if "?" in word else word for word in play.line.split()]
    out = folder / "out"
    _empty(out)
    with _spoilt(folder / play.file if play.file else None, draw):
        how, said, where = _end(line)
    fault = fault_of(how, said, sorted(str(path) for path in out.rglob("*") if path.is_file()))
    if fault is None:
        return ("well" if how != "2" else "refused"), None
    return "fault", Fault(play.name, number, fault, where or said[-500:], " ".join(line))


def _empty(out: Path) -> None:
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()


@contextlib.contextmanager
def _spoilt(path: Path | None, draw: random.Random) -> Iterator[None]:
    if path is None:
        yield
        return
    before = path.read_bytes()
    how = draw.random()
    path.unlink()
    if how < 0.02:
        path.mkdir()
    elif how < 0.04:
        path.symlink_to("/dev/zero")
    elif how < 0.06:
        path.symlink_to(path.name)
    elif how > 0.08:
        path.write_bytes(before)
        path.write_bytes(spoil(path, draw))
    try:
        yield
    finally:
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        path.unlink(missing_ok=True)
        path.write_bytes(before)


def _end(line: list[str]) -> tuple[str, str, str]:
    """How a command ended: its exit code or exception; what it said; where it failed."""

    def ring(*_: object) -> None:
        raise Hang

    said = io.StringIO()
    signal.signal(signal.SIGVTALRM, ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    where = ""
    try:
        with (
            contextlib.redirect_stderr(said),
            contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO(), encoding="utf-8")),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            run_command(line)
        how = "0"
    except SystemExit as stop:
        how = str(stop.code or 0)
    except BaseException as error:  # what no command should let out
        how = type(error).__name__
        frames = traceback.extract_tb(error.__traceback__)
        ours = [
            f"{Path(f.filename).name}:{f.lineno}"
            for f in frames
            if Path(f.filename).is_relative_to(ROOT) and "site-packages" not in f.filename
        ]
        where = f"{str(error)[:200]} · {' < '.join(reversed(ours[-4:]))}"
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return how, said.getvalue(), where


def fault_of(how: str, said: str, left: list[str]) -> str | None:
    """What is wrong with an end: its exit code or exception, what it said, the files it left."""
    if how in ("0", "1"):
        return None
    if how != "2":
        return how
    lines = said.rstrip("\n").split("\n")
    if len(lines) != 1 or not lines[0].startswith("error: "):
        return f"{len(lines)} lines on standard error"
    if len(lines[0]) > LONGEST:
        return f"a line of {len(lines[0])} characters"
    if CONTROL.search(lines[0]):
        return "control characters"
    return f"left {left}" if left else None
