"""What is asked of a release."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Wanted:
    """What is to be released of a run, and how."""

    license: str | None
    """Its identifier, as the hub and SPDX have it in small letters."""
    checkpoint: str = "last"
    """`best`, `last`, `pareto`, or a step."""
    base: str | None = None
    """The model that was trained, by the name the public knows it by, or where it lies."""
    adapter: bool = False
    """Leave a LoRA adapter an adapter; by default it is folded into its base."""
    evaluations: Sequence[Path] = ()
    """What `lengthwise evaluate --json` wrote, for the card."""
    caps: Sequence[int] | None = None
    """Tokens at which the run's own answers are scored."""
    name: str | None = None
    """What the model is called; by default as its folder."""
    repository: str | None = None
    """Of the hub, where it is to be found; by default others find it in the folder alone."""
    budgets: Path | None = None
    """What `lengthwise evaluate --force-at … --json` wrote: what the model gives at which budget of thinking."""
    dtype: str | None = None
    """Of the weights: `bfloat16`, `float16` or `float32`; by default that of the model that was trained."""
