"""All checks, in the order in which their faults build on one another."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import Requirement

from rl.doctor import device, environment, folders, machine, network, plan, shadows, step, versions, workers
from rl.doctor.finding import ELSE, Finding, fail, ok
from rl.errors import UserError
from rl.installed import missing, needs
from rl.recipe.parts import Recipe
from rl.recipe.values import stages_of
from rl.secrecy import Granted, clean


@dataclass(frozen=True)
class Asked:
    """What the doctor is to look at beside the machine itself."""

    recipe: str | None = None
    overrides: list[str] = field(default_factory=list)
    workers: list[str] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    out: Path | None = None
    step: bool = True
    granted: Granted = field(default_factory=Granted)


def examine(asked: Asked) -> Iterator[Finding]:
    """Every finding as it is made, and once. A check that fails itself is a fault as well, and the others go on."""
    told: set[Finding] = set()
    for finding in _found(asked):
        if finding not in told:
            told.add(finding)
            yield finding


def _found(asked: Asked) -> Iterator[Finding]:
    recipe: Recipe | None = None
    found: list[Finding] = []
    if asked.recipe is not None:
        recipe, found = _read(asked.recipe, asked.overrides)
    out = asked.out or Path("runs") / (recipe.name if recipe else "")
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") == ""
    yield from _checked(versions.examine)
    yield from _checked(shadows.examine)
    yield from _checked(lambda: device.examine(hidden))
    yield from found
    yield from _checked(lambda: machine.examine(out, _weight(recipe), _has_device()))
    yield from _checked(lambda: folders.examine(out, asked.out is not None or recipe is not None))
    yield from _checked(lambda: environment.check_environment(os.environ, os.cpu_count() or 1, _missing(recipe)))
    yield from _checked(lambda: _network(asked, recipe))
    yield from _checked(lambda: _workers(asked, recipe))
    if recipe is not None:
        yield from _checked(lambda: plan.examine(recipe, out, asked.granted))
    if asked.step:
        yield from _checked(step.examine)


def _checked(check: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return check()
    except UserError as error:
        return [fail(clean(str(error)), "mend that first")]
    except ModuleNotFoundError as error:
        return [_absent(error)]
    except Exception as error:
        what = clean(" ".join(str(error).split()))[:200] or type(error).__name__
        return [fail(f"a check of the doctor failed: {what}", ELSE)]


def _absent(error: ModuleNotFoundError) -> Finding:
    return fail(str(missing(error) or error), "mend that first")


def _read(reference: str, overrides: list[str]) -> tuple[Recipe | None, list[Finding]]:
    from rl.recipe.named import read_recipe

    try:
        recipe = read_recipe(reference, overrides)
    except UserError as error:
        return None, [fail(clean(str(error)), "mend the recipe")]
    except ModuleNotFoundError as error:
        return None, [_absent(error)]
    return recipe, [ok(f"the recipe {recipe.name} can be read")]


def _network(asked: Asked, recipe: Recipe | None) -> list[Finding]:
    found = network.check_rendezvous(os.environ)
    found += network.check_ports(asked.ports, "a worker", "end what listens there, or choose another --port")
    if recipe is not None and recipe.rollouts.engine == "workers" and recipe.rollouts.pool.weights == "nccl":
        from rl.rollouts.vllm.nccl import GROUP_PORT

        ports = range(GROUP_PORT, GROUP_PORT + len(recipe.rollouts.workers))
        found += network.check_ports(ports, "weights over NCCL", "end what listens there")
    return found


def _workers(asked: Asked, recipe: Recipe | None) -> list[Finding]:
    addresses = asked.workers or (recipe.rollouts.workers if recipe else [])
    key = asked.granted.key_for(addresses, recipe.rollouts.pool.api_key_env if recipe else None)
    vllm = next(need for need in map(Requirement, needs().packages) if need.name == "vllm")
    expected = workers.Expected(
        recipe.model if recipe else None,
        _longest(recipe) if recipe else None,
        str(vllm.specifier),
        key,
    )
    return workers.examine(addresses, expected)


def _longest(recipe: Recipe) -> int:
    """Tokens of the longest completion that the recipe can ask for."""
    from rl.plugins import load_budget
    from rl.rounds.budgets import Budgets

    parts = [(part.budget, part.trainer) for part in (stage for _, stage in stages_of(recipe) or [("", recipe)])]
    return max(
        Budgets(load_budget(b.name, b.options, t.get("max_steps")), b.in_prompt, b.cap, b.cap_factor).maximum
        for b, t in parts
    )


def _weight(recipe: Recipe | None) -> machine.Weight | None:
    """None where the model is not at hand, or is not known."""
    if recipe is None or _missing(recipe):
        return None
    from peft import get_peft_model
    from transformers import AutoModelForCausalLM

    from rl.models import load_config, resolve_model, without_weights
    from rl.trainer.lora import peft_config, trainable

    with without_weights():
        model = AutoModelForCausalLM.from_config(load_config(resolve_model(recipe.model)))
        if recipe.lora is not None:
            model = get_peft_model(model, peft_config(recipe.lora))
    trained, every = trainable(model)
    newest, steps, stay = (recipe.trainer.get(name) for name in ("save_total_limit", "max_steps", "keep_steps"))
    return machine.Weight(every, trained, (newest or 2) + ((steps or 0) // stay if stay else 0))


def _missing(recipe: Recipe | None) -> list[str]:
    """The recipe's model, where it is a name on the hub whose files are not in the cache."""
    if recipe is None:
        return []
    from huggingface_hub import try_to_load_from_cache

    from rl.models import EMBEDDED

    here = recipe.model in EMBEDDED or Path(recipe.model).expanduser().exists()
    return [] if here or isinstance(try_to_load_from_cache(recipe.model, "config.json"), str) else [recipe.model]


def _has_device() -> bool:
    import torch

    return bool(torch.cuda.is_available())
