"""What a recipe would train on, shown: columns, rows left out, whole prompts, golds as they are read, doubts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import median
from typing import TYPE_CHECKING, Any

from rewards import Problem
from rewards.verifier import Isolated, MathVerifier, Verifier
from rewards.verifier.choice import MultipleChoice
from rewards.verifier.gym import ReasoningGym
from rewards.verifier.latex import Equation, Scalar, Value, Word, read
from rewards.verifier.numeric import NumericTolerance, number
from rl.plugins import load_verifier
from rl.problems.data import ProblemSet, is_gym, problems_of
from rl.problems.doubts import doubts_of
from rl.problems.files import rows_of
from rl.problems.layouts import layout_of
from rl.prompts import encode_prompts, rendered
from rl.recipe.parts import PluginPart, PromptPart, SourcePart

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Look:
    """Problems, and what was found of them."""

    problems: ProblemSet
    verifier: str
    doubts: Sequence[str]
    readings: Sequence[str]
    """How the verifier reads each gold."""
    tokenizer: PreTrainedTokenizerBase | None = field(default=None, repr=False)

    @cached_property
    def prompts(self) -> list[str]:
        """Each prompt as its model is given it, special tokens in it; without a tokenizer the turns."""
        return [_rendered(problem, self.tokenizer) for problem in self.problems.problems]

    @cached_property
    def tokens(self) -> list[int] | None:
        """Tokens of each prompt; None without a tokenizer."""
        if self.tokenizer is None:
            return None
        return [len(ids) for ids in encode_prompts(self.tokenizer, self.problems.problems)]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON: every problem that is kept, what was left out, the columns taken, the doubts."""
        rows = []
        for place, problem in enumerate(self.problems.problems):
            row = {
                "id": problem.id,
                "prompt": problem.prompt,
                "answer": problem.answer,
                "read_as": self.readings[place],
            }
            given = {"rendered": self.prompts[place], "tokens": self.tokens[place]} if self.tokens else {}
            rows.append({**row, **given})
        return {
            "problems": rows,
            "left_out": dict(self.problems.left_out),
            "columns": dict(self.problems.columns),
            "verifier": self.verifier,
            "warnings": list(self.doubts),
        }

    def lines(self, shown: int) -> Iterator[str]:
        """What is printed, with so many whole problems."""
        yield self.problems.told()
        for place, problem in enumerate(self.problems.problems[:shown]):
            yield f"\n── {problem.id} " + "─" * 40
            yield self.prompts[place]
            yield f"── gold: {problem.answer}   read as: {self.readings[place]}"
        yield f"\nverifier   {self.verifier}"
        if self.tokens:
            yield f"tokens     median {median(self.tokens):g}, longest {max(self.tokens)} a prompt"
        yield from (f"warning    {line}" for line in self.doubts)
        if not self.doubts:
            yield "warnings   none"


def look(
    source: SourcePart,
    form: PromptPart,
    judged: PluginPart | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
) -> Look:
    """Load a source as training would, and look at it. Errors: UserError.

    `judged`: the verifier; without one, that of the rows: `choice` for choices, `reasoning-gym` for its entries, else
    `math`.
    """
    rows = list(rows_of(source))
    part = judged or PluginPart(_usual(rows[0], source) if rows else "math")
    verifier = load_verifier(part.name, part.options)
    try:
        chat = tokenizer is None or tokenizer.chat_template is not None
        found = problems_of(rows, source, form, verifier, chat)
        readings = [_reading(verifier, problem.answer) for problem in found.problems]
        return Look(found, part.name, doubts_of(found.problems, verifier), readings, tokenizer)
    finally:
        if isinstance(verifier, Isolated):
            verifier.close()


def _usual(row: Any, source: SourcePart) -> str:
    if is_gym(row) and "answer" not in source.columns:
        return "reasoning-gym"
    return "choice" if layout_of(row, source.columns, f"{source.source}, row 1").shown else "math"


def _rendered(problem: Problem, tokenizer: PreTrainedTokenizerBase | None) -> str:
    prompt = problem.prompt
    if isinstance(prompt, str):
        return prompt
    if tokenizer is None:
        return "\n".join(f"{turn['role']}: {turn['content']}" for turn in prompt)
    return rendered(tokenizer, prompt)


def _reading(verifier: Verifier, gold: str) -> str:
    """What a gold is to its verifier."""
    if isinstance(verifier, MultipleChoice):
        return f"letter {next((c for c in verifier.choices if verifier.compare(c, gold) == 'correct'), 'none')}"
    if isinstance(verifier, NumericTolerance):
        return f"number {number(gold)}"
    if isinstance(verifier, ReasoningGym):
        return f"entry of {json.loads(gold)['metadata']['source_dataset']}"
    if isinstance(verifier, MathVerifier):
        value = read(gold.strip())
        return "an expression, by math-verify" if value is None else _said(value)
    return "text"


def _said(value: Value) -> str:
    """A value of the math verifier's own grammar in words."""
    if isinstance(value, Word):
        return f"words {value.text!r}"
    if isinstance(value, Scalar):
        signs = f"{' percent' if value.percent else ''}{f' in base {value.base}' if value.base else ''}"
        return f"an expression{signs}" if isinstance(value.tree, tuple) else f"number {value.tree}{signs}"
    if isinstance(value, Equation):
        return f"{value.letters} = {_said(value.right)}"
    return type(value).__name__.lower()
