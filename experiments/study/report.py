"""The report of a study: tables, a figure, and sentences that follow from the numbers, as Markdown and as a page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

import matplotlib.pyplot as plt
from jinja2 import Template
from markdown_it import MarkdownIt

from experiments.study.claims import read_claims
from experiments.study.contrasts import Difference
from experiments.study.grid import HERE, Grid
from experiments.study.measured import Measured
from experiments.study.plane import plane
from rl.folders.run import write_text
from rl.folders.written import require_same_kind
from rl.report.plots import STYLE

EQUAL = 1.0
"""Points of accuracy within which two arms count as equally accurate."""


def write_report(grid: Grid, folder: Path) -> None:
    """REPORT.md, report.html, results.md and the figure in a folder, from the result files there.

    Errors: UserError where a file of one of these names is no earlier report.
    """
    template, heading = (HERE / "report.md.j2").read_text(), "# Results of the study\n"
    require_same_kind(folder / "REPORT.md", template.partition("\n")[0])
    require_same_kind(folder / "results.md", heading)
    require_same_kind(folder / "report.html", (HERE / "page.html.j2").read_text().partition("{{")[0])
    measured = Measured.read(grid, folder)
    folder.mkdir(parents=True, exist_ok=True)
    if measured.arms:
        draw(measured, folder)
    text = Template(template, trim_blocks=True, lstrip_blocks=True).render(
        grid=grid,
        measured=measured,
        runs=len(grid.runs()),
        results=results_table(measured),
        compute=compute_table(measured),
        separation=separation(measured),
        findings=[claim.found(measured) for claim in read_claims(HERE / grid.claims)],
        hours=sum(r.cpu_seconds or 0.0 for runs in measured.results.values() for r in runs) / 3600,
    )
    write_text(folder / "results.md", f"{heading}\n{results_table(measured)}\n")
    write_text(folder / "REPORT.md", text)
    write_text(folder / "report.html", page(text, folder))


def results_table(measured: Measured) -> str:
    """One line an arm: means over seeds and problems, ± the standard error over seeds and problems."""
    caps = [*measured.grid.caps]
    head = ["arm", "seeds", "accuracy (%)", "tokens", *(f"at {cap} (%)" for cap in caps), "harder (%)", "tokens there"]
    lines = [_row(head), _row(["---"] * len(head))]
    for arm in measured.arms:
        cells = [measured.label(arm), str(len(measured.results[arm]))]
        cells += [_plain(measured.mean(arm, metric)) for metric in ("accuracy", "tokens")]
        cells += [f"{measured.mean(arm, 'accuracy', cap=cap).mean:.1f}" for cap in caps]
        cells += [_plain(measured.mean(arm, metric, "harder")) for metric in ("accuracy", "tokens")]
        lines.append(_row(cells))
    return "\n".join(lines)


def compute_table(measured: Measured) -> str:
    """What an arm's training took, means over its seeds."""
    lines = [_row(["arm", "rollouts", "tokens sampled", "tokens held by clipping (%)", "CPU s"]), _row(["---"] * 5)]
    for arm in measured.arms:
        runs = measured.results[arm]
        seconds = [run.cpu_seconds for run in runs if run.cpu_seconds is not None]
        lines.append(
            _row(
                [
                    measured.label(arm),
                    f"{_mean([run.rollouts for run in runs]):,.0f}",
                    f"{_mean([run.sampled_tokens for run in runs]):,.0f}",
                    f"{100 * _mean([run.clipped for run in runs]):.3f}",
                    f"{_mean(seconds):.0f}" if seconds else "interrupted",
                ]
            )
        )
    return "\n".join(lines)


def separation(measured: Measured) -> tuple[str, str, Difference] | None:
    """Of arms that are equally accurate, the two whose lengths lie apart most clearly: longer, shorter, and the gap."""
    trained = [arm for arm in measured.arms if measured.grid.all_arms()[arm].trained]
    accuracy = {arm: measured.mean(arm, "accuracy").mean for arm in trained}
    pairs = [(a, b) for a in trained for b in trained if abs(accuracy[a] - accuracy[b]) <= EQUAL]
    found = [(a, b, measured.difference([a], [b], "tokens")) for a, b in pairs if a != b]
    known = [(a, b, gap) for a, b, gap in found if gap is not None and gap.error > 0]
    return max(known, key=lambda each: each[2].mean / each[2].error, default=None)


def draw(measured: Measured, folder: Path) -> None:
    """Accuracy against tokens, as `plane` draws it."""
    arms = measured.arms
    places = {measured.label(arm): (measured.mean(arm, "tokens"), measured.mean(arm, "accuracy")) for arm in arms}
    with plt.rc_context(STYLE):
        drawn = plane(places)
        drawn.savefig(folder / "pareto.png", dpi=160)
        drawn.savefig(folder / "pareto.svg", metadata={"Date": None})
        plt.close(drawn)


def page(text: str, folder: Path) -> str:
    """The report as one HTML file, the figure inside."""
    body = MarkdownIt("commonmark").enable("table").render(text)
    figure = folder / "pareto.svg"
    if figure.is_file():
        drawing = figure.read_text()
        body = body.replace('<img src="pareto.png"', f'{drawing[drawing.index("<svg") :]}<img hidden src="data:,"')
    title = escape(text.splitlines()[0].removeprefix("# "))
    return str(Template((HERE / "page.html.j2").read_text()).render(title=title, body=body))


def _plain(estimate: Difference) -> str:
    return f"{estimate.mean:.1f} ± {estimate.error:.1f}"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
