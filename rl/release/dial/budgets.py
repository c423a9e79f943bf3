"""`budgets.json`: what a released model gives at which budget of thinking, for programs to read.

| key | |
|---|---|
| `schema` | 1 |
| `model` | `name` as it was measured, and `weights`: the SHA-256 of each file of weights beside it |
| `protocol` | what the figures depend on, as `lengthwise evaluate --json` writes it |
| `end` | the text that ends thinking |
| `closing` | `name` and `text` of what is forced where thinking has used up its budget, and `fresh_line` |
| `answer_tokens` | the most tokens after the end of thinking, or after the closing |
| `stated` | where prompts state the budget: how thinking that nothing closes keeps to it, as an evaluation has it |
| `budgets` | by tokens: `accuracy`, `tokens` (`thinking`, `answer`, `all`), `forced`, `unfinished`, `effort` |

Accuracy and tokens have `mean`, `low` and `high`, the bounds those of a 95 % interval over problems. `forced` is the
share of answers whose thinking was closed, `unfinished` that of answers that were cut, `effort` the budget's name, if
it has one. With `fresh_line`, a newline
that a closing begins with is left out after a thought that ends with one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rl.digests import digests
from rl.errors import UserError
from rl.evaluation.figures.summary import SCHEMA_VERSION
from rl.reading import object_of
from rl.release.public import public

FILE = "budgets.json"
SCHEMA = 1
PARTS = ("thinking", "answer", "all")


@dataclass(frozen=True)
class Budgets:
    """A model's figures at several budgets of thinking."""

    model: str
    protocol: Mapping[str, Any]
    end: str
    closing: Mapping[str, Any]
    answer: int
    points: Mapping[int, Mapping[str, Any]]
    """By tokens of thinking, ascending."""
    kept: Mapping[str, Any] | None = None
    """How thinking keeps to a stated budget, where prompts state one."""

    @property
    def stated(self) -> str | None:
        """The user's turn with `{budget}` in it, where prompts state the budget."""
        text = self.protocol.get("budget_text")
        return text if text and ("{budget}" in text or "{effort}" in text) else None

    def written(self, folder: Path) -> dict[str, Any]:
        """As JSON, for the weights that lie in `folder`."""
        weights = sorted(folder.glob("*.safetensors"))
        known = digests(weights)
        return {
            "schema": SCHEMA,
            "model": {"name": self.model, "weights": {path.name: known[path] for path in weights}},
            "protocol": dict(self.protocol),
            "end": self.end,
            "closing": dict(self.closing),
            "answer_tokens": self.answer,
            **({"stated": dict(self.kept)} if self.kept else {}),
            "budgets": {str(budget): dict(point) for budget, point in self.points.items()},
        }

    def rows(self) -> list[tuple[str, ...]]:
        """For the card: budget, accuracy and tokens with their intervals, shares, all as text."""
        return [
            (
                f"{budget} ({point['effort']})" if point.get("effort") else f"{budget}",
                _interval(point["accuracy"], 100),
                *(_interval(point["tokens"][part], 1) for part in PARTS),
                f"{100 * point['forced']:.1f}",
                f"{100 * point['unfinished']:.1f}",
            )
            for budget, point in self.points.items()
        ]


def of_file(path: Path) -> Budgets:
    """From what `lengthwise evaluate --force-at … --json` wrote. Errors: UserError."""
    found = object_of(path)
    if found.get("schema") != SCHEMA_VERSION:
        raise UserError(f"{path} is not what this version's lengthwise evaluate --json writes")
    if not found.get("forced"):
        raise UserError(
            f"{path} has no figures of thinking closed at budgets: make them by lengthwise evaluate --force-at "
            f"512,1024,2048 --json {path.name}"
        )
    try:
        return _read(public(found))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(
            f"{path}: its figures of forced answers are not what lengthwise evaluate --json writes"
        ) from None


def _read(found: Mapping[str, Any]) -> Budgets:
    """The one place that knows how an evaluation writes what it forced."""
    forced, protocol = found["forced"], found["protocol"]
    closing = forced["closing"]
    points = {int(budget): _point(point) for budget, point in forced["budgets"].items()}
    if not points or not all(isinstance(each, str) for each in (found["model"], forced["end"])):
        raise ValueError("nothing was forced")
    return Budgets(
        model=found["model"],
        protocol={name: value for name, value in protocol.items() if name != "forced"},
        end=forced["end"],
        closing={**{name: str(closing[name]) for name in ("name", "text")}, "fresh_line": bool(closing["fresh_line"])},
        answer=int(forced["answer"]),
        points=dict(sorted(points.items())),
        kept=forced.get("stated"),
    )


def _point(point: Mapping[str, Any]) -> dict[str, Any]:
    named = {"effort": str(point["effort"])} if point.get("effort") else {}
    return named | {
        "accuracy": _bounds(point["accuracy"]),
        "tokens": {part: _bounds(point["tokens"][part]) for part in PARTS},
        "forced": _share(point["forced"]),
        "unfinished": _share(point["unfinished"]),
    }


def _bounds(estimate: Mapping[str, Any]) -> dict[str, float | None]:
    """None where nothing could be judged."""
    return {name: None if estimate[name] is None else float(estimate[name]) for name in ("mean", "low", "high")}


def _share(value: Any) -> float:
    if not 0 <= float(value) <= 1:
        raise ValueError("no share")
    return float(value)


def _interval(estimate: Mapping[str, float | None], factor: float) -> str:
    mean, low, high = (estimate[name] for name in ("mean", "low", "high"))
    if mean is None or low is None or high is None:
        return "none judged"
    return f"{factor * mean:.1f} [{factor * low:.1f}, {factor * high:.1f}]"


def write(folder: Path, budgets: Budgets) -> None:
    """Into the folder of a release, whose weights are there: the figures, and what turns the dial."""
    text = json.dumps(budgets.written(folder), indent=2, ensure_ascii=False, allow_nan=False)
    (folder / FILE).write_text(text + "\n", encoding="utf-8")
    shipped = Path(__file__).with_name("thinking_budget.py")
    (folder / shipped.name).write_bytes(shipped.read_bytes())
