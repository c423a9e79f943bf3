"""The one place through which everything printed goes: nothing in it steers the terminal, and no secret is in it.

Names, alarms, what servers say and what models write may hold anything: sequences that move the cursor, retitle the
window or turn the reading direction, and marks that rich would take for styles.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.segment import Segment
from rich.text import Text

from rl.errors import UserError, not_written, one_line
from rl.secrecy import clean

_STEERS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufff9-\ufffb]"
)
OURS = [Path(__file__).parent.parent / name for name in ("rl", "rewards", "curricula", "data_synth")]
"""Folders whose warnings are told in our own words."""
WIDE = 100
"""Columns of a terminal on which a bar has room beside figures and times."""
_NO_PLACE = {errno.ENAMETOOLONG, errno.ELOOP}
"""What the system says of a path that cannot be one."""


def printable(text: str) -> str:
    """`text` with each character that steers a terminal written out; lines and tabs stay."""
    return _STEERS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def say(line: object, error: bool = False) -> None:
    """Print lines, at once; to standard error where `error` says so."""
    print(printable(clean(str(line))), file=sys.stderr if error else sys.stdout, flush=True)


def folded(text: str, indent: int) -> str:
    """Lines as wide as the terminal, what goes on `indent` columns further right; in a file, say, as they are."""
    shown = console()
    if not shown.is_terminal:
        return text
    fold = textwrap.TextWrapper(
        shown.width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(fold.fill(line) for line in text.splitlines())


def flowing(text: str) -> str:
    """Text whose lines were broken for a file, broken for the terminal; a paragraph with indented lines stays."""
    if not console().is_terminal:
        return text
    blocks = re.split(r"\n(?=- |\n)|(?<=\n)\n", text)
    joined = [block if re.search(r"^ {3}", block, re.MULTILINE) else " ".join(block.split()) for block in blocks]
    return "\n".join(folded(block, 2 if block.startswith("- ") else 0) for block in joined)


class _Console(Console):
    """A console that takes texts as they are, and writes what would steer the terminal out."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(clean(text)), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)


def console(error: bool = False, width: int | None = None) -> Console:
    """Where tables, panels and bars go. A text is shown as it is: `exp[a]` and `[/]` are no marks."""
    # By its default rich goes on with what `os.environ` was when it was imported; `datasets` puts another in its place.
    now = os.environ
    return _Console(stderr=error, width=width, markup=False, emoji=False, highlight=False, _environ=now)


class TrainingProgress:
    """Runs and their latest figures: on a terminal a bar each, in a file, say, a line for each tenth of one."""

    def __init__(self) -> None:
        shown = console()
        bar = [BarColumn(bar_width=12)] if shown.width >= WIDE else []
        self._lines = not shown.is_terminal
        self._said: dict[TaskID, int] = {}
        self.bars = Progress(
            TextColumn("{task.description:.14}", markup=False),
            *bar,
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[figures]}", markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=shown,
            disable=self._lines,
        )

    def add(self, name: str, total: int, completed: int = 0, figures: str = "starting") -> TaskID:
        """A run of so many steps."""
        task = self.bars.add_task(name, total=total, completed=completed, figures=figures)
        self._say(task)
        return task

    def update(self, task: TaskID, completed: int, figures: str) -> None:
        """Say how far a run is."""
        self.bars.update(task, completed=completed, figures=figures)
        self._say(task)

    def _say(self, task: TaskID) -> None:
        run = next(each for each in self.bars.tasks if each.id == task)
        tenth = int(10 * run.completed // run.total) if run.total else 10
        if self._lines and tenth > self._said.get(task, -1):
            self._said[task] = tenth
            say(f"{run.description} {run.completed:.0f}/{run.total:.0f} {run.fields['figures']}")


@contextlib.contextmanager
def answers_progress(what: str, total: int, hidden: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar of answers on a terminal; gives what to call with how many more there are, and their tokens."""
    shown = console()
    columns = (TextColumn("{task.description:.14}", markup=False), BarColumn(bar_width=12))
    told = TextColumn("{task.completed:.0f}/{task.total:.0f} answers  {task.fields[tokens]:,} tokens")
    with Progress(*columns, told, TimeElapsedColumn(), console=shown, disable=hidden or not shown.is_terminal) as bar:
        task, tokens = bar.add_task(what, total=total, tokens=0), 0

        def advance(answers: int, more: int) -> None:
            nonlocal tokens
            tokens += more
            bar.update(task, advance=answers, tokens=tokens)

        yield advance


def figures(logs: dict[str, Any]) -> str:
    """The three numbers to watch, from one line of metrics."""
    return (
        f"reward {logs.get('reward') or 0.0:5.2f} accuracy {logs.get('accuracy') or 0.0:4.0%} "
        f"tokens {logs.get('length/mean') or 0.0:5.0f}"
    )


@contextlib.contextmanager
def plain_warnings() -> Iterator[None]:
    """Have warnings of this block go the same way: libraries' as they are, ours without the line that gave them."""
    before = warnings.formatwarning

    def plain(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
    ) -> str:
        ours = category is UserWarning and any(Path(filename).is_relative_to(folder) for folder in OURS)
        text = f"warning: {message}\n" if ours else before(message, category, filename, lineno, line)
        return printable(clean(text))

    warnings.formatwarning = plain
    try:
        yield
    finally:
        warnings.formatwarning = before


@contextlib.contextmanager
def user_errors_exit_2() -> Iterator[None]:
    """One line on standard error, from the first rank only, and exit code 2 on every rank."""
    try:
        yield
    except UserError as error:
        _tell(str(error), everywhere=False)
    except Exception as error:
        refused = not_written(error)
        if refused is not None:
            # Any rank's disk may be full, be it that of the first or not.
            what = f"{refused}; what was whole before is kept: make room, and give the same command again"
            _tell(what, everywhere=True)
        elif isinstance(error, OSError) and error.errno in _NO_PLACE:
            _tell(f"{error.filename}: {error.strerror}", everywhere=False)
        else:
            raise
    else:
        return
    raise SystemExit(2) from None


def _tell(line: str, everywhere: bool) -> None:
    if everywhere or os.environ.get("RANK", "0") == "0":
        with contextlib.suppress(OSError):  # the terminal's file may be on the full disk
            print(f"error: {one_line(clean(line))}", file=sys.stderr, flush=True)
