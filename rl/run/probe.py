"""What the starting model makes of the training problems: pass rates and lengths, before any training."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from rewards import Problem
from rl.evaluation import Evaluation, Protocol
from rl.evaluation.sampling import Answerer, end_ids, evaluate
from rl.folders.run import RunFolder
from rl.ranks import found_by_main, is_main_process
from rl.recipe.parts import ProbePart
from rl.run.engines import answering, answers_by
from rl.run.prepare import PROBED, Prepared
from rl.run.room import longest_prompt
from rl.thinking import described
from rl.trainer.copies import give_back, plain_copy


@dataclass(frozen=True)
class Measured:
    """One problem's answers by the starting model."""

    pass_rate: float
    length: float
    """Mean tokens."""


def probed(prepared: Prepared, run: RunFolder) -> Prepared:
    """The training problems with the columns of the recipe's probe, if any, those outside its pass rates left out.

    The answers are kept in the run's folder, so a resumed run goes on with the same problems.
    Errors: UserError where too few problems are left for one round.
    """
    part = prepared.recipe.data.probe
    if part is None:
        return prepared
    problems = prepared.train.problems
    if not found_by_main(run.probe.is_file):
        answers = _answer(prepared, part, problems)
        give_back()
        if is_main_process():
            answers.save(run.probe)
    rows = found_by_main(lambda: Evaluation.load(run.probe).rows)
    measured = measure(rows, prepared.config.truncated)
    kept = keep(problems, measured, part)
    prepared.config.require_problems(len(kept), f"{prepared.train.source}, after the probe")
    return replace(prepared, train=replace(prepared.train, problems=kept))


def _answer(prepared: Prepared, part: ProbePart, problems: Sequence[Problem]) -> Evaluation:
    config = prepared.config
    budgets = [prepared.budgets.of(0, problem) for problem in problems]
    asked = prepared.budgets
    written = [asked.written(p, budget, asked.parts_of(0, p)) for p, budget in zip(problems, budgets, strict=True)]
    protocol = Protocol(
        "probe",
        cap=prepared.budgets.cap_of(max(budgets)),
        samples=part.samples,
        temperature=config.temperature,
        top_p=config.top_p,
        seed=config.seed,
        chat_options=config.chat_template_kwargs or {},
        engine=answers_by(prepared),
        thinking=described(prepared.tokenizer, written, config.chat_template_kwargs),
    )
    model = plain_copy(prepared.model, prepared.recipe, config)
    rows = config.rollout_batch_size or prepared.recipe.evaluation.batch_size
    longest = longest_prompt(prepared) + protocol.cap
    with closing(answering(prepared, model, prepared.model, rows, longest)) as engine:
        answerer = Answerer(engine, prepared.tokenizer, end_ids(model, prepared.tokenizer), prepared.recipe.model)
        return evaluate(answerer, written, prepared.verifier, protocol)


def measure(rows: Sequence[dict[str, Any]], truncated: str) -> dict[str, Measured]:
    """Pass rate and mean length of each problem that anybody could judge, by id.

    `truncated` is the recipe's rule for answers cut at their budget: `wrong`, or `judge` their text.
    """
    answers: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["correct"] is not None:
            answers.setdefault(row["problem_id"], []).append(row)

    def correct(row: dict[str, Any]) -> float:
        return 0.0 if truncated == "wrong" and row["stop"] == "length" else row["correct"]

    return {
        problem: Measured(fmean(map(correct, found)), fmean(row["length"] for row in found))
        for problem, found in answers.items()
    }


def keep(problems: Sequence[Problem], measured: dict[str, Measured], part: ProbePart) -> list[Problem]:
    """The problems whose pass rate lies above and below what the probe says, with its columns."""
    kept = []
    for problem in problems:
        found = measured.get(problem.id)
        if found is None:
            continue
        low = part.above is not None and found.pass_rate <= part.above
        high = part.below is not None and found.pass_rate >= part.below
        if not (low or high):
            columns = dict(zip(PROBED, (found.pass_rate, found.pass_rate, found.length), strict=True))
            kept.append(replace(problem, columns={**problem.columns, **columns}))
    return kept
