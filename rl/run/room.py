"""Whether a run fits: its prompts and completions into its model, all rendered and counted; all of it on its device."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

from rl.errors import OutOfReach, UserError
from rl.estimates import ASSUMED, Estimate, Prompts, Rates, Shape, estimate, known_config, shape_of
from rl.estimates.devices.cards import this_device
from rl.evaluation.recipes import recipe_protocol, stated
from rl.launch.configuration import Launch
from rl.launch.here import launch_here
from rl.models import load_config, require_room, resolve_model
from rl.prompts import encode_prompts, require_template
from rl.rounds.editing import sizes
from rl.run.loadable import require_loadable
from rl.run.prepare import Prepared, Resolved

COUNTED = 512
"""Prompts whose tokens are counted, spread over all of them."""


def longest_prompt(prepared: Prepared) -> int:
    """Tokens of the longest prompt of a round.

    Errors: UserError where one is refused by the chat template, or does not fit with its budget; of held-out ones, too.
    """
    recipe, config, budgets, tokenizer = prepared.recipe, prepared.config, prepared.budgets, prepared.tokenizer
    settings, options = require_loadable(prepared.model, config), config.chat_template_kwargs
    longest_held_out(prepared)
    problems = [*prepared.train.problems, *(prepared.monitor.problems if prepared.monitor else ())]
    require_template(tokenizer, problems)
    size = sizes(prepared.edits, config.num_generations)[0]
    asked = [each for problem in problems for each in budgets.longest(problem, size)]
    return require_room(encode_prompts(tokenizer, asked, options), budgets.maximum, tokenizer, settings, recipe.name)


def longest_held_out(prepared: Prepared) -> int:
    """Tokens of the longest held-out prompt and its completion together; 0 where none is held out.

    Errors: UserError where they do not fit into the model.
    """
    if not prepared.eval:
        return 0
    recipe, config, tokenizer = prepared.recipe, prepared.config, prepared.tokenizer
    protocol = recipe_protocol(recipe)
    written = [stated(p, protocol.budget_text) for p in prepared.eval.problems]
    ids = encode_prompts(tokenizer, written, config.chat_template_kwargs)
    settings = require_loadable(prepared.model, config)
    return protocol.cap + require_room(ids, protocol.cap, tokenizer, settings, f"{recipe.name}, evaluation")


def prompts_of(prepared: Prepared) -> Prompts:
    """Tokens of the training problems' prompts, their longest budget written in where one is."""
    problems, budgets = prepared.train.problems, prepared.budgets
    step, size = -(-len(problems) // COUNTED), sizes(prepared.edits, prepared.config.num_generations)[0]
    asked = [each for problem in problems[::step] for each in budgets.longest(problem, size)[:1]]
    lengths = [len(ids) for ids in encode_prompts(prepared.tokenizer, asked, prepared.config.chat_template_kwargs)]
    return Prompts(fmean(lengths), max(lengths))


def estimated(looked: Resolved, launch: Launch | None, rates: Rates | None = None) -> Estimate | None:
    """What a run will take on a launch; None where nobody knows the shape of its model."""
    shape = _shape(looked.recipe.model, looked.config.trust_remote_code)
    if shape is None:
        return None
    recipe, config, budgets = looked.recipe, looked.config, looked.budgets
    prompts = prompts_of(looked) if isinstance(looked, Prepared) else ASSUMED
    problems = len(looked.train.problems) if isinstance(looked, Prepared) else None
    return estimate(recipe, config, budgets, shape, launch, rates, prompts, problems, looked.edits)


def _shape(model: str, trust_remote_code: bool) -> Shape | None:
    """By the model's own configuration or, where that is not in reach, by the table that ships."""
    try:
        return shape_of(load_config(resolve_model(model), trust_remote_code), trust_remote_code)
    except OutOfReach:
        config = known_config(model)
        return None if config is None else shape_of(config)


def fitted(prepared: Prepared, launch: Launch, gigabytes: float, anyway: bool = False) -> Prepared:
    """The run with its engine sized to devices of so many GB (10^9 bytes).

    Errors: UserError, in one line with what to change, where the estimate says that it cannot fit, unless it is to be
    tried `anyway`.
    """
    found = estimated(prepared, launch, Rates(gpu_memory=gigabytes))
    if found is None:
        return prepared
    if found.fits is False and not anyway:
        changes = "; ".join(f"{remedy.text} ({remedy.peak / 1e9:.1f} GB then)" for remedy in found.remedies)
        raise UserError(
            f"{prepared.recipe.name}: the estimate says that a rank needs {found.memory.peak / 1e9:.1f} GB while "
            f"{found.memory.worst.split(',')[0]}, and its device has {gigabytes:.1f}; change, in this order: "
            f"{changes or 'more ranks, larger devices, a smaller model'}; or try it --anyway"
        )
    return replace(prepared, sizes=found.sizes)


def fitted_here(prepared: Prepared, anyway: bool = False) -> Prepared:
    """The same on this launch and its devices; on a CPU nothing is refused, and engines have their own sizes."""
    device = this_device()
    return prepared if device is None else fitted(prepared, launch_here(), device.memory, anyway)
