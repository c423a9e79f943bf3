"""Which rollout engine `rollouts.engine: auto` is, and why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec

from rl.recipe.parts import Recipe


@dataclass(frozen=True)
class Machine:
    """What an engine finds where a run trains."""

    cuda: bool
    vllm: bool
    """Whether vLLM is installed."""


@dataclass(frozen=True)
class Choice:
    """An engine by name, and why it is that one, in a few words."""

    engine: str
    why: str

    def describe(self) -> str:
        return f"{self.engine}: {self.why}"


def this_machine() -> Machine:
    import torch

    return Machine(torch.cuda.is_available(), find_spec("vllm") is not None)


def choose(recipe: Recipe, machine: Machine | None = None) -> Choice:
    """The engine of a recipe on a machine, by default this one."""
    part, machine = recipe.rollouts, machine or this_machine()
    if part.engine != "auto":
        return Choice(part.engine, "as the recipe says")
    if not machine.cuda:
        return Choice("transformers", "there is no CUDA device")
    if not machine.vllm:
        return Choice("transformers", "vLLM is not installed: pip install 'lengthwise[vllm]' samples many times faster")
    refused = _refused_by_vllm(recipe)
    return Choice("transformers", refused) if refused else Choice("vllm", "the choice on CUDA, where vLLM is installed")


def _refused_by_vllm(recipe: Recipe) -> str | None:
    """What of a recipe vLLM, or the correction of its rollouts, does not go with."""
    lora, trainer = recipe.lora, recipe.trainer
    if lora is not None and (lora.quantize or lora.modules_to_save):
        return f"vLLM does not take lora.{'quantize' if lora.quantize else 'modules_to_save'}"
    cut = [name for name in ("top_p", "top_k", "min_p") if trainer.get(name) not in (None, 0, 1.0)]
    if cut and trainer.get("vllm_importance_sampling_correction", True):
        return (
            f"rollouts of vLLM cannot be corrected under trainer.{cut[0]}; "
            "trainer.vllm_importance_sampling_correction: false allows vLLM"
        )
    return None


def with_engine(recipe: Recipe, machine: Machine | None = None) -> Recipe:
    """The recipe with an engine in the place of `auto`."""
    part = recipe.rollouts
    if part.engine != "auto":
        return recipe
    return replace(recipe, rollouts=replace(part, engine=choose(recipe, machine).engine))  # type: ignore[arg-type]
