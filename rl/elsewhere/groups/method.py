"""What a user writes down for another trainer: rewards, budget, verifier and estimator, named as in recipes.

    rewards:
      - {name: hapo, mode: mean}
    budget: {name: constant, tokens: 8000}
    history: /shared/hapo.jsonl

The environment variable `LENGTHWISE_METHOD` has the path of such a file, wherever the trainer's processes run.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from rl.errors import UserError
from rl.reading import text_of
from rl.recipe.files import load_yaml
from rl.recipe.parts import Judge, Plugin, PluginPart, Reward
from rl.recipe.rollout_parts import Count
from rl.recipe.values import read_part
from rl.secrecy import require_no_secrets

VARIABLE = "LENGTHWISE_METHOD"


@dataclass(frozen=True)
class NamedMethod:
    """A method within a trainer that is not ours."""

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)
    rewards: list[Reward]
    budget: Plugin
    """What rewards hold lengths against. It neither stops a rollout nor is written into a prompt."""
    budget_column: str | None = None
    """A column of the data, or a path such as `extra_info.num_tokens`, with the budget that a prompt states (L1)."""
    verifier: Judge = field(default_factory=lambda: PluginPart("math"))
    answer: str | None = None
    """The column or path of gold answers; by default where the trainer's data sets have them."""
    truncated: Literal["wrong", "judge"] = "wrong"
    """What a completion without an end counts as: wrong, or what the verifier says of its text."""
    advantage: Plugin | None = None
    """The estimator, where the trainer lets us; by default `group`."""
    history: str | None = None
    """A file for what rewards remember of each problem; all processes of the trainer must see it."""
    tokenizer: str | None = None
    """A model's name or folder, for a trainer that does not hand its tokenizer over."""
    eos_ids: list[int] = field(default_factory=list)
    """Token ids that end a completion besides the tokenizer's own, where the trainer does not say what ended."""
    group_size: Count | None = None
    """Rollouts of a training group, where the trainer does not say whether it evaluates: groups of another size are
    scored, not remembered."""
    patience: Annotated[float, Field(gt=0)] = 1800.0
    """Seconds that a group waits for its next rollout before it is scored without those that are missing."""


def read_method(path: str | Path | None = None) -> NamedMethod:
    """The method in a file, by default the one that `LENGTHWISE_METHOD` names. Errors: UserError."""
    named = path or os.environ.get(VARIABLE)
    if not named:
        raise UserError(f"no method: set {VARIABLE} to a YAML file of rewards and budget")
    values = load_yaml(text_of(Path(named)))
    if not isinstance(values, Mapping):
        raise UserError(f"{named}: a method is a mapping of keys to values")
    require_no_secrets(dict(values), str(named))
    return read_part(NamedMethod, values, str(named))
