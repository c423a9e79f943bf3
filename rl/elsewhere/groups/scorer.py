"""Whole groups in, rewards out: judged, scored against what is remembered, remembered. Knows no trainer, no torch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING

from rewards import Group, History, LengthReward, Observer, Problem, Rollout, Verdict
from rewards.signatures import Sample
from rewards.thinking import read
from rewards.types import Values
from rl.elsewhere.golds import Golds
from rl.elsewhere.groups.history_file import HistoryFile
from rl.elsewhere.groups.host import Host, by_step, refuse
from rl.elsewhere.groups.method import NamedMethod
from rl.elsewhere.groups.tally import Tally
from rl.elsewhere.groups.told import Said, Scored, Told
from rl.errors import UserError
from rl.models import load_tokenizer
from rl.plugins import (
    function_values,
    guarded,
    is_batch,
    judge_problems,
    load_budget,
    load_reward,
    load_verifier,
    raw_reward,
    score_one,
    score_together,
    step_for,
)
from rl.plugins.budgets import rescored
from rl.problems.paths import value_at
from rl.problems.prompts import problem_id
from rl.prompts import encode_prompts
from rl.thinking import leads, own_end, texts, thinking_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class GroupScorer:
    """A method within a trainer. Errors: UserError where the trainer's hooks cannot do it.

    `tokenizer` is the trainer's; the method's own goes before it.
    """

    def __init__(self, method: NamedMethod, host: Host, tokenizer: PreTrainedTokenizerBase | None = None) -> None:
        self.method, self.host = method, host
        self.rewards: list[LengthReward] = [load_reward(p.name, p.options, p.term) for p in method.rewards]
        self.schedule = load_budget(method.budget.name, method.budget.options)
        refuse(method, self.rewards, self.schedule, host)
        self.verifier = load_verifier(method.verifier.name, method.verifier.options)
        self.golds = Golds(self.verifier)
        if tokenizer is None and method.tokenizer is None:
            raise UserError(f"{host.name} hands over no tokenizer: name the model's as `tokenizer`")
        self.tokenizer = load_tokenizer(method.tokenizer) if method.tokenizer else tokenizer
        assert self.tokenizer is not None
        self.end = own_end(self.tokenizer)
        self.ends = {self.tokenizer.eos_token_id, *method.eos_ids}
        self.file = HistoryFile(Path(method.history)) if method.history else None
        self.tally = Tally(speaks=not host.logs)

    @property
    def history(self) -> History:
        return self.file.history if self.file is not None else History()

    def ended(self, token_ids: Sequence[int]) -> bool:
        """Whether a completion ends with what ends one: for trainers that do not say what stopped it."""
        return bool(token_ids) and token_ids[-1] in self.ends

    def score(self, told: Sequence[Told], step: int | None = None, training: bool = True) -> list[Scored]:
        """The groups with their rewards, those of one step scored against the history before it, then remembered.

        `step` is the optimiser step, None where the trainer tells none. Where it does not tell either whether it
        trains, groups of another size than the method's `group_size` are not remembered.
        """
        if step is None and (why := by_step(self.rewards, self.schedule, self.method)):
            raise UserError(f"{why}, which {self.host.name} did not tell")
        if self.file is not None:
            self.file.refresh()
        now = step or 0
        groups = [rescored(self.schedule, group, now) for group in self._groups(told, now)]
        columns = [self._column(reward, groups, now) for reward in self.rewards]
        weights = [part.weight for part in self.method.rewards]
        scored = []
        for place, group in enumerate(groups):
            terms = [_of_judged(group, column[place]) for column in columns]
            scored.append(Scored(group, terms, _summed(terms, weights)))
        self.tally.count(scored, step)
        if training:
            self._observe(groups, step)
        return scored

    def _column(self, reward: LengthReward, groups: Sequence[Group], step: int) -> list[Values]:
        if is_batch(reward):
            return score_together(reward, groups, self.history, step)
        return [score_one(reward, group, self.history, step) for group in groups]

    def _observe(self, groups: Sequence[Group], step: int | None) -> None:
        observers = [reward for reward in self.rewards if isinstance(reward, Observer)]
        size = None if self.host.evaluation else self.method.group_size

        def teach(group: Group, history: History) -> None:
            for reward in observers:
                with guarded(reward):
                    reward.observe(group, history, **step_for(reward.observe, step or 0))

        if observers and self.file is not None:  # `refuse` saw to the file
            taught = [group for group in groups if size is None or len(group.rollouts) == size]
            self.file.observe([(group.problem.id, partial(teach, group)) for group in taught], step)

    def _groups(self, told: Sequence[Told], step: int) -> list[Group]:
        """Each visit's rollouts, judged. One whose gold answer cannot be read has `crashed` ones."""
        assert self.tokenizer is not None
        golds = [gold or "" for gold in self.golds.of([each.answer for each in told if not each.judged])]
        left = iter(golds)
        problems = []
        for each in told:
            gold = "" if each.judged else next(left)
            problems.append(Problem(problem_id(each.prompt, gold), each.prompt, gold, each.columns))
        said = [one for each in told for one in each.said]
        owner = [problem for problem, each in zip(problems, told, strict=True) for _ in each.said]
        ids = [list(one.token_ids) for one in said]
        decoded = texts(self.tokenizer, ids)
        says = [text if one.text is None else one.text for one, text in zip(said, decoded, strict=True)]
        lead = self._leads(told, problems)
        begun = [each for each, visit in zip(lead, told, strict=True) for _ in visit.said]
        verdicts = self._verdicts(owner, said, list(map(read, begun, says)))
        samples = [
            Sample.of(problem, text, own, before, one.ended)
            for problem, text, own, before, one in zip(owner, says, ids, begun, said, strict=True)
        ]
        given = function_values(self.rewards, samples, {})
        thought = thinking_tokens(ids, begun, says, self.end)
        rollouts = iter(
            Rollout(
                problem_id=problem.id,
                length=len(own),
                stop="eos" if one.ended else "length",
                budget=self._budget(problem, step),
                verdict=verdict,
                raw_reward=raw_reward(verdict, "eos" if one.ended else "length", self.method.truncated),
                text=text,
                token_ids=tuple(own),
                given=values,
                lead=before,
                thinking=thinking,
            )
            for problem, own, one, verdict, text, values, before, thinking in zip(
                owner, ids, said, verdicts, says, given, begun, thought, strict=True
            )
        )
        return [
            Group(problem, tuple(next(rollouts) for _ in each.said))
            for problem, each in zip(problems, told, strict=True)
        ]

    def _leads(self, told: Sequence[Told], problems: Sequence[Problem]) -> list[str]:
        assert self.tokenizer is not None
        prompts = [
            encode_prompts(self.tokenizer, [problem])[0] if each.prompt_ids is None else each.prompt_ids
            for each, problem in zip(told, problems, strict=True)
        ]
        return leads(self.tokenizer, prompts)

    def _verdicts(self, problems: Sequence[Problem], said: Sequence[Said], read: Sequence[str]) -> list[Verdict]:
        """The trainer's own, the verifier's, or `crashed` where there is nothing to judge, or to judge by."""
        verdicts = [Verdict.CRASHED] * len(said)
        asked = []
        for place, (problem, one) in enumerate(zip(problems, said, strict=True)):
            if one.correct is not None and not one.failed:
                verdicts[place] = Verdict.CORRECT if one.correct else Verdict.WRONG
            elif problem.answer and not one.failed:
                asked.append(place)
        found = judge_problems(self.verifier, [problems[p] for p in asked], [read[p] for p in asked]) if asked else []
        for place, verdict in zip(asked, found, strict=True):
            verdicts[place] = verdict
        return verdicts

    def _budget(self, problem: Problem, step: int) -> int:
        column = self.method.budget_column
        if column is None:
            with guarded(self.schedule, "budget"):
                return self.schedule.at(step)
        found = value_at(problem.columns, column)
        whole = isinstance(found, Integral) or (isinstance(found, float) and found.is_integer())  # tables with gaps
        if not whole or isinstance(found, bool) or found < 1:
            raise UserError(f"budget_column {column!r}: a problem has {found!r} there, no number of tokens")
        return int(found)


def _of_judged(group: Group, values: Values) -> Values:
    """What else one may have earned whom nobody judged would count as a wrong answer's."""
    return [None if r.raw_reward is None else value for r, value in zip(group.rollouts, values, strict=True)]


def _summed(terms: Sequence[Values], weights: Sequence[float]) -> Values:
    """Weighted sums over the rewards that judged a rollout; None where none did."""
    totals: Values = []
    for own in zip(*terms, strict=True):
        known = [weight * value for weight, value in zip(weights, own, strict=True) if value is not None]
        totals.append(sum(known) if known else None)
    return totals
