"""A recipe made ready: every name resolved, every problem read, everything checked; nothing written yet."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from curricula import ProblemOrder
from rewards import LengthReward
from rewards.credit import Paired, TokenCredit
from rewards.edits import Doubtful, Edit
from rewards.verifier import Verifier
from rewards.verifier.function import FunctionVerifier
from rl.credit.calling.estimator import Estimator
from rl.errors import UserError
from rl.estimates.sizes import Sizes
from rl.evaluation.measuring import asked_by
from rl.evaluation.recipes import recipe_protocol
from rl.folders.run import RunFolder
from rl.models import load_tokenizer, require_end, resolve_model
from rl.plugins import FunctionReward, is_of_others
from rl.problems.data import ProblemSet, load_problems
from rl.problems.doubts import doubts_of, shared
from rl.problems.prompts import require_places
from rl.problems.sampler import ProblemSampler
from rl.prompts import unread
from rl.recipe.config import LengthGRPOConfig, field_types
from rl.recipe.engine_choice import Machine, with_engine
from rl.recipe.named import named
from rl.recipe.parts import EvaluationPart, Recipe, SourcePart
from rl.recipe.refusals import require_token_credit
from rl.recipe.trainer_config import trainer_config
from rl.rollouts.rows import require_rows
from rl.rounds.asking import forcing_of
from rl.rounds.budgets import Budgets
from rl.rounds.editing import extra_of, require_sizes
from rl.rounds.maker import RoundSettings
from rl.rounds.scoring import refuse_shaped_filter, require_monitor
from rl.run.loadable import require_loadable
from rl.secrecy import Granted
from rl.thinking import described
from rl.trainer.lora import require_lora
from rl.trainer.packed import require_packable, require_sequence_ranks
from rl.trial import try_out
from rl.updates.chunked import require_proven

PROBED = ("pass_rate", "ref_accuracy", "ref_length")
"""Columns that `data.probe` adds to every training problem."""
LOOKED_AT = 64
"""Prompts that a dry run looks at for what they do with thinking."""


@dataclass(frozen=True)
class Resolved:
    """A recipe whose every plug-in is there; no model and no problem has been looked at."""

    recipe: Recipe
    config: LengthGRPOConfig
    rewards: list[LengthReward]
    budgets: Budgets
    order: ProblemOrder
    verifier: Verifier
    edits: list[Edit]
    credit: TokenCredit | None
    granted: Granted = field(default=Granted(), kw_only=True)
    sizes: Sizes = field(default=Sizes(), kw_only=True)
    """Of its engine, where the recipe leaves them to the memory estimate."""

    def functions(self) -> list[str]:
        """What each function that the recipe names was taken for."""
        rewards = [("reward", r.name, r.describe()) for r in self.rewards if isinstance(r, FunctionReward)]
        judge = self.verifier
        judges = [("verifier", judge.name, judge.called.describe())] if isinstance(judge, FunctionVerifier) else []
        return [f"{kind:<10} {name}: {taken}" for kind, name, taken in [*rewards, *judges]]

    def require_columns(self, problems: ProblemSet) -> None:
        """Errors: UserError where a reward function asks for a column that the problems do not have."""
        added = PROBED if self.recipe.data.probe else ()
        columns = dict.fromkeys([*(name for p in problems.problems for name in p.columns), *added])
        for reward in self.rewards:
            if isinstance(reward, FunctionReward):
                reward.require(columns, problems.source)


@dataclass(frozen=True)
class Prepared(Resolved):
    """A recipe whose every name has been resolved and every problem read; nothing written yet."""

    model: str
    tokenizer: PreTrainedTokenizerBase
    train: ProblemSet
    eval: ProblemSet | None
    monitor: ProblemSet | None

    def warnings(self) -> list[str]:
        """What goes on nevertheless, though it is hardly meant."""
        found = [shared(self.eval, self.train) if self.eval else None]
        found += [e.doubt(self.config.num_generations) for e in self.edits if isinstance(e, Doubtful)]
        found.append(unread(self.tokenizer, self.config.chat_template_kwargs))
        return [line for line in found if line]

    def starting_from(self, stage: RunFolder) -> Prepared:
        """The same from the model of the stage before, which was evaluated already."""
        evaluation = replace(self.recipe.evaluation, before=False)
        recipe = replace(self.recipe, model=stage.seen_from_the_next, evaluation=evaluation)
        return replace(self, model=str(stage.final.resolve()), recipe=recipe)

    def describe(self) -> list[str]:
        """What a dry run prints below the resolved recipe."""
        lines = [*self.functions(), f"model      {self.model}", f"train      {self.train.told()}"]
        lines += [f"warning    {line}" for line in doubts_of(self.train.problems, self.verifier)]
        for name, problems in (("eval", self.eval), ("monitor", self.monitor)):
            if problems:
                lines.append(f"{name:<10} {problems.told()}")
        lines += [f"warning    {line}" for line in self.warnings()]
        c = self.config
        lines.append(
            f"round      {c.groups_per_round} groups x {c.num_generations} rollouts, {c.round_steps} optimiser steps, "
            f"at most {self.budgets.maximum} tokens a rollout"
        )
        thinking = described(self.tokenizer, self.train.problems[:LOOKED_AT], c.chat_template_kwargs)
        return [*lines, f"thinking   {thinking}"] if thinking else lines


def resolve(recipe: Recipe, out: Path, machine: Machine | None = None) -> Resolved:
    """Find every plug-in and check every setting, with neither model nor data. Errors: UserError.

    `machine`: what `rollouts.engine: auto` is chosen for; by default this one.
    """
    recipe = with_engine(recipe, machine)
    found = named(recipe, field_types())
    require_places(recipe.data.prompt)
    rewards, edits, credit, part = found.rewards, found.edits, found.credit, recipe.budget
    recipe_protocol(recipe)  # raises where there can be no such evaluation
    budgets = Budgets(found.schedule, part.in_prompt, part.cap, part.cap_factor, found.asking, extra_of(edits))
    config = trainer_config(recipe, out, budgets.maximum)
    if recipe.data.probe and (config.top_k or config.min_p is not None):
        raise UserError("data.probe samples by temperature and top_p only; remove trainer.top_k and trainer.min_p")
    require_monitor(rewards, recipe.data.monitor is not None)
    refuse_shaped_filter(rewards, recipe.sampling.filter_on)
    require_sizes(edits, budgets, config.num_generations)
    if edits and config.mask_truncated_completions:
        raise UserError(
            f"{recipe.name}: trainer.mask_truncated_completions leaves out what does not end by itself, so all that "
            "edits cut; set it to false, or remove `edits`"
        )
    if credit is not None:
        require_token_credit(config)
    if isinstance(credit, Paired) and (why := credit.misfit(edits, rewards)):
        raise UserError(f"token credit {credit.name!r}: {why}")
    return Resolved(recipe, config, rewards, budgets, found.order, found.verifier, edits, credit)


def prepare(
    recipe: Recipe,
    out: Path,
    loaded: dict[str, ProblemSet] | None = None,
    granted: Granted | None = None,
    machine: Machine | None = None,
) -> Prepared:
    """Resolve and check everything that can be checked before anything is written or trained.

    `loaded` keeps problem sets from one call to the next: stages mostly share theirs. `machine` as of `resolve`.
    """
    resolved = replace(resolve(recipe, out, machine), granted=granted or Granted())
    recipe = resolved.recipe
    config, order, verifier = resolved.config, resolved.order, resolved.verifier
    model = resolve_model(recipe.model)
    settings = require_loadable(model, config)
    if config.sequence_chunk is not None:
        require_proven(settings)
    if config.tokens_per_micro_batch is not None:
        require_packable(settings, config)
    require_sequence_ranks(settings, config)
    require_lora(recipe, config, model)
    tokenizer = load_tokenizer(model, config.trust_remote_code)
    require_rows(settings, recipe.model)
    require_end(tokenizer)
    forcing_of(tokenizer, resolved.budgets.schedule)

    chat = tokenizer.chat_template is not None
    known = {} if loaded is None else loaded

    def read(source: SourcePart) -> ProblemSet:
        key = repr((source, recipe.data.prompt, chat))
        if key not in known:
            known[key] = load_problems(source, recipe.data.prompt, verifier, chat)
        return known[key]

    data = recipe.data
    train = read(data.train)
    config.require_problems(len(train.problems), train.source)
    if not (data.probe and order.column in PROBED):
        ProblemSampler(train.problems, recipe.seed, order)
    held_out = read(data.eval) if data.eval else None
    monitor = read(data.monitor) if data.monitor else None
    for trained_on in (train, *([monitor] if monitor else [])):
        resolved.require_columns(trained_on)
    if held_out and data.eval and recipe.evaluation.budget == EvaluationPart().budget:
        asked = asked_by(tokenizer, held_out, data.eval, verifier, recipe_protocol(recipe), "transformers")
        fits = replace(recipe.evaluation, budget=asked.fitted(tokenizer, settings).protocol.cap)
        resolved = replace(resolved, recipe=replace(recipe, evaluation=fits))
    prepared = Prepared(**vars(resolved), model=model, tokenizer=tokenizer, train=train, eval=held_out, monitor=monitor)
    _try_out(prepared)
    return prepared


def _try_out(prepared: Prepared) -> None:
    """Call what others wrote once, ones made for that, which the run does not meet. Errors: UserError."""
    recipe, config, budgets = prepared.recipe, prepared.config, prepared.budgets
    weights = [part.weight for part in recipe.rewards]
    estimator = Estimator(config.advantage, config.advantage_options, weights)
    made = [estimator.estimate, prepared.verifier, budgets.schedule, budgets.asking, prepared.order, prepared.credit]
    if not any(is_of_others(each) for each in [*made, *prepared.rewards, *prepared.edits] if each is not None):
        return
    new, first = named(recipe, field_types()), prepared.train.problems[0]
    probed = dict.fromkeys(PROBED if recipe.data.probe else (), 1.0)
    try_out(
        replace(first, columns={**probed, **first.columns}),
        new.rewards,
        replace(budgets, schedule=new.schedule, asking=new.asking),
        prepared.verifier,
        estimator,
        prepared.tokenizer,
        RoundSettings(groups=1, size=config.num_generations, seed=recipe.seed, truncated=config.truncated),
        weights,
        new.edits,
        new.credit,
        config.chat_template_kwargs,
    )
