"""Whether the prompts of a run, and the completions that may follow, fit into its model: all rendered and counted."""

from __future__ import annotations

from rl.evaluation.recipes import recipe_protocol, stated
from rl.models import require_room
from rl.prompts import encode_prompts, require_template
from rl.run.loadable import require_loadable
from rl.run.prepare import Prepared


def longest_prompt(prepared: Prepared) -> int:
    """Tokens of the longest prompt of a round.

    Errors: UserError where one is refused by the chat template, or does not fit with its budget; of held-out ones, too.
    """
    recipe, config, budgets, tokenizer = prepared.recipe, prepared.config, prepared.budgets, prepared.tokenizer
    settings, options = require_loadable(prepared.model, config), config.chat_template_kwargs
    if prepared.eval:
        protocol = recipe_protocol(recipe)
        written = [stated(p, protocol.budget_text) for p in prepared.eval.problems]
        ids = encode_prompts(tokenizer, written, options)
        require_room(ids, protocol.cap, tokenizer, settings, f"{recipe.name}, evaluation")
    problems = [*prepared.train.problems, *(prepared.monitor.problems if prepared.monitor else ())]
    require_template(tokenizer, problems)
    asked = [budgets.written(problem, budgets.schedule.maximum) for problem in problems]
    return require_room(encode_prompts(tokenizer, asked, options), budgets.maximum, tokenizer, settings, recipe.name)
