"""Completions to rollouts: decoded, judged once, with what one-rank rewards say of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rewards import LengthReward, Problem, Rollout
from rewards.signatures import Sample
from rewards.thinking import read
from rewards.types import Prompt, Spans
from rewards.verifier import Verifier
from rl.plugins import function_values, judge_problems, raw_reward
from rl.rollouts import Completion
from rl.rounds.ahead import Row

Decode = Callable[[Sequence[Completion]], list[str]]
"""Completions to what they say."""
Leads = Callable[[Sequence[Prompt]], list[str]]
"""Prompts to what they have begun of the thinking; see `rewards.thinking`."""
Thoughts = Callable[[Sequence[Completion], Sequence[str], Sequence[str]], list[int]]
"""Completions, their leads and texts to the tokens of thinking."""


Ends = Callable[[Sequence[Completion], Sequence[str]], Sequence[Sequence[int]]]
"""Completions and their texts to where each token ends in the text."""


def no_leads(prompts: Sequence[Prompt]) -> list[str]:
    return [""] * len(prompts)


def no_thoughts(completions: Sequence[Completion], leads: Sequence[str], texts: Sequence[str]) -> list[int]:
    return [0] * len(completions)


@dataclass(frozen=True)
class Made:
    """A completion that is to be judged, and what becomes of it as a rollout besides."""

    row: Row
    completion: Completion
    masked: Spans = ()
    root: int | None = None
    branched: int = 0
    cut: int = 0


@dataclass
class Judging:
    """Makes rollouts of this rank's completions."""

    verifier: Verifier
    rewards: Sequence[LengthReward]
    decode: Decode
    leads: Leads = no_leads
    thoughts: Thoughts = no_thoughts
    truncated: str = "wrong"
    """The raw reward of a rollout cut at its budget: `wrong` is 0, `judge` what the verifier says of its text."""
    ends: Ends | None = None
    """None: nobody reads the text."""
    trains_closing: bool = False
    """Whether what closes thinking by force is in the loss."""
    hooks: Mapping[str, Any] = field(default_factory=dict)
    """Further keyword arguments that TRL gives a reward function (`trainer_state`, `log_metric`)."""
    seconds: float = 0.0
    """In the verifier."""

    def sampled(self, rows: Sequence[Row], completions: Sequence[Completion]) -> list[Rollout]:
        """One rollout a completion, as an engine gave them."""
        pairs = zip(rows, completions, strict=True)
        return self.rollouts([Made(row, each, self._masked(row, each)) for row, each in pairs])

    def _masked(self, row: Row, completion: Completion) -> Spans:
        prefix, closing = completion.forced[: bool(row.prefix)], completion.forced[bool(row.prefix) :]
        return prefix * (not row.trains_prefix) + closing * (not self.trains_closing)

    def rollouts(self, made: Sequence[Made]) -> list[Rollout]:
        """One each. A reward function sees these rows only, as under TRL itself."""
        problems, completions = [each.row.problem for each in made], [each.completion for each in made]
        texts, leads = self.decode(completions), self._leads_of(problems)
        thinking = self.thoughts(completions, leads, texts)
        ends = [()] * len(made) if self.ends is None else self.ends(completions, texts)
        started = time.perf_counter()
        verdicts = judge_problems(self.verifier, problems, list(map(read, leads, texts)))
        self.seconds += time.perf_counter() - started
        samples = [
            Sample.of(problem, text, completion.token_ids, lead, completion.stop != "length")
            for problem, text, completion, lead in zip(problems, texts, completions, leads, strict=True)
        ]
        given = function_values(self.rewards, samples, self.hooks)
        return [
            Rollout(
                problem_id=each.row.problem.id,
                length=len(completion.token_ids),
                stop=completion.stop,
                budget=each.row.budget + _closing(each),
                verdict=verdict,
                raw_reward=raw_reward(verdict, completion.stop, self.truncated),
                text=text,
                lead=lead,
                token_ids=completion.token_ids,
                given=given[i],
                logprobs=completion.logprobs,
                weight_version=completion.weight_version,
                thinking_budget=each.row.parts and each.row.parts.thinking,
                thinking=thought,
                forced=completion.forced,
                segments=completion.segments,
                masked=each.masked,
                variant=each.row.variant,
                root=each.root,
                branched=each.branched,
                cut=each.cut,
                ends=ends[i],
            )
            for i, (each, completion, text, lead, verdict, thought) in enumerate(
                zip(made, completions, texts, leads, verdicts, thinking, strict=True)
            )
        ]

    def _leads_of(self, problems: Sequence[Problem]) -> list[str]:
        """One a rollout; a group's prompt is looked at once."""
        each = {id(problem): problem.prompt for problem in problems}
        found = dict(zip(each, self.leads(list(each.values())) if each else (), strict=True))
        return [found[id(problem)] for problem in problems]


def _closing(made: Made) -> int:
    """Tokens that closed its thinking by force, which are in the budget of neither part."""
    row = made.row
    closing = (
        made.completion.forced[bool(row.prefix) :] if row.parts is not None and row.budget >= sum(row.parts) else ()
    )
    return sum(end - begin for begin, end in closing)


def asked_apart(rollouts: Sequence[Rollout], rows: Sequence[Row], problem: Problem) -> list[Rollout]:
    """A group's rollouts, those with their prompt that were asked another than their problem's."""
    pairs = zip(rollouts, rows, strict=True)
    return [r if row.problem.prompt == problem.prompt else replace(r, prompt=row.problem.prompt) for r, row in pairs]
