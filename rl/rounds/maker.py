"""A round, step by step: ask, judge, score, sample again, estimate. No model, no TRL: an engine and a verifier."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from accelerate.utils import gather_object

from curricula import Admission, ProblemOrder
from curricula.schedule import SplitBudget
from rewards import Group, History, LengthReward, Monitor, Problem
from rewards.credit import TokenCredit
from rewards.edits import Edit
from rewards.verifier import Verifier
from rl.credit.calling.estimator import Estimator
from rl.credit.calling.tokens import credited
from rl.problems.sampler import PASS_RATE, ProblemSampler
from rl.ranks import gathered
from rl.rollouts import Completion, stable_seed
from rl.rollouts.workers.engine import WorkersEngine
from rl.rounds.ahead import Draw, Row, problems_of
from rl.rounds.asking import Asker, share
from rl.rounds.budgets import PLAIN, Budgets
from rl.rounds.editing import Editing, sizes
from rl.rounds.judging import Decode, Ends, Judging, Leads, Thoughts, asked_apart, no_leads, no_thoughts
from rl.rounds.moment import Moment
from rl.rounds.partial.under_way import UnderWay, joined
from rl.rounds.round import Round, Sampled, ScoredGroup
from rl.rounds.sampling import RoundSampling
from rl.rounds.scoring import look, observe, refuse_shaped_filter, require_monitor, score, score_batch, varies


@dataclass(frozen=True)
class RoundSettings:
    """The shape of a round, the same on every rank."""

    groups: int
    """That train."""
    size: int
    """Rollouts a group."""
    seed: int = 0
    steps: int = 1
    """Optimiser steps that a round makes."""
    dynamic: bool = False
    """Draw fresh groups for those that do not vary."""
    draws: int = 1
    """The most that a round takes."""
    filter_on: str = "raw"
    """Which reward must vary: `raw` or `shaped`."""
    oversample: float = 1.0
    """How many times as many groups as it needs a round begins; those that it closes without go on in later ones."""
    max_staleness: int = 0
    """Rounds that such a group may be old when it trains."""
    truncated: str = "wrong"
    """The raw reward of a rollout cut at its budget: `wrong` is 0, `judge` what the verifier says of its text."""


class RoundMaker:
    """Makes full batches of scored groups, the same on every rank, and remembers what that takes from one to the next.

    `rewards` are weighted by `weights`; `monitor` problems set the controllers of rewards that have one; `edits` change
    judged groups before they are scored, `credit` says which tokens earned an advantage. All ranks of a launch make
    each round together; each samples and judges its share.
    """

    def __init__(
        self,
        problems: Sequence[Problem],
        rewards: Sequence[LengthReward],
        budgets: Budgets,
        verifier: Verifier,
        asker: Asker,
        decode: Decode,
        settings: RoundSettings,
        weights: Sequence[float] | None = None,
        estimator: Estimator | None = None,
        order: ProblemOrder | None = None,
        monitor: Sequence[Problem] = (),
        leads: Leads = no_leads,
        thoughts: Thoughts = no_thoughts,
        ends: Ends | None = None,
        edits: Sequence[Edit] = (),
        credit: TokenCredit | None = None,
    ) -> None:
        require_monitor(rewards, bool(monitor))
        refuse_shaped_filter(rewards, settings.filter_on if settings.dynamic else "raw")
        self.problems, self.rewards, self.monitor = list(problems), list(rewards), list(monitor)
        self.budgets, self.asker, self.settings, self.credit = budgets, asker, settings, credit
        schedule = budgets.schedule
        closing = isinstance(schedule, SplitBudget) and schedule.trains_closing
        reads = any(getattr(each, "reads_text", False) for each in (*edits, credit))
        self.judging = Judging(
            verifier, self.rewards, decode, leads, thoughts, settings.truncated, ends if reads else None, closing
        )
        self.editing = Editing(edits, asker, self.judging, budgets.maximum)
        self.weights = torch.tensor(list(weights or [1.0] * len(rewards)), dtype=torch.float32)
        self.estimator = estimator or Estimator("group", weights=self.weights.tolist())
        self.history = History()
        self.sampler = ProblemSampler(self.problems, settings.seed, order)
        self.sampling = RoundSampling(settings.groups, settings.draws if settings.dynamic else 1)
        self.under_way = (
            UnderWay(asker, settings.oversample, settings.max_staleness, settings.steps)
            if settings.oversample > 1.0
            else None
        )
        self._tokens = 0
        self._began: Moment | None = None

    def make(self, step: int, end: int = sys.maxsize, hooks: Mapping[str, Any] | None = None) -> Round:
        """The round that begins with optimiser step `step` of a run of `end` steps.

        `hooks` are further arguments of TRL's reward functions (`trainer_state`, `log_metric`).
        """
        settings, self._tokens = self.settings, 0
        self.judging.seconds, self.judging.hooks = 0.0, hooks or {}
        self._began = self._moment() if isinstance(self.asker.engine, WorkersEngine) else None
        self._look(step)
        scoring = self.rewards, self.weights, self.history
        last = step + settings.steps >= end
        filled = self.sampling.fill(
            draw=lambda count, attempt: self._next_groups(count, step, attempt, last),
            score=lambda sampled: score(
                sampled, *scoring, rescored=lambda group: self.budgets.rescored(group, step), step=step
            ),
            useful=lambda scored: not settings.dynamic or varies(scored, settings.filter_on),
            in_force=lambda sampled: self.budgets.in_force(step, sampled),
            last=last,
        )
        filled = replace(filled, batch=score_batch(filled.batch, *scoring, step=step))
        observe(filled.visited(), self.rewards, self.history, step)
        self._remember(filled.visited())
        self._ask_ahead(step, end)
        terms, totals = (torch.cat([getattr(scored, part) for scored in filled.batch]) for part in ("terms", "totals"))
        lengths = torch.tensor([r.length for s in filled.batch for r in s.group.rollouts], dtype=torch.float32)
        advantages = self.estimator(terms, totals, settings.size, lengths)
        seconds, tokens = zip(*gather_object([(self.judging.seconds, self._tokens)]), strict=True)
        return Round(
            **vars(filled),
            step=step,
            number=step // settings.steps,
            advantages=advantages,
            reward_names=[reward.name for reward in self.rewards],
            judging=max(seconds),
            tokens=sum(tokens),
            credits=None if self.credit is None else credited(self.credit, filled.groups(), advantages),
        )

    def _look(self, step: int) -> None:
        """Show the monitor set to every reward whose interval has passed since the round before."""
        due = [r for r in self.rewards if isinstance(r, Monitor) and step % r.interval < self.settings.steps <= step]
        if due:
            sampled = self.roll(self.monitor, step, stable_seed(self.settings.seed, step, -1), plain=True)
            look([self.budgets.rescored(each.group, step) for each in sampled], due, self.history)

    # Groups ------------------------------------------------------------------------------------

    def _next_groups(self, count: int, step: int, attempt: int, last: bool) -> list[Sampled]:
        """Groups of the round that begins with `step`: what was asked for it ahead, or `count` fresh ones."""
        if self.under_way is not None:
            return self._become_whole(self.under_way, count, step, attempt, last)
        planned = self.asker.take(step) if attempt == 0 else None
        if planned is None:
            return self.roll(self._next_problems(count), step, stable_seed(self.settings.seed, step, attempt))
        assert planned.completions is not None
        return self._groups(planned.draw, planned.completions, planned.version)

    def _become_whole(self, under_way: UnderWay, count: int, step: int, attempt: int, last: bool) -> list[Sampled]:
        """`count` groups, of those that are under way and of fresh ones: those that the round closes with."""
        seed = stable_seed(self.settings.seed, step, attempt)
        under_way.begin(self._draws_each(under_way.fresh(count, last), step, seed), step)
        wholes = joined(under_way.whole(count, step, last), lambda begun: stable_seed(seed, begun, -1))
        return [
            group
            for each in wholes
            for group in self._groups(each.draw, each.completions[share(each.draw)], each.version)
        ]

    def _draws_each(self, count: int, step: int, seed: int) -> list[Draw]:
        """Of each of the next problems its own."""
        problems = self._next_problems(count)
        return [self._draw([each], step, stable_seed(seed, place)) for place, each in enumerate(problems)]

    def roll(self, problems: Sequence[Problem], step: int, seed: int, plain: bool = False) -> list[Sampled]:
        """Each rank samples and judges its share of these problems' groups; every rank gets all whole groups.

        `plain`: without what a method does to groups that train.
        """
        draw = self._draw(problems, step, seed, plain)
        return self._groups(draw, self.asker.now(draw), step, plain)

    def _ask_ahead(self, step: int, end: int) -> None:
        missing = self.sampling.wanted - len(self.sampling.leftover)
        count = self.sampling.acceptance.groups_for(missing, self.sampling.wanted)
        later, draws = step + self.settings.steps, []
        if self.under_way is not None:
            if self.under_way.leads and later < end:
                fresh = self.under_way.fresh(count, later + self.settings.steps >= end)
                seed = stable_seed(self.settings.seed, later, -2)
                self.under_way.lead(self._draws_each(fresh, later, seed), step)
            return
        for later in self.asker.ahead.missing(step, self.settings.steps, end):
            draws.append(self._draw(self._next_problems(count), later, stable_seed(self.settings.seed, later, 0)))
        self.asker.plan(draws, step)

    def _next_problems(self, count: int) -> list[Problem]:
        return [self.problems[i] for i in self.sampler.take(count, self._pass_rate)]

    def _draw(self, problems: Sequence[Problem], step: int, seed: int, plain: bool = False) -> Draw:
        """What is asked of these problems; `plain`: each rollout of a group alike, and as many as train."""
        size = self.settings.size if plain else sizes(self.editing.edits, self.settings.size)[0]
        budgets = [self.budgets.of(step, problem) for problem in problems]
        asked = [
            self.budgets.written(problem, budget, self.budgets.parts_of(step, problem))
            for problem, budget in zip(problems, budgets, strict=True)
        ]
        rows: list[Row] = []
        for problem, written, budget in zip(problems, asked, budgets, strict=True):
            variants = [PLAIN] * size if plain else self.budgets.variants(step, problem, size)
            for variant in variants:
                rows.append(self.budgets.row(step, problem, written, budget, variant, stable_seed(seed, len(rows))))
        return Draw(list(problems), asked, budgets, rows, step, seed)

    def _groups(
        self, draw: Draw, completions: Sequence[Completion], version: int, plain: bool = False
    ) -> list[Sampled]:
        """All ranks' completions, judged and edited, as groups."""
        own = self.judging.sampled(draw.rows[share(draw)], completions)
        self._tokens += sum(r.length - sum(end - begin for begin, end in r.forced) for r in own)
        everyone, size, groups = gathered(own), draw.size, []
        for i, problem in enumerate(draw.asked):
            members = slice(i * size, (i + 1) * size)
            groups.append(Group(problem, tuple(asked_apart(everyone[members], draw.rows[members], problem))))
        if not plain:
            before = self.editing.tokens
            groups = self.editing.edited(groups, self.history, draw.step, draw.seed, self.settings.size)
            self._tokens += self.editing.tokens - before
        parts = [self.budgets.parts_of(draw.step, problem) for problem in draw.problems]
        each = zip(groups, draw.budgets, parts, strict=True)
        return [Sampled(group, budget, version, own) for group, budget, own in each]

    # Accuracy, where the order of the problems goes by it -----------------------------------------

    def _pass_rate(self, index: int) -> float | None:
        entry = self.history.get(PASS_RATE, self.problems[index].id)
        return entry["rate"] if entry else None

    def _remember(self, groups: Sequence[ScoredGroup]) -> None:
        for group in (scored.group for scored in groups if isinstance(self.sampler.order, Admission)):
            if (rate := group.accuracy()) is not None:
                self.history.put(PASS_RATE, group.problem.id, {"rate": rate})

    # Checkpoints -------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Plain JSON. Controllers keep what they know in the history; schedules are functions of the step."""
        return {
            "history": self.history.state_dict(),
            "sampler": self.sampler.state_dict(),
            "sampling": self.sampling.state_dict(),
            "estimator": self.estimator.state_dict(),
            "ahead": self.asker.state_dict(),
        } | ({} if self.under_way is None else {"under_way": self.under_way.state_dict()})

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Errors: UserError where the problem of a rollout that was kept is no longer there."""
        self.history.load_state_dict(state["history"])
        self.sampler.load_state_dict(state["sampler"])
        self.sampling.load_state_dict(state["sampling"], self.problems)
        self.estimator.load_state_dict(state["estimator"])
        self.asker.load_state_dict(state.get("ahead", ()), self._draw_again)
        if self.under_way is not None and "under_way" in state:
            self.under_way.load_state_dict(state["under_way"], self._draw_again)

    def _draw_again(self, state: Mapping[str, Any]) -> Draw:
        return self._draw(problems_of(state, self.problems), state["step"], state["seed"])

    @contextmanager
    def as_round_began(self) -> Iterator[None]:
        """While the context lasts, the state is that before the round that is being made."""
        now = self._moment()
        (self._began or now).put_back()
        try:
            yield
        finally:
            now.put_back()

    def _moment(self) -> Moment:
        return Moment(self.sampler, self.sampling.acceptance, self.history, self.asker.ahead, self.under_way)
