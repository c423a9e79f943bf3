"""What a report is about: runs, and the models of each whose answers to the held-out problems are known."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from rl.elsewhere.completed import Told
from rl.elsewhere.rollout_files import NOTHING
from rl.errors import UserError
from rl.evaluation import Evaluation, Protocol
from rl.evaluation.recipes import recipe_protocol
from rl.folders.run import RunFolder
from rl.recipe.files import kept_recipe
from rl.report import pareto
from rl.report.answers import read_answers, read_points, texts
from rl.report.logged import answers_to, is_log, logged_answers
from rl.report.protocol import DECISIVE, NOTED, differences
from rl.report.training import RoundNumbers, read_round


@dataclass(frozen=True, eq=False)
class Run:
    """One finished run. `checkpoints` are those that were evaluated, by optimiser step."""

    label: str
    folder: RunFolder
    recipe: dict[str, Any]
    metrics: list[dict[str, Any]]
    before: Evaluation | None
    checkpoints: dict[int, Evaluation]
    after: Evaluation
    rounds: list[RoundNumbers]

    @property
    def steps(self) -> int:
        return int(self.metrics[-1]["step"]) if self.metrics else 0

    @cached_property
    def protocol(self) -> Protocol:
        """As the evaluation says, or for an older file as the recipe does."""
        return self.after.protocol or recipe_protocol(kept_recipe(self.folder.recipe))

    @property
    def answers(self) -> list[Evaluation]:
        return [*([self.before] if self.before else []), *self.checkpoints.values(), self.after]


@dataclass(frozen=True, eq=False)
class Model:
    """One model in the plane of tokens and accuracy; `run` is the place of its run, None before training."""

    label: str
    run: int | None
    step: int
    answers: Evaluation

    @cached_property
    def points(self) -> dict[int, Evaluation]:
        """By budget, the same thinking closed by force, where that was evaluated."""
        path = self.answers.path
        if path is None:
            return {}
        # A run's end is evaluated again among its checkpoints.
        same = path.with_name(f"checkpoint-{self.step}{path.suffix}") if self.run is not None else path
        return read_points(path) or read_points(same)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Runs side by side, on the same problems."""

    runs: list[Run]
    warnings: list[str]
    """What a reader must know of them."""
    reference: float
    """Tokens of the hypervolume's reference point."""
    beside: Sequence[Model] = ()
    """Answers of no run, such as those of a rival."""
    frontier: Mapping[int, float] | None = None
    """By budget, the accuracy that regret is measured from; None: the best of these models."""

    @property
    def protocol(self) -> Protocol:
        """The first run's, or where there is none that of the first answers."""
        return self.runs[0].protocol if self.runs else protocol_of(self.beside[0])

    @property
    def problems(self) -> Sequence[str]:
        """The held-out problems that the first of them answered."""
        return (self.runs[0].after if self.runs else self.beside[0].answers).problems

    @cached_property
    def models(self) -> list[Model]:
        """The untrained models first, each once; then every run's checkpoints and its end, and what stands beside."""
        befores = [(run.label, run.before) for run in self.runs if run.before]
        different: list[tuple[str, Evaluation]] = []
        for label, answers in befores:
            if not any(answers.rows == other.rows for _, other in different):
                different.append((label, answers))
        name = "before" if len(different) == 1 else "before {}"
        models = [Model(name.format(label), None, 0, answers) for label, answers in different]
        for place, run in enumerate(self.runs):
            models += [Model(f"{run.label} at {step}", place, step, run.checkpoints[step]) for step in run.checkpoints]
            models.append(Model(run.label, place, run.steps, run.after))
        return [*models, *self.beside]

    def ends(self) -> list[Model]:
        """Without the checkpoints: the untrained models and the end of every run."""
        return [model for model in self.models if model.run is None or model.answers is self.runs[model.run].after]

    @property
    def points(self) -> list[pareto.Point]:
        return [(model.answers.tokens.mean, model.answers.accuracy.mean) for model in self.models]

    @cached_property
    def front(self) -> list[int]:
        """The places of the models on the Pareto front, by rising tokens."""
        return pareto.front(self.points)

    @cached_property
    def resampled(self) -> pareto.Resampled:
        """Bootstrap over the problems that all models answered; one hypervolume a run, its untrained model aside."""
        answers = [model.answers for model in self.models]
        shared = sorted(set.intersection(*(set(own.problems) for own in answers)))
        correct = np.array([[own.accuracy_of.get(problem, np.nan) for problem in shared] for own in answers])
        tokens = np.array([[own.tokens_of[problem] for problem in shared] for own in answers])
        sets = [[i for i, model in enumerate(self.models) if model.run == place] for place in range(len(self.runs))]
        return pareto.resample(correct, tokens, sets, self.reference)

    @property
    def protocol_line(self) -> str:
        return self.protocol.line()


def read_run(folder: RunFolder, label: str, checkpoints: bool = True, rollouts: bool | None = None) -> Run:
    """One run's numbers; `rollouts`: whether to read them, None where there are any.

    Errors: UserError where the run is not finished, or has no rollouts though they are wanted.
    """
    if not folder.recipe.is_file():
        raise UserError(
            f"{folder.path} is not a run: it has no recipe.yaml; name the folder that a recipe was trained in. Answers "
            f"of no run: --beside {folder.path} beside one, or `lengthwise evaluate --votes {folder.path}`"
        )
    if not folder.evaluation("after").is_file():
        raise UserError(
            f"{folder.path} holds no finished evaluation; train it to its end with `data.eval`, or leave it out"
        )
    recipe = folder.written_recipe()
    before, metrics = folder.evaluation("before"), folder.logged()
    # The final model may have been evaluated among the checkpoints, too: it is the one that `after` shows.
    end = int(metrics[-1]["step"]) if metrics else None
    on_the_way = [(step, path) for step, path in _evaluated_checkpoints(folder) if step != end] if checkpoints else []
    return Run(
        label,
        folder,
        recipe,
        metrics,
        read_answers(before) if before.is_file() else None,
        {step: read_answers(path) for step, path in on_the_way},
        read_answers(folder.evaluation("after")),
        read_rounds(folder) if rollouts or (rollouts is None and folder.rollout_files()) else [],
    )


