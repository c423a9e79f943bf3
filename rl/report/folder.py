"""Report folders: one run's, written where it trained, and a comparison's, which is there whole or not at all."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rl.errors import UserError
from rl.folders.run import RunFolder, write_text
from rl.folders.written import files_below, require_own
from rl.report.page.dial import table
from rl.report.page.document import finite
from rl.report.page.examples import examples
from rl.report.page.figures import figures
from rl.report.page.page import render
from rl.report.published import Published
from rl.report.runs import Comparison, compare_runs, read_run
from rl.report.tables import numbers, print_table
from rl.scratch import Scratch
from rl.terminal import say

PROBLEMS = 40
"""Held-out problems that a page shows in full, unless told otherwise."""
PAGE, SUMMARY, PLOTS = "index.html", "summary.json", "plots"
DIAL = f"{PLOTS}/dial.csv"


def write_page(comparison: Comparison, folder: Path, title: str, verdict: str = "") -> None:
    """index.html with everything inside it."""
    page = render(comparison, figures(comparison, None), examples(comparison, PROBLEMS), title, verdict)
    write_text(folder / PAGE, page)


def write_run_report(run: RunFolder) -> None:
    """The report of one run; its summary.json, written last, marks the run as finished."""
    summary: dict[str, Any] = {"name": run.path.name}
    if run.evaluation("after").is_file():
        comparison = compare_runs([read_run(run, run.path.name)], mixed=True)
        write_page(comparison, run.report, f"Run {run.path.name}")
        (read,) = comparison.runs
        summary |= {"before": read.before.summary()} if read.before else {}
        summary |= {"after": read.after.summary()}
    lines = run.logged()
    summary["steps"] = lines[-1]["step"] if lines else 0
    summary["training_seconds"] = sum(line.get("step_time") or 0.0 for line in lines)
    write_text(run.summary, json.dumps(summary, indent=2))


def write_diverged(run: RunFolder, step: int, metric: str, line: str) -> None:
    """Say in the summary and among the alarms why a run ended early: it is not finished."""
    lines = run.logged()
    summary = {
        "name": run.path.name,
        "steps": lines[-1]["step"] if lines else 0,
        "training_seconds": sum(each.get("step_time") or 0.0 for each in lines),
        "diverged": {"step": step, "metric": metric, "what": line},
    }
    run.write_alarm(step, line)
    write_text(run.summary, json.dumps(summary, indent=2))


def write_comparison(comparison: Comparison, out: Path, problems: int, published: Published | None = None) -> None:
    """A comparison's folder: the page, plots/ for papers, summary.json. Errors: UserError."""
    from rl.report.plots import save_plots

    out = out.absolute()  # `.` has no name
    check_out(out)
    drawn = figures(comparison, published)
    page = render(comparison, drawn, examples(comparison, problems), "Comparison of runs")
    try:
        with _whole(out) as folder:
            write_text(folder / PAGE, page)
            save_plots(drawn, folder / PLOTS, comparison.protocol_line)
            if any(figure.name == "dial" for figure in drawn):
                write_text(folder / DIAL, table(comparison))
            write_text(folder / SUMMARY, json.dumps(finite(numbers(comparison)), indent=2))
    except OSError as error:
        raise UserError(f"cannot write {out}: {error.strerror or error}") from error


def check_out(out: Path) -> None:
    """Refuse a place that holds anything but an earlier comparison. Errors: UserError."""
    if any(place.exists() and not place.is_dir() for place in out.parents):
        raise UserError(f"cannot write {out}: Not a directory")
    if not out.exists():
        return
    if not out.is_dir():
        raise UserError(f"{out} is a file; give --out a folder")
    if not any(out.iterdir()):
        return
    if not _is_comparison(out):
        raise UserError(f"{out} holds something else than a comparison; choose another --out")
    page = (out / PAGE).read_text(errors="replace")
    drawn = {PLOTS + f"/{name}.{kind}" for name in re.findall(r'"name":"([\w-]+)"', page) for kind in ("png", "svg")}
    known = {PAGE, SUMMARY, DIAL, *drawn}
    require_own(out, [p for p in files_below(out) if p.relative_to(out).as_posix() not in known], "a comparison")


def _is_comparison(folder: Path) -> bool:
    try:
        said = json.loads((folder / SUMMARY).read_text())
    except (OSError, ValueError):
        return False
    return isinstance(said, dict) and {"schema", "models", "hypervolume"} <= set(said) and (folder / PAGE).is_file()


@contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """A folder to write into, which takes the place of `out` at the end, or leaves no trace."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with Scratch(f".{out.name}", out.parent) as beside:
        new, old = beside / "new", beside / "old"
        new.mkdir()
        yield new
        check_out(out)  # again: that was minutes ago
        if out.exists():
            out.rename(old)
        try:
            new.rename(out)
        except BaseException:
            if old.exists():
                old.rename(out)
            raise


def print_run(run: RunFolder) -> None:
    """Before and after, where the run was evaluated, and where its report lies."""
    if run.evaluation("after").is_file():
        print_table(compare_runs([read_run(run, run.path.name, rollouts=False)], mixed=True), run.path.name)
        say(f"report: {run.report / PAGE}")
    say(f"model:  {run.final}")
