"""The protocol that a recipe's `evaluation` part stands for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rewards import Problem
from rl.evaluation.protocol import Data, Protocol, data_of
from rl.problems.data import ProblemSet
from rl.recipe.parts import Recipe, SourcePart


def recipe_protocol(recipe: Recipe) -> Protocol:
    """As the run itself evaluates: cut answers are judged by their text, a budget is stated where the part says so."""
    part = recipe.evaluation
    stated = recipe.budget.in_prompt if part.prompt_budget is not None else None
    return Protocol(
        name="recipe",
        cap=part.budget,
        samples=part.samples,
        temperature=part.temperature,
        top_p=part.top_p,
        seed=recipe.seed,
        prompt=recipe.data.prompt.template,
        system=recipe.data.prompt.system,
        budget_text=stated.replace("{budget}", str(part.prompt_budget)) if stated else None,
        verifier=recipe.verifier,
        chat_options=recipe.trainer.get("chat_template_kwargs") or {},
    )


def data_in(source: SourcePart, problems: ProblemSet) -> Data:
    """What a protocol says of the problems it was carried out on."""
    options = "".join(f" {key}={value}" for key, value in sorted(source.options.items()))
    name = Path(source.source)
    return data_of(name.stem if name.suffix else source.source, source.source + options, problems.contents)


def stated(problem: Problem, budget_text: str | None) -> Problem:
    """The problem with a protocol's budget text around its last turn; its id stays."""
    if budget_text is None:
        return problem
    if isinstance(problem.prompt, str):
        return replace(problem, prompt=budget_text.replace("{prompt}", problem.prompt))
    *before, last = problem.prompt
    return replace(problem, prompt=[*before, {**last, "content": budget_text.replace("{prompt}", last["content"])}])
