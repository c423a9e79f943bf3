"""Our rewards in a stock `trl.GRPOTrainer`: whole groups, history and budget, through one class.

    trainer = GRPOTrainer(model, reward_funcs=[TRLReward(Hapo(), tokenizer, budget=4000)], ...)

What stock TRL cannot do stays out: it stops rollouts at its own `max_completion_length`, draws no
fresh problems, and does not save the history (`state_dict` and `load_state_dict` are yours to call).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from accelerate.utils import gather_object
from transformers import PreTrainedTokenizerBase, TrainerState

from curricula import BudgetSchedule, Constant
from rewards import Group, History, LengthReward, Monitor, Observer, Problem, Rollout
from rewards.signatures import Sample
from rewards.thinking import read
from rewards.types import Prompt, Stop, Values
from rewards.verifier import MathVerifier, Verifier
from rl.elsewhere.golds import Golds
from rl.elsewhere.trl_columns import caller, declared_ends
from rl.errors import UserError
from rl.plugins import function_values, is_batch, judge_problems, raw_reward, score_one, score_together, step_for
from rl.problems.prompts import problem_id
from rl.prompts import encode_prompts
from rl.ranks import launched
from rl.rounds.asking import forcing_of
from rl.rounds.budgets import Budgets
from rl.thinking import leads, thinking_tokens

Member = tuple[Problem, Rollout]


class TRLReward:
    """A reward function of TRL's kind around one of our rewards.

    The data set needs a column `answer`, which is read as in recipes: a number, a text, a worked solution with `####`
    or a box. A row with none that the verifier can read gets None, and is told of. A row whose column `evaluation` is
    true is scored but not remembered: TRL does not tell a reward whether it is evaluating. Every rank must call it, as
    every rank of a launch does, since groups may lie across ranks.

    `budget` is in tokens, or a schedule over optimiser steps; `truncated` says what a completion
    without an end counts as: `wrong`, or `judge` its text. `chat_options` are the trainer's `chat_template_kwargs`.

    A completion ends with what the trainer that calls says, with what the generation config beside the tokenizer
    says, or with one of `eos_ids`. `num_generations` rows make a group: by default the trainer's, and where no trainer
    calls, all neighbours that ask the same.
    """

    def __init__(
        self,
        reward: LengthReward,
        tokenizer: PreTrainedTokenizerBase,
        budget: BudgetSchedule | int,
        verifier: Verifier | None = None,
        truncated: str = "wrong",
        eos_ids: Sequence[int] = (),
        chat_options: Mapping[str, Any] | None = None,
        num_generations: int | None = None,
    ) -> None:
        if isinstance(reward, Monitor):
            raise UserError(f"reward {reward.name!r} sets itself by a monitor set, which a stock trainer does not have")
        self.reward, self.verifier, self.truncated = reward, verifier or MathVerifier(), truncated
        self.budgets = Budgets(Constant(budget) if isinstance(budget, int) else budget)
        self.tokenizer, self.chat_options = tokenizer, chat_options
        self.end = forcing_of(tokenizer, self.budgets.schedule).end
        self.eos_ids = {tokenizer.eos_token_id, *declared_ends(tokenizer.name_or_path), *eos_ids}
        self.num_generations, self.golds = num_generations, Golds(self.verifier)
        self.history = History()
        self.__name__ = reward.name

    def __call__(
        self,
        prompts: Sequence[Prompt],
        completions: Sequence[Any],
        completion_ids: Sequence[Sequence[int]],
        answer: Sequence[Any] | None = None,
        trainer_state: TrainerState | None = None,
        evaluation: Sequence[bool] | None = None,
        **columns: Any,
    ) -> list[float | None]:
        """One number a completion of this rank, in order; None: not judged."""
        if answer is None:
            raise UserError(f"reward {self.reward.name!r} needs a column `answer` in the data set")
        step = trainer_state.global_step if trainer_state else 0
        rows = {name: values for name, values in columns.items() if _one_a_row(values, len(prompts))}
        hooks = {name: value for name, value in columns.items() if name not in rows} | {"trainer_state": trainer_state}
        golds = self.golds.of(answer)
        judged = [i for i, gold in enumerate(golds) if gold is not None]
        problems = [
            Problem(problem_id(prompts[i], gold), prompts[i], gold, {name: values[i] for name, values in rows.items()})
            for i, gold in enumerate(golds)
            if gold is not None
        ]
        said, ids = [completions[i] for i in judged], [completion_ids[i] for i in judged]
        local = list(zip(problems, self._rollouts(problems, said, ids, step, hooks), strict=True))
        start = sum(gather_object([len(local)])[: launched().process_index])
        groups = []
        for pairs in _groups(gather_object(local), self.num_generations or _group_size(caller(hooks))):
            group = self.budgets.rescored(Group(pairs[0][0], tuple(rollout for _, rollout in pairs)), step)
            groups.append(group)
        values = [value for own in self._scored(groups, step) for value in own]
        if isinstance(self.reward, Observer) and not any(evaluation or ()):
            for group in groups:
                self.reward.observe(group, self.history, **step_for(self.reward.observe, step))
        own = dict(zip(judged, values[start : start + len(local)], strict=True))
        return [own.get(i) for i in range(len(golds))]

    def _scored(self, groups: Sequence[Group], step: int) -> list[Values]:
        if is_batch(self.reward):
            return score_together(self.reward, groups, self.history, step)
        return [score_one(self.reward, group, self.history, step) for group in groups]

    def _rollouts(
        self,
        problems: Sequence[Problem],
        completions: Sequence[Any],
        ids: Sequence[Sequence[int]],
        step: int,
        hooks: Mapping[str, Any],
    ) -> list[Rollout]:
        texts = [c if isinstance(c, str) else "".join(str(turn["content"]) for turn in c) for c in completions]
        each = {problem.id: problem for problem in problems}
        prompts = encode_prompts(self.tokenizer, list(each.values()), self.chat_options)
        begun = dict(zip(each, leads(self.tokenizer, prompts), strict=True))
        whole = [read(begun[problem.id], text) for problem, text in zip(problems, texts, strict=True)]
        verdicts = judge_problems(self.verifier, problems, whole)
        ends = self.eos_ids | set(getattr(caller(hooks), "eos_token_ids", ()))
        ended = [bool(own) and own[-1] in ends for own in ids]
        samples = [
            Sample.of(problem, text, own, begun[problem.id], by_itself)
            for problem, text, own, by_itself in zip(problems, texts, ids, ended, strict=True)
        ]
        given = function_values([self.reward], samples, hooks)
        thinking = thinking_tokens(ids, [begun[problem.id] for problem in problems], texts, self.end)
        found = []
        for problem, text, token_ids, verdict, said, thought, by_itself in zip(
            problems, texts, ids, verdicts, given, thinking, ended, strict=True
        ):
            stop: Stop = "eos" if by_itself else "length"
            found.append(
                Rollout(
                    problem_id=problem.id,
                    length=len(token_ids),
                    stop=stop,
                    budget=self.budgets.of(step, problem),
                    verdict=verdict,
                    raw_reward=raw_reward(verdict, stop, self.truncated),
                    text=text,
                    token_ids=tuple(token_ids),
                    given=said,
                    lead=begun[problem.id],
                    thinking=thought,
                )
            )
        return found

    def state_dict(self) -> dict[str, Any]:
        """The history, as plain JSON."""
        return self.history.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.history.load_state_dict(state)


def _group_size(trainer: Any) -> int | None:
    """Rows that a trainer asks of a problem, as it trains or evaluates; None without one."""
    if trainer is None:
        return None
    return int(trainer.num_generations if trainer.model.training else trainer.num_generations_eval)


def _groups(members: Sequence[Member], size: int | None) -> Iterator[list[Member]]:
    """Neighbours of one problem, at most `size`: two copies of a problem that follow one another are two groups."""
    for _, run in groupby(members, key=lambda member: member[0].id):
        pairs = list(run)
        yield from (pairs[i : i + (size or len(pairs))] for i in range(0, len(pairs), size or len(pairs)))


def _one_a_row(values: Any, rows: int) -> bool:
    return isinstance(values, list | tuple) and len(values) == rows
