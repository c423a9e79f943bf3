"""Which of a run's models to release, by what they were evaluated to be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import stdev

from rl.errors import UserError
from rl.evaluation import Evaluation
from rl.evaluation.runs import Trained, best_of, chosen_models, trained_models
from rl.folders.run import RunFolder

RULES = {
    "best": "it has the highest accuracy of the run's evaluated checkpoints, and of equals the fewest tokens",
    "pareto": "it has the fewest tokens of the run's evaluated checkpoints whose accuracy is within one standard error "
    "of the best",
    "last": "it is the run's last",
}
"""Why a checkpoint is taken, as the card says it."""


@dataclass(frozen=True)
class Chosen:
    """A model of a run, what it answered where that is known, and why it was taken."""

    model: Trained
    evaluation: Evaluation | None
    why: str


def choose(run: RunFolder, which: str) -> Chosen:
    """`best`, `pareto`, `last` or a step. Errors: UserError."""
    if which == "all":
        raise UserError("one checkpoint is released: give best, last, pareto or a step")
    models = {model.step: model for model in chosen_models(run, "best" if which == "pareto" else which)}
    known = {step: found for step, model in models.items() if (found := evaluation_of(run, model))}
    if which not in ("best", "pareto"):
        (model,) = models.values()
        model.require_intact()
        return Chosen(model, known.get(model.step), RULES.get(which, "it was asked for by its step"))
    if not known:
        raise UserError(f"{run.path}: no checkpoint is evaluated; run lengthwise evaluate --run with --checkpoint all")
    _require_one_protocol(run, known)
    step = best_of(known) if which == "best" else short_and_good(known)
    models[step].require_intact()
    return Chosen(models[step], known[step], RULES[which])


def evaluation_of(run: RunFolder, model: Trained) -> Evaluation | None:
    """What a model of the run answered: of the last one, the run itself keeps it under another name."""
    places = [model.evaluation(run)]
    if model.step == trained_models(run)[-1].step:
        places.append(run.evaluation("after"))
    return next((Evaluation.load(path) for path in places if path.is_file()), None)


def short_and_good(evaluations: dict[int, Evaluation]) -> int:
    """The step with the fewest tokens within one standard error of the best accuracy.

    The error is the best one's, over problems. Nothing that is shorter is as accurate, so the
    model is on the Pareto front; the rule is the one of cross-validation (Breiman et al. 1984).
    """
    best = evaluations[best_of(evaluations)]
    values = list(best.accuracy_of.values())
    error = stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    least = best.accuracy.mean - error
    good = {step: found for step, found in evaluations.items() if found.accuracy.mean >= least}
    return min(good, key=lambda step: (good[step].tokens.mean, -good[step].accuracy.mean, -step))


def _require_one_protocol(run: RunFolder, evaluations: dict[int, Evaluation]) -> None:
    (first, one), *others = evaluations.items()
    for step, other in others:
        if one.protocol is None or other.protocol is None:
            raise UserError(f"{run.path}: an evaluation has no protocol; delete {run.path / 'evaluation'} and redo it")
        wrong = one.protocol.difference(other.protocol)
        if wrong:
            places = f"checkpoints {first} and {step}"
            raise UserError(f"{run.path}: {places} cannot be compared, their protocols differ ({wrong})")
