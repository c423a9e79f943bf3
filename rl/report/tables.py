"""The before/after table, for a terminal and for a page."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from rl.report.arms import Arm, arms_of
from rl.run_folder import RunFolder
from rl.statistics import Estimate, paired_difference

HEADINGS = ("", "accuracy", "tokens", "change", "cut", "Δ accuracy ± s.e.")


def table_rows(arms: Sequence[Arm]) -> list[tuple[str, ...]]:
    """One row an arm, cells as text; means with their 95 % intervals, differences against the first arm."""
    first = arms[0]
    rows: list[tuple[str, ...]] = []
    for arm in arms:
        tokens, base = arm.evaluation.tokens(), first.evaluation.tokens()
        rows.append(
            (
                arm.label,
                _interval(arm.evaluation.accuracy(), 100, "%"),
                _interval(tokens, 1, ""),
                "" if arm is first else f"{tokens.mean / base.mean - 1:+.0%}",
                f"{arm.evaluation.truncated().mean:.1%}",
                "" if arm is first else _difference(first, arm),
            )
        )
    return rows


def accuracy_difference(before: Arm, after: Arm) -> tuple[float, float]:
    """Mean paired difference in accuracy over problems that both could be judged on, and its standard error."""
    base = {row["problem_id"]: row["correct"] for row in before.evaluation.judged()}
    pairs = [(base[r["problem_id"]], r["correct"]) for r in after.evaluation.judged() if r["problem_id"] in base]
    return paired_difference([b for b, _ in pairs], [a for _, a in pairs])


def _difference(before: Arm, after: Arm) -> str:
    mean, error = accuracy_difference(before, after)
    return f"{100 * mean:+.1f} ± {100 * error:.1f}"


def _interval(estimate: Estimate, factor: float, unit: str) -> str:
    low, high = factor * estimate.low, factor * estimate.high
    return f"{factor * estimate.mean:.1f}{unit} [{low:.1f}, {high:.1f}]"


def print_table(arms: Sequence[Arm], title: str) -> None:
    table = Table(title=title, caption=f"{len(arms[0].evaluation.rows)} held-out problems; 95 % bootstrap intervals")
    for heading in HEADINGS:
        table.add_column(heading)
    for row in table_rows(arms):
        table.add_row(*row)
    Console().print(table)


def print_run(run: RunFolder) -> None:
    """Before and after, where the run was evaluated, and where its report lies."""
    if run.evaluation("after").is_file():
        print_table(arms_of([("after", run)]), run.path.name)
        print(f"report: {run.report / 'index.html'}")
    print(f"model:  {run.final}")
