"""Whether a recipe is the one that lies in a run's folder, and what such a run keeps of its start.

What the recipe leaves to the machine, a run that goes on has as it began: the rollout engine above all.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import yaml

from rl.recipe.parts import Recipe
from rl.recipe.values import parse_recipe

STAGE_MODEL = re.compile(r"\.\./\d+-[^/]+/final")
_OLD_STAGE_MODEL = re.compile(r"/.*/stages/(\d+-[^/]+/final)")


def adopted(recipe: Recipe, written: Mapping[str, Any]) -> Recipe:
    """The recipe with what its run began with, by the written one, where it leaves that to the machine.

    Errors: UserError.
    """
    return replace(recipe, rollouts=parse_recipe(_adopted(recipe.to_dict(), written), recipe.name).rollouts)


def _adopted(plain: dict[str, Any], written: Mapping[str, Any]) -> dict[str, Any]:
    found = written.get("rollouts")
    if not isinstance(found, Mapping):
        return plain
    plain = copy.deepcopy(plain)
    asked, vllm = plain["rollouts"], found.get("vllm")
    if asked["engine"] == "auto":
        asked["engine"] = found.get("engine", "auto")
    for name in ("gpu_memory_utilization", "sleep"):  # written out by earlier versions
        if isinstance(vllm, Mapping) and asked["vllm"][name] is None:
            asked["vllm"][name] = vllm.get(name)
    return plain


def is_of(written: dict[str, Any], recipe: Recipe) -> bool:
    """Whether a written recipe and this one are the same run."""
    if STAGE_MODEL.fullmatch(recipe.model):
        written = _of_any_place(written)
    asked = _adopted(yaml.safe_load(recipe.to_yaml()), written)
    return _what_is_run(written) == _what_is_run(asked)


def _of_any_place(written: dict[str, Any]) -> dict[str, Any]:
    """A recipe whose model is that of the stage before, as it is written now: earlier versions wrote where it lay."""
    found = _OLD_STAGE_MODEL.fullmatch(str(written.get("model")))
    return {**written, "model": f"../{found[1]}"} if found else written


def _what_is_run(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe without what may change from one start of its run to the next: who the workers are."""
    rollouts = recipe.get("rollouts")
    if not isinstance(rollouts, Mapping):
        return dict(recipe)
    changing = ("workers", "pool", "wait_minutes")
    return {**recipe, "rollouts": {name: value for name, value in rollouts.items() if name not in changing}}
