"""Write a report folder: index.html (self-contained), the plots as PNG, summary.json."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from jinja2 import Environment, PackageLoader

from rl.report.arms import Arm, arms_of
from rl.report.plots import PLOTS, STYLE
from rl.report.tables import HEADINGS, table_rows
from rl.run_folder import RunFolder, read_metrics, write_text

EXAMPLES = 3


def write_run_report(run: RunFolder) -> None:
    """The report of one run; its summary.json, written last, marks the run as finished."""
    summary: dict[str, Any] = {"name": run.path.name}
    if run.evaluation("after").is_file():
        arms = arms_of([("after", run)])
        write_page(run.report, arms, f"Run {run.path.name}", run.recipe.read_text())
        summary |= {arm.label: arm.evaluation.summary() for arm in arms}
    lines = read_metrics(run.metrics)
    summary["steps"] = lines[-1]["step"] if lines else 0
    summary["training_seconds"] = sum(line.get("step_time") or 0.0 for line in lines)
    write_text(run.summary, json.dumps(summary, indent=2))


def write_comparison(runs: Sequence[RunFolder], out: Path) -> list[Arm]:
    """One report over several finished runs, labelled by their folders' names."""
    arms = arms_of([(run.path.name, run) for run in runs])
    recipes = "\n".join(f"# {run.path.name}\n{run.recipe.read_text()}" for run in runs)
    write_page(out, arms, "Comparison of runs", recipes)
    write_text(out / "summary.json", json.dumps({a.label: a.evaluation.summary() for a in arms}, indent=2))
    return arms


def write_page(folder: Path, arms: Sequence[Arm], title: str, recipe: str, verdict: str = "") -> None:
    """index.html with everything inside it, and each plot beside it as a PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    images = {}
    with plt.rc_context(STYLE):
        for name, draw in PLOTS.items():
            figure = draw(arms)
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png", dpi=160)
            plt.close(figure)
            (folder / f"{name}.png").write_bytes(buffer.getvalue())
            images[name] = base64.b64encode(buffer.getvalue()).decode()
    environment = Environment(loader=PackageLoader("rl.report", "."), autoescape=True, trim_blocks=True)
    page = environment.get_template("page.html").render(
        title=title,
        verdict=verdict,
        headings=HEADINGS,
        rows=[(arm.color, row) for arm, row in zip(arms, table_rows(arms), strict=True)],
        images=images,
        examples=examples(arms),
        problems=len(arms[0].evaluation.rows),
        recipe=recipe,
    )
    write_text(folder / "index.html", page)


def examples(arms: Sequence[Arm]) -> list[dict[str, Any]]:
    """A few problems with every arm's answer: spread evenly over how far the length fell.

    They are quantiles of the change from the first arm to the second, so nobody picked them.
    """
    answers = [{row["problem_id"]: row for row in arm.evaluation.rows} for arm in arms]
    shared = sorted(set.intersection(*map(set, answers)))
    first, second = answers[0], answers[min(1, len(answers) - 1)]
    shared.sort(key=lambda key: second[key]["length"] - first[key]["length"])
    picked = [shared[round((i + 1) * (len(shared) - 1) / (EXAMPLES + 1))] for i in range(EXAMPLES)] if shared else []
    return [
        {
            "prompt": first[key]["prompt"],
            "answer": first[key]["answer"],
            "answers": [(arm, rows[key]) for arm, rows in zip(arms, answers, strict=True)],
        }
        for key in dict.fromkeys(picked)
    ]
