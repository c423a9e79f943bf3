"""One self-contained page: styles, script and data inside it, and nothing that it could load from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rl.report.page import settings
from rl.report.page.charts import Figure
from rl.report.page.examples import ROLLOUTS, Example
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
    """The page as HTML. Its policy lets only the script and the styles in it run, by their hashes."""
    style, script = _read("page.css"), _read("charts.js") + _read("page.js")
    runs = comparison.runs
    rows = settings.table([run.recipe for run in runs])
    differing = settings.differing(rows)
    environment = Environment(
        loader=PackageLoader("rl.report.page", "."), autoescape=True, trim_blocks=True, undefined=StrictUndefined
    )
    return environment.get_template("page.html").render(
        policy=Markup(f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; base-uri 'none'"),
        style=Markup(style),
        script=Markup(script),
        data=Markup(
            embedded({"runs": [run.label for run in runs], "figures": list(map(asdict, figures)), "examples": found})
        ),
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
        protocol_rows=[
            (key, settings.shown(value)) for key, value in settings.flatten(comparison.protocol.to_dict()).items()
        ],
        version=_version(),
    )


def embedded(values: Any) -> str:
    """JSON that can stand in a script element whatever is in it: no `<`, and null where a number is none."""
    return json.dumps(finite(values), ensure_ascii=True, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def finite(values: Any) -> Any:
    """The same values with None for every NaN and infinity, which JSON does not know."""
    if isinstance(values, Mapping):
        return {key: finite(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [finite(value) for value in values]
    return None if isinstance(values, float) and not math.isfinite(values) else values


def _shown(comparison: Comparison, found: list[Example]) -> str:
    """What of the answers the page holds, and what it leaves out."""
    held_out = sum(example["where"] == "held-out" for example in found)
    trained = len(found) - held_out
    told = (
        f"{held_out} of the {len(comparison.problems)} held-out problems, at even steps through all of "
        "them sorted by how much the length changed, so nobody picked them; of each model the first sample. "
    )
    if trained:
        told += (
            f"{trained} training problems that most of the runs met, with up to {ROLLOUTS} rollouts of the first and "
            "of the last round that had them. "
        )
    return told + "What is not shown lies in the run folders; very long texts lose their middle."


def _read(name: str) -> str:
    return resources.files("rl.report.page").joinpath(name).read_text()


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("lengthwise")
    except PackageNotFoundError:
        return "from source"
