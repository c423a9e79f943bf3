"""How the attacks are played: a command in this process, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_runs import RECIPE

from rl.cli import run_command


@dataclass(frozen=True)
class Played:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err

    @property
    def refusal(self) -> str:
        """The one line of a command that was refused."""
        assert self.code == 2, self
        (line,) = self.err.splitlines()
        assert line.startswith("error: "), line
        return line


def play(capfd: pytest.CaptureFixture[str], *arguments: str) -> Played:
    capfd.readouterr()
    with pytest.raises(SystemExit) as stop:
        run_command([str(each) for each in arguments])
    printed = capfd.readouterr()
    return Played(int(stop.value.code or 0), printed.out, printed.err)


def recipe_file(folder: Path, **parts: Any) -> str:
    """A small recipe with these parts in place of its own."""
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({**RECIPE, **parts}))
    return str(path)
