"""What a run's folder says of it at this moment."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from typing import Any, Literal

from rl.errors import UserError
from rl.folders import checkpoints
from rl.folders.lock import holder
from rl.folders.rollouts import rollout_table
from rl.folders.run import RunFolder
from rl.reading import object_of
from rl.recipe.parts import Recipe
from rl.recipe.values import parse_recipe, stages_of

Status = Literal["training", "finished", "stopped"]
Line = Mapping[str, Any]

ROUNDS = 120
"""The latest rounds whose rollouts are read."""
PACE = 30
"""The latest lines of metrics that say how fast the run is."""


@dataclass(frozen=True)
class RoundFigures:
    """A round's rollouts, those that did not train included; tokens."""

    mean: float
    median: float
    high: float
    """The 95th percentile."""
    budget: float
    rewards: dict[str, float]
    """Mean of each reward over the rollouts that have it."""


@dataclass(frozen=True)
class State:
    """A run as its files show it."""

    path: Path
    name: str
    model: str
    status: Status
    holder: str | None
    """Who trains it: `process 12 on host`."""
    stage: str
    """`2 of 3, short`; empty without stages."""
    step: int
    steps: int | None
    """Optimiser steps of the whole run; None: not known yet."""
    metrics: Sequence[Line]
    rounds: Sequence[RoundFigures]
    alarms: Sequence[str]
    checkpoint: int | None
    """Step of the newest whole one, counted in its own stage."""
    silent: float | None
    """Seconds since the latest line of metrics."""
    summary: Mapping[str, Any] | None
    """`report/summary.json` of a finished run."""
    evaluating: bool = False
    """Whether the model is trained and its answers are being taken."""

    def series(self, name: str) -> list[float | None]:
        """A metric over the lines that have it."""
        return [_number(line[name]) for line in self.metrics if name in line]

    def last(self, name: str) -> float | None:
        found = self.series(name)
        return found[-1] if found else None

    @property
    def seconds_per_step(self) -> float | None:
        return _pace(self.metrics[-PACE:], "step")

    @property
    def tokens_per_second(self) -> float | None:
        """Prompts and completions, over all ranks."""
        inverse = _pace([line for line in self.metrics if "num_tokens" in line][-PACE:], "num_tokens")
        return 1 / inverse if inverse else None

    @property
    def seconds_left(self) -> float | None:
        pace = self.seconds_per_step
        return None if pace is None or self.steps is None else pace * max(0, self.steps - self.step)


@dataclass
class Reader:
    """Reads a run again and again, each round's rollouts once. Errors: UserError where there is no run."""

    path: Path
    _rounds: dict[tuple[Path, int], RoundFigures] = field(default_factory=dict)
    """By file and when it was written."""

    def read(self) -> State:
        run = RunFolder(self.path)
        recipe = _recipe(run)
        stages = stages_of(recipe)
        folders = [run.stage(place, name) for place, (name, _) in enumerate(stages, 1)] or [run]
        begun = [folder for folder in folders if folder.recipe.is_file()]
        current = begun[-1] if begun else folders[0]
        place = folders.index(current)
        metrics = run.logged()
        step = int(metrics[-1]["step"]) if metrics else 0
        summary = _json(run.summary)
        held = holder(run.path)
        status: Status = (
            "finished" if summary is not None and "diverged" not in summary else "training" if held else "stopped"
        )
        newest = checkpoints.latest(current.checkpoints)
        return State(
            path=run.path,
            name=recipe.name,
            model=recipe.model,
            status=status,
            holder=held,
            stage=f"{place + 1} of {len(stages)}, {stages[place][0]}" if stages else "",
            step=step,
            steps=_steps([part for _, part in stages] or [recipe], metrics),
            metrics=metrics,
            rounds=self._read_rounds(run),
            alarms=[line for folder in folders for line in folder.alarms_said()],
            checkpoint=checkpoints.step(newest) if newest else None,
            silent=time.time() - metrics[-1]["time"] if metrics and "time" in metrics[-1] else None,
            summary=summary,
            evaluating=current.final.exists(),
        )

    def _read_rounds(self, run: RunFolder) -> list[RoundFigures]:
        found = []
        for _, path in run.rollout_files()[-ROUNDS:]:
            try:
                key = (path, path.stat().st_mtime_ns)
                if key not in self._rounds:
                    self._rounds[key] = round_figures(path)
            except FileNotFoundError:  # the run has just been set back
                continue
            found.append(self._rounds[key])
        return found


def round_figures(path: Path) -> RoundFigures:
    """Errors: UserError where the file holds no rollouts of a run."""
    table = rollout_table(path, ["length", "budget", "rewards"]).to_pydict()
    if not table["length"]:
        raise UserError(f"{path} holds no rollouts; restore it, or remove it")
    rewards: defaultdict[str, list[float]] = defaultdict(list)
    for row in table["rewards"]:
        for name, value in (row or {}).items():
            if value is not None:
                rewards[name].append(value)
    lengths = sorted(table["length"])
    budgets = [budget for budget in table["budget"] if budget is not None]
    return RoundFigures(
        mean=fmean(lengths),
        median=median(lengths),
        high=lengths[math.ceil(0.95 * len(lengths)) - 1],
        budget=fmean(budgets) if budgets else math.nan,
        rewards={name: fmean(values) for name, values in rewards.items()},
    )


def _recipe(run: RunFolder) -> Recipe:
    if not run.recipe.is_file():
        inside = sorted(path.parent.name for path in run.path.glob("*/recipe.yaml"))
        hint = f"name one of those in it: {', '.join(inside)}" if inside else "give a run's folder, as runs/my-run"
        raise UserError(f"{run.path} is no run: it has no recipe.yaml; {hint}")
    return parse_recipe(run.written_recipe(), str(run.recipe))


def _steps(recipes: Sequence[Recipe], metrics: Sequence[Line]) -> int | None:
    """As the recipes say; of one that counts epochs, as its first lines make likely."""
    given = [int(recipe.trainer.get("max_steps", -1)) for recipe in recipes]
    if all(steps > 0 for steps in given):
        return sum(given)
    if len(recipes) == 1 and metrics and metrics[-1].get("epoch"):
        epochs = float(recipes[0].trainer.get("num_train_epochs", 3))
        return round(float(metrics[-1]["step"]) * epochs / float(metrics[-1]["epoch"]))
    return None


def _pace(lines: Sequence[Line], name: str) -> float | None:
    """Seconds for one more of `name`, over these lines; a pause between two starts of the run counts as none."""
    seconds = grown = 0.0
    gaps = [(b["time"] - a["time"], b[name] - a[name]) for a, b in pairwise(lines) if _timed(a, b)]
    usual = median(gap for gap, _ in gaps) if gaps else 0.0
    for gap, more in gaps:
        if more > 0 and gap <= max(60.0, 20 * usual):
            seconds, grown = seconds + gap, grown + more
    return seconds / grown if grown else None


def _timed(*lines: Line) -> bool:
    return all("time" in line for line in lines)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _json(path: Path) -> Mapping[str, Any] | None:
    return object_of(path) if path.is_file() else None
