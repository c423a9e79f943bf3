"""What an audit of the untrained model's rollouts foresaw of the study, and what the study measured.

    python -m experiments.study.foreseen --out runs/foreseen

The embedded model answers 200 of the study's training problems 16 times at the base recipe's budget; an arm is given as
many of each as its groups have. For every arm the audit gives its pull on length at these rollouts, averaged over the
arm's stages and its budgets on the way. The study measured how much shorter each arm's answers were after training.
Both orders are compared by Spearman's rank correlation, with intervals over arms, and over groups and seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from experiments.study.grid import HERE, Grid, load_grid
from experiments.study.measured import Measured
from experiments.study.one import answered
from rewards import Group
from rl.audit.applying import apply, rule_of
from rl.audit.measures import Resampled, deciles_of, figures, sums
from rl.audit.sample import Sample
from rl.elsewhere.completed import Told
from rl.elsewhere.rollout_files import read_rollouts
from rl.evaluation import Protocol
from rl.models import resolve_model
from rl.plugins import load_budget
from rl.recipe.parts import Recipe
from rl.recipe.values import stages_of

PROBLEMS, ROLLOUTS, LOOKS = 200, 16, 8
"""Training problems, answers of each, and steps of a schedule that are looked at."""
NAMES = ("pull", "pull_right")
"""Of the audit's figures: what is expected of all rollouts, and of right ones alone."""
CROSS = "truncation-"
"""Arms that differ in their optimiser's settings alone, one of which the shorter list keeps."""
Floats = NDArray[np.float64]


def rollouts(grid: Grid, out: Path) -> Sample:
    """The untrained model's answers to training problems, `ROLLOUTS` of each; kept in `out`."""
    recipe = grid.recipe("grpo", 0)
    tokens = int(recipe.budget.options["tokens"])
    protocol = Protocol("foreseen", cap=tokens, samples=ROLLOUTS, seed=0, truncated="wrong")
    source = replace(recipe.data.train, options={**recipe.data.train.options, "n": PROBLEMS})
    kept = out / "untrained.parquet"
    answered(source, recipe, protocol, resolve_model(recipe.model), kept)
    return Sample.of(read_rollouts(kept, told=Told(cap=tokens)))


def first(sample: Sample, size: int) -> Sample:
    """The first rollouts of every group: groups as large as an arm's."""
    return Sample([Group(group.problem, group.rollouts[:size]) for group in sample.groups], sample.rounds)


def pulls(recipe: Recipe, sample: Sample, resampled: Resampled) -> dict[str, Floats]:
    """The pulls on length of a whole recipe, and of its resamples: means over stages and budgets, by their steps."""
    own = first(sample, int(recipe.trainer["num_generations"]))
    tenths = deciles_of(own.lengths)
    found = [
        (share, figures(resampled.totals(sums(own, apply(stage, own, budget), tenths))))
        for stage, budget, share in moments(recipe)
    ]
    steps = sum(share for share, _ in found)
    return {name: np.sum([share * f[name] for share, f in found], axis=0) / steps for name in NAMES}


def moments(recipe: Recipe) -> Iterator[tuple[Recipe, int | None, float]]:
    """Each stage at each budget that it has on the way, and for how many steps."""
    for _, own in stages_of(recipe) or [("", recipe)]:
        steps = int(own.trainer["max_steps"])
        if rule_of(own).own is not None or own.budget.in_prompt:
            yield own, None, steps
            continue
        schedule = load_budget(own.budget.name, own.budget.options, steps)
        looks = [schedule.at(int(step)) for step in np.linspace(0, steps - 1, LOOKS)]
        for budget in dict.fromkeys(looks):
            yield own, budget, steps * looks.count(budget) / LOOKS


def ranks(values: Sequence[float] | Floats) -> Floats:
    """From 0; equal values share the mean of theirs."""
    own = np.asarray(values, dtype=float)
    return np.array([(own < v).sum() + ((own == v).sum() - 1) / 2 for v in own])


def spearman(one: Sequence[float] | Floats, two: Sequence[float] | Floats) -> float:
    """NaN where one of them does not vary."""
    a, b = ranks(one), ranks(two)
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale else float("nan")


def over_arms(foreseen: Floats, measured: Floats, resamples: int = 2000) -> tuple[float, float]:
    """95 % of the correlation, arms drawn anew."""
    rng = np.random.default_rng(0)
    drawn = [rng.integers(len(foreseen), size=len(foreseen)) for _ in range(resamples)]
    found = [spearman(foreseen[places], measured[places]) for places in drawn]
    low, high = np.nanpercentile(found, [2.5, 97.5])
    return float(low), float(high)


def over_draws(foreseen: Floats, runs: list[Floats]) -> tuple[float, float]:
    """95 % of the correlation, groups and seeds drawn anew: `foreseen` (arms, resamples), a change a seed and arm."""
    rng = np.random.default_rng(0)
    found = [
        spearman(foreseen[:, place], [own[rng.integers(len(own), size=len(own))].mean() for own in runs])
        for place in range(1, foreseen.shape[1])
    ]
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="where the rollouts are kept")
    grid = load_grid(HERE)
    out = parser.parse_args().out
    measured = Measured.read(grid, HERE)
    sample = rollouts(grid, out)
    resampled = Resampled(len(sample.groups))
    arms = [arm for arm in measured.arms if grid.all_arms()[arm].trained]
    start = measured.values("start", "tokens").mean()
    runs = [np.array([np.log(own.mean() / start) for own in measured.values(arm, "tokens")]) for arm in arms]
    changes = np.array([own.mean() for own in runs])
    found = [pulls(grid.recipe(arm, 0), sample, resampled) for arm in arms]
    foreseen = {name: np.stack([own[name] for own in found]) for name in NAMES}
    print("| arm | pull foreseen, tokens | among right ones | tokens after training |\n|---|---|---|---|")
    for place in np.argsort(foreseen["pull"][:, 0]):
        cells = [_told(foreseen[name][place]) for name in NAMES]
        print(f"| {measured.label(arms[place])} | {' | '.join(cells)} | {100 * np.expm1(changes[place]):+.0f} % |")
    apart = np.array([not arm.startswith(CROSS) for arm in arms])
    for name in NAMES:
        for which, chosen in (("all arms", np.ones(len(arms), bool)), ("without the cross of settings", apart)):
            one, two = foreseen[name][chosen], changes[chosen]
            arms_low, arms_high = over_arms(one[:, 0], two)
            low, high = over_draws(one, [own for own, is_in in zip(runs, chosen, strict=True) if is_in])
            print(
                f"{name}, {which} ({chosen.sum()}): rank correlation {spearman(one[:, 0], two):.2f}, over arms "
                f"[{arms_low:.2f}, {arms_high:.2f}], over groups and seeds [{low:.2f}, {high:.2f}]"
            )


def _told(values: Floats) -> str:
    low, high = np.nanpercentile(values[1:], [2.5, 97.5])
    return f"{values[0]:.1f} [{low:.1f}, {high:.1f}]"


if __name__ == "__main__":
    main()
