"""What the demo came to: one page over both runs, a table, and what happened in one sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rl.folders.run import RunFolder, write_text
from rl.report.answers import accuracy_difference
from rl.report.folder import PAGE, SUMMARY, write_page
from rl.report.runs import Run, compare_runs, read_run
from rl.report.tables import print_table
from rl.terminal import folded, say


def show(out: Path, method: str, runs: Mapping[str, RunFolder], seconds: float) -> dict[str, Any]:
    """Write the page of a finished demo into `out` and print its table; `runs`: the method's and the control's.

    Gives the summary; `seconds` is what training took.
    """
    comparison = compare_runs([read_run(run, label) for label, run in runs.items()])
    trained, control = comparison.runs
    summary = _summary(trained, control, method, seconds)
    text = verdict(summary)
    write_page(comparison, out / "report", "Thinking shorter: the demo", text)
    write_text(out / "report" / SUMMARY, json.dumps(summary, indent=2))
    print_table(comparison, f"demo, seed {trained.recipe['seed']}")
    say(folded(text, 0))
    say(f"report: {out / 'report' / PAGE}")
    return summary


def _summary(trained: Run, control: Run, method: str, seconds: float) -> dict[str, Any]:
    before = trained.before or trained.after
    difference, error = accuracy_difference(before, trained.after)
    return {
        "before": before.summary(),
        "after": trained.after.summary(),
        "control": control.after.summary(),
        "accuracy_difference": {"mean": difference, "standard_error": error},
        "method": method.removeprefix("demo-"),
        "steps": trained.steps,
        "seed": trained.recipe["seed"],
        "seconds": round(seconds, 1),
        "n": len(before.problems),
    }


def verdict(summary: Mapping[str, Any]) -> str:
    """What happened, in one sentence, whichever way it went."""
    before, after, control = (summary[key] for key in ("before", "after", "control"))
    change = after["mean_tokens"] / before["mean_tokens"] - 1
    control_change = control["mean_tokens"] / before["mean_tokens"] - 1
    points, error = (100 * summary["accuracy_difference"][key] for key in ("mean", "standard_error"))
    fell = "" if shortened(summary) else "Length did not fall. "
    return (
        f"{fell}{summary['method'].upper()}: {after['mean_tokens']:.1f} tokens instead of "
        f"{before['mean_tokens']:.1f} ({change:+.0%}), accuracy {after['accuracy']:.1%} instead of "
        f"{before['accuracy']:.1%} ({points:+.1f} ± {error:.1f} points). "
        f"Plain GRPO, same steps: {control['mean_tokens']:.1f} tokens ({control_change:+.0%}), "
        f"accuracy {control['accuracy']:.1%}."
    )


def shortened(summary: Mapping[str, Any]) -> bool:
    """Whether the method's answers are shorter than the untrained model's."""
    return bool(summary["after"]["mean_tokens"] < summary["before"]["mean_tokens"])
