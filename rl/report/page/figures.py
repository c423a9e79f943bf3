"""The figures of a report, one function each: a comparison in, charts out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from rl.report.answers import at_difficulty
from rl.report.page.charts import Figure, Panel, Series, told_apart
from rl.report.page.dial import dial
from rl.report.published import Published
from rl.report.runs import Comparison, Model
from rl.report.training import Curve, component, curve, metric

LEVELS = 201
"""Points of the curve of lengths."""
WIDE = 8.0
"""From this ratio of the most tokens to the fewest, the axis of tokens is logarithmic."""


def figures(comparison: Comparison, published: Published | None) -> list[Figure]:
    """All that there is something to draw for, in the order of the page."""
    drawn = [
        accuracy_against_tokens(comparison, published),
        dial(comparison),
        lengths(comparison),
        difficulty(comparison),
        learning(comparison),
        schedule(comparison),
        parts(comparison),
        length_by_sign(comparison),
        rewards(comparison),
        entropy(comparison),
        signal(comparison),
    ]
    return [_told_apart(figure) for figure in drawn if figure.panels]


def _told_apart(figure: Figure) -> Figure:
    return replace(figure, panels=[replace(panel, series=told_apart(panel.series)) for panel in figure.panels])


def accuracy_against_tokens(comparison: Comparison, published: Published | None) -> Figure:
    models, points, best = comparison.models, comparison.points, comparison.front
    series = [
        Series("front", None, [points[i][0] for i in best], [100 * points[i][1] for i in best], "steps", dash=1),
        *([_quoted(published)] if published else []),
        *(_placed(model.label, None, [model], [i in best]) for i, model in enumerate(models) if model.run is None),
    ]
    for place, run in enumerate(comparison.runs):
        own = [i for i, model in enumerate(models) if model.run == place]
        series.append(_placed(run.label, place, [models[i] for i in own], [i in best for i in own]))
    tokens = [x for one in series for x in one.x]
    return Figure(
        "results",
        "accuracy-tokens",
        "Accuracy against tokens",
        "Each mark is one model answering the same held-out problems: higher is right more often, further left is "
        "shorter. Bars are 95 % bootstrap intervals over problems; small marks are checkpoints on the way. Ringed "
        "marks stand on the Pareto front (dashed): no other model here is both shorter and better.",
        "mean completion length (tokens)",
        [Panel("", "accuracy (%)", series, y_from_zero=False)],
        caveat=published.caveat if published else "",
        log_x=max(tokens) > WIDE * min(tokens) > 0,
        x_from_zero=True,
    )


def _placed(label: str, run: int | None, models: Sequence[Model], ringed: list[bool]) -> Series:
    tokens, accuracy = [m.answers.tokens for m in models], [m.answers.accuracy for m in models]
    return Series(
        label,
        run,
        [t.mean for t in tokens],
        [100 * a.mean for a in accuracy],
        "joined",
        x_intervals=[(t.low, t.high) for t in tokens],
        y_intervals=[(100 * a.low, 100 * a.high) for a in accuracy],
        notes=[f"{model.label}, step {model.step}" for model in models],
        small=[model is not models[-1] for model in models],
        ringed=ringed,
    )


def _quoted(published: Published) -> Series:
    return Series(
        "in papers",
        None,
        [point.tokens for point in published.points],
        [point.accuracy for point in published.points],
        "quoted",
        notes=[f"{point.name}\n{point.paper}\n{point.protocol}" for point in published.points],
    )


def lengths(comparison: Comparison) -> Figure:
    levels = np.linspace(0, 1, LEVELS)
    series = [
        Series(
            model.label,
            model.run,
            np.quantile([row["length"] for row in model.answers.rows], levels, method="inverted_cdf").tolist(),
            (100 * levels).tolist(),
            "steps",
        )
        for model in comparison.ends()
    ]
    return Figure(
        "held-out",
        "lengths",
        "How long the answers are",
        "The share of the held-out answers that are no longer than so many tokens: a curve further left is shorter, at "
        "50 % stands the median answer. A curve that ends in a jump has answers that met the cap.",
        "completion length (tokens)",
        [Panel("", "answers no longer than that (%)", series)],
        x_from_zero=True,
    )


def difficulty(comparison: Comparison) -> Figure:
    models = comparison.ends()
    named = {row["difficulty"] for model in models for row in model.answers.rows}
    levels = sorted(filter(None, named), key=_numeric)
    panels = []
    if 1 < len(levels) <= 20:
        found = {id(model): [at_difficulty(model.answers, level) for level in levels] for model in models}
        panels = [
            Panel(
                "", label, [_over_levels(m, [factor * pair[place] for pair in found[id(m)]]) for m in models], not place
            )
            for place, label, factor in ((0, "mean tokens", 1), (1, "accuracy (%)", 100))
        ]
    return Figure(
        "held-out",
        "difficulty",
        "Tokens and accuracy by difficulty",
        "A model that spends tokens where they are needed is short on easy problems and stays long on hard ones.",
        "difficulty, as the data names it",
        panels,
        categories=levels,
    )


def _over_levels(model: Model, values: list[float]) -> Series:
    known = [(float(x), y) for x, y in enumerate(values) if not math.isnan(y)]
    return Series(model.label, model.run, [x for x, _ in known], [y for _, y in known], "joined")


def _numeric(level: str) -> tuple[float, str]:
    digits = "".join(c for c in level if c.isdecimal())
    return (float(digits) if digits else 0.0, level)


def learning(comparison: Comparison) -> Figure:
    panels = [
        _over_runs(comparison, "accuracy", "correct within the budget (%)", 100, from_zero=False),
        _over_runs(comparison, "length/mean", "mean tokens", 1),
    ]
    return Figure(
        "training",
        "learning",
        "Learning curves",
        "The rollouts sampled while training: how many were correct within their budget, and how long they were. Thin "
        "lines are the logged values, thick ones their moving mean.",
        "optimiser step",
        _drawn(panels),
    )


def schedule(comparison: Comparison) -> Figure:
    panels = []
    for place, run in enumerate(comparison.runs):
        asked, done = metric(run.metrics, "budget/tokens"), metric(run.metrics, "length/mean")
        series = [
            Series("budget asked for", None, asked.steps, asked.values, "steps", dash=1),
            Series("mean length", place, done.steps, done.smooth, faint=done.values),
        ]
        panels.append(Panel(run.label, "tokens", [one for one in series if one.x], shared=True))
    panels.append(_over_runs(comparison, "length/truncated", "rollouts cut at the budget (%)", 100))
    return Figure(
        "training",
        "schedule",
        "What the schedule asked, and what the model did",
        "The budget is the most tokens a rollout may have at that step (dashed); the line is what the model used on "
        "average. The last panel is the share of rollouts that were cut because they met the budget.",
        "optimiser step",
        _drawn(panels),
    )


def parts(comparison: Comparison) -> Figure:
    named = {
        "length/thinking": ("mean tokens of thinking", 1),
        "length/answer": ("mean tokens of the answer", 1),
        "length/forced": ("mean tokens that were forced", 1),
        "length/closed": ("thinking closed by force (%)", 100),
        "length/edited": ("rollouts cut by an edit (%)", 100),
    }
    met = {name for run in comparison.runs for line in run.metrics for name in named if line.get(name)}
    if not met - {"length/answer"}:
        met = set()  # nobody thinks apart from answering
    return Figure(
        "training",
        "parts",
        "Thinking, answers, and what was forced",
        "Tokens up to the end of thinking, and after it; of them those that the model did not sample, which a prefix, "
        "a closing or a branch put there; and how many rollouts were closed or cut.",
        "optimiser step",
        _drawn(_over_runs(comparison, name, *said) for name, said in named.items() if name in met),
    )


def length_by_sign(comparison: Comparison) -> Figure:
    panels = []
    for place, run in enumerate(comparison.runs):
        positive = curve([(round_.step, round_.positive) for round_ in run.rounds])
        negative = curve([(round_.step, round_.negative) for round_ in run.rounds])
        series = [_line("made likelier", place, positive), _line("made less likely", place, negative, 1)]
        panels.append(Panel(run.label, "mean tokens", [one for one in series if one.x], shared=True))
    return Figure(
        "training",
        "length-by-sign",
        "Length by the sign of the advantage",
        "Training makes rollouts with a positive advantage likelier, and those with a negative one less likely. Where "
        "the first (solid) are shorter than the second (dashed), it pushes towards shorter answers.",
        "optimiser step",
        _drawn(panels),
    )


def rewards(comparison: Comparison) -> Figure:
    panels = []
    for place, run in enumerate(comparison.runs):
        names = dict.fromkeys(name for round_ in run.rounds for name in round_.rewards)
        series = [_line(name, place, component(run.rounds, name), i % 4) for i, name in enumerate(names)]
        panels.append(Panel(run.label, "mean reward", [one for one in series if one.x], y_from_zero=False))
    return Figure(
        "training",
        "rewards",
        "Reward components",
        "The mean of each reward of the recipe over a round's rollouts, before weights. Scales differ from run to run: "
        "a higher reward under one recipe is no better than a lower one under another.",
        "optimiser step",
        _drawn(panels),
    )


def entropy(comparison: Comparison) -> Figure:
    panels = [
        _over_runs(comparison, "entropy", "nats a token", 1, "entropy"),
        _over_runs(comparison, "clip_ratio/region_mean", "clipped tokens (%)", 100, "clipping"),
    ]
    return Figure(
        "training",
        "entropy",
        "Entropy",
        "How undecided the model is at a token, on average: when this falls to nothing, it explores no more. Clipped "
        "tokens have changed so much within a round that the update leaves them out.",
        "optimiser step",
        _drawn(panels),
    )


def signal(comparison: Comparison) -> Figure:
    panels = [
        _over_runs(comparison, "sampling/all_right", "groups (%)", 100, "all correct"),
        _over_runs(comparison, "sampling/all_wrong", "groups (%)", 100, "none correct"),
    ]
    return Figure(
        "training",
        "signal",
        "Groups that teach nothing about correctness",
        "A group is the rollouts of one problem in one round. Where all of them are right, or all wrong, correctness "
        "gives no gradient.",
        "optimiser step",
        _drawn(panels),
    )


def _line(label: str, run: int | None, values: Curve, dash: int = 0) -> Series:
    return Series(label, run, values.steps, values.smooth, faint=values.values, dash=dash)


def _over_runs(
    comparison: Comparison, name: str, y_label: str, factor: float, title: str = "", from_zero: bool = True
) -> Panel:
    series = []
    for place, run in enumerate(comparison.runs):
        scaled = [{**line, name: factor * line[name]} for line in run.metrics if line.get(name) is not None]
        series.append(_line(run.label, place, metric(scaled, name)))
    return Panel(title, y_label, [one for one in series if one.x], from_zero)


def _drawn(panels: Iterable[Panel]) -> list[Panel]:
    return [panel for panel in panels if panel.series]
