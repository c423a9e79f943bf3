"""The figures of a card: from the run's own answers, or from what `lengthwise evaluate --json` wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rl.errors import UserError
from rl.evaluation import Evaluation, Protocol
from rl.evaluation.figures.summary import SCHEMA_VERSION, numbers
from rl.evaluation.measuring import Asked
from rl.evaluation.runs import asked_of
from rl.folders.run import RunFolder
from rl.models import load_tokenizer
from rl.reading import object_of
from rl.recipe.parts import Recipe
from rl.release.public import public

Json = dict[str, Any]


@dataclass(frozen=True)
class Figures:
    """One evaluation as the card shows it; `before` is the untrained model's under the same protocol."""

    numbers: Json
    protocol: Protocol
    before: Json | None = None

    def rows(self) -> list[tuple[str, ...]]:
        """A row a cap, cells as text: this model's, then the untrained one's."""
        samples = self.protocol.samples
        table = []
        for cap, found in self.numbers["caps"].items():
            row = [cap, _interval(found["accuracy"], 100), _interval(found["mean_tokens"], 1)]
            row += [f"{found['tokens']['all']['p95']:.0f}", f"{100 * found['truncated']:.1f}"]
            if samples > 1:
                row += [_percent(found["pass_at"].get(str(samples))), _percent(found["majority"])]
            if self.before:
                base = self.before["caps"][cap]
                row += [_interval(base["accuracy"], 100), _interval(base["mean_tokens"], 1)]
            table.append(tuple(row))
        return table

    def headings(self) -> tuple[str, ...]:
        heads = ["cap (tokens)", "accuracy (%)", "mean tokens", "p95 tokens", "cut (%)"]
        if self.protocol.samples > 1:
            heads += [f"pass@{self.protocol.samples} (%)", "majority (%)"]
        if self.before:
            heads += ["before: accuracy (%)", "before: mean tokens"]
        return tuple(heads)


def of_run(run: RunFolder, recipe: Recipe, evaluation: Evaluation, model: Path, caps: Sequence[int] | None) -> Figures:
    """The run's own answers, scored at `caps` tokens; by default at the cap and its half, quarter and eighth.

    Errors: UserError when the run's held-out problems are no longer those that were answered.
    """
    protocol = evaluation.protocol
    if protocol is None or protocol.data is None:
        raise UserError(f"{run.path}: its evaluation has no protocol; evaluate the checkpoint again")
    wanted = caps or [protocol.cap // part for part in (8, 4, 2)]
    data, protocol = protocol.data, replace(protocol, caps=tuple(cap for cap in wanted if cap))
    asked = asked_of(run, recipe, protocol.engine, data.problems, lambda _: protocol)
    if asked.protocol.data is None or asked.protocol.data.fingerprint != data.fingerprint:
        raise UserError(f"{run.path}: {data.name} has changed since it was answered; evaluate the checkpoint again")
    asked = Asked(asked.problems, asked.verifier, protocol)
    tokenizer = load_tokenizer(str(model))

    def scored(answers: Evaluation, name: str) -> Json:
        return numbers(name, protocol, asked.scored(answers, tokenizer), asked.verifier)

    before = None
    if run.evaluation("before").is_file():
        answers = Evaluation.load(run.evaluation("before"))
        if answers.protocol is not None and protocol.difference(answers.protocol) is None:
            before = scored(answers, recipe.model)
    return _public(Figures(scored(evaluation, recipe.name), protocol, before))


def of_file(path: Path, step: int) -> Figures:
    """What `lengthwise evaluate --json` wrote; of several checkpoints, the one at `step`. Errors: UserError."""
    try:
        found = object_of(path)
        found = found.get("checkpoints", {}).get(str(step), found)
        if found["schema"] != SCHEMA_VERSION:
            raise UserError(f"{path} is of schema {found['schema']}; evaluate again with this version")
        figures = Figures(found, Protocol.from_dict(found["protocol"]))
        figures.rows()
        _ = found["caps"][str(figures.protocol.cap)]["accuracy"]["mean"]  # what the hub is told
        if not isinstance(found["model"], str):
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{path} is not what lengthwise evaluate --json writes") from None
    return _public(figures)


def _public(figures: Figures) -> Figures:
    protocol = Protocol.from_dict(public(figures.protocol.to_dict()))
    return Figures(public(figures.numbers), protocol, public(figures.before))


def _interval(estimate: Json, factor: float) -> str:
    if estimate["mean"] is None:
        return "none judged"
    mean, low, high = (factor * estimate[key] for key in ("mean", "low", "high"))
    return f"{mean:.1f} [{low:.1f}, {high:.1f}]"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"
