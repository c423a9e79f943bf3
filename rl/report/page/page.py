"""The page of runs side by side."""

from __future__ import annotations

from dataclasses import asdict

from rl.report.page import settings
from rl.report.page.charts import Figure
from rl.report.page.document import document
from rl.report.page.examples import ROLLOUTS, Example
from rl.report.page.made import made
from rl.report.runs import Comparison
from rl.report.tables import HEADINGS, table_rows

NAV = {
    "results": "Results",
    "held-out": "Lengths",
    "training": "Training",
    "settings": "Settings",
    "answers": "Answers",
    "protocol": "Protocol",
}


def render(
    comparison: Comparison,
    figures: list[Figure],
    found: list[Example],
    title: str,
    verdict: str = "",
) -> str:
    """The page as HTML."""
    runs = comparison.runs
    rows = settings.table([run.recipe for run in runs])
    differing = settings.differing(rows)
    return document(
        "rl.report.page",
        "page.js",
        {"runs": [run.label for run in runs], "figures": list(map(asdict, figures)), "examples": found},
        title=title,
        verdict=verdict,
        nav={key: name for key, name in NAV.items() if key != "answers" or found}.items(),
        ends=comparison.ends(),
        problems=len(comparison.problems),
        protocol=comparison.protocol_line,
        warnings=comparison.warnings,
        headings=HEADINGS,
        rows=[(m, row) for m, row in zip(comparison.models, table_rows(comparison), strict=True)],
        reference=f"{comparison.reference:g}",
        checkpoints=any(run.checkpoints for run in runs),
        labels=[run.label for run in runs],
        settings=rows,
        differing=differing,
        same=len(rows) - len(differing),
        shown=_shown(comparison, found),
        made=made(runs),
        protocol_rows=[
            (key, settings.shown(value)) for key, value in settings.flatten(comparison.protocol.to_dict()).items()
        ],
    )


def _shown(comparison: Comparison, found: list[Example]) -> str:
    """What of the answers the page holds, and what it leaves out."""
    held_out = sum(example["where"] == "held-out" for example in found)
    trained = len(found) - held_out
    told = (
        f"{held_out} of the {len(comparison.problems)} held-out problems, chosen by rule from the first model to the "
        "second: one that was gained (more often right than before), one that was lost, one that is always right and "
        "shorter, where there are such, each the middle one of its kind by the change of length; then at even steps "
        "through all others sorted by that change. Of each model the first sample. "
    )
    if trained:
        told += (
            f"{trained} training problems that most of the runs met, with up to {ROLLOUTS} rollouts of the first and "
            "of the last round that had them. "
        )
    return told + "What is not shown lies in the run folders; very long texts lose their middle."