def read_rounds(folder: RunFolder) -> list[RoundNumbers]:
    """The numbers of every round. Errors: UserError where there is no rollout file."""
    files = folder.rollout_files()
    if not files:
        raise UserError(f"{folder.path} has no rollouts/*.parquet; give --no-rollouts to compare without them")
    numbers = (read_round(path, offset) for offset, path in files)
    return [found for found in numbers if found is not None]


def read_beside(path: Path, label: str, told: Told = NOTHING) -> Model:
    """Answers of no run: what `lengthwise evaluate --out` wrote, or another tool's log, of which `told` says the rest.

    Errors: UserError where a file of ours says no protocol.
    """
    if is_log(path, told):
        return Model(label, None, 0, logged_answers([path], told))
    model = Model(label, None, 0, read_answers(path))
    protocol_of(model)
    return model


def protocol_of(model: Model) -> Protocol:
    """By what answers of no run were evaluated. Errors: UserError where they do not say."""
    if model.answers.protocol is None:
        where = model.answers.path or f"{model.label}, another tool's log,"
        raise UserError(f"{where} does not say by which protocol it was evaluated; evaluate it again")
    return model.answers.protocol


def compare_runs(
    runs: Sequence[Run],
    mixed: bool = False,
    reference: float | None = None,
    beside: Sequence[Model] = (),
    frontier: Mapping[int, float] | None = None,
) -> Comparison:
    """Put runs side by side. Errors: UserError where their figures may not be compared, unless `mixed` lets them.

    `beside` are answers of no run; there may be no run at all. `reference`: tokens of the hypervolume's reference
    point; the cap of the evaluation by default. `frontier`: by budget, the accuracy that regret is measured from.
    """
    flaws, notes = [], []
    given = [(run.label, answers, answers.protocol or run.protocol) for run in runs for answers in run.answers]
    beside = sorted(beside, key=lambda one: one.answers.protocol is None)  # logs last
    ends = [(run.label, run.after, run.protocol) for run in runs]
    first, reference_answers, protocol = (
        ends[0] if ends else (beside[0].label, beside[0].answers, protocol_of(beside[0]))
    )
    beside = [_matched(one, reference_answers) for one in beside]
    given += [(one.label, one.answers, one.answers.protocol or protocol) for one in beside]
    flaws += [f"{o.label} is another tool's log and says no protocol" for o in beside if o.answers.protocol is None]
    for label, answers, own in given:
        found = differences(protocol, own, DECISIVE)
        if found:
            flaws.append(f"{first} and {label} were evaluated differently: {'; '.join(found)}")
        noted = differences(protocol, own, NOTED)
        if noted:
            notes.append(f"{label} was evaluated with another {'; '.join(noted)}.")
        if answers.problems != reference_answers.problems:
            shared = len(set(answers.problems) & set(reference_answers.problems))
            flaws.append(
                f"{first} and {label} answered different held-out problems: {shared} shared, of "
                f"{len(reference_answers.problems)} and {len(answers.problems)}"
            )
    if flaws and not mixed:
        raise UserError(f"{flaws[0]}; evaluate them alike, or give --mixed to draw them all the same")
    if frontier is not None:
        for model in [*beside, *(Model(run.label, place, run.steps, run.after) for place, run in enumerate(runs))]:
            if missing := sorted(set(model.points) - set(frontier)):
                raise UserError(
                    f"the frontier has no accuracy at {missing[0]} tokens, at which {model.label} was closed"
                )
    flagged = [f"{flaw}: their figures cannot be compared." for flaw in flaws]
    warnings = list(dict.fromkeys(flagged + notes))
    return Comparison(list(runs), warnings, reference or float(protocol.cap), beside, frontier)


def _matched(model: Model, others: Evaluation) -> Model:
    """Answers of another tool's log as those to problems that others answered, whose ids it cannot know."""
    if model.answers.protocol is not None:
        return model
    return replace(model, answers=answers_to(texts(others, others.problems), model.answers, model.label))


def labels(paths: Sequence[Path]) -> list[str]:
    """The shortest ends of the paths that tell them apart. Errors: UserError where a folder is named twice."""
    whole = [path.resolve() for path in paths]
    twice = next((path for i, path in enumerate(whole) if path in whole[:i]), None)
    if twice:
        raise UserError(f"{twice} is named twice; name each run once")
    for parts in range(1, max((len(path.parts) for path in whole), default=1) + 1):
        short = ["/".join(path.parts[-parts:]) for path in whole]
        if len(set(short)) == len(short):
            return short
    raise AssertionError("different paths have different ends")


def _evaluated_checkpoints(folder: RunFolder) -> list[tuple[int, Path]]:
    named = [
        (re.fullmatch(r"checkpoint-(\d+)", path.stem), path) for path in (folder.path / "evaluation").glob("*.parquet")
    ]
    return sorted((int(match[1]), path) for match, path in named if match)
