"""Completions to rollouts: the verdict, once for all rewards, and what one-rank rewards say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase

from rewards import LengthReward, Problem, Rollout, Verdict
from rewards.verifier import Verifier
from rl.errors import UserError
from rl.plugins import FunctionReward, raised
from rl.rollouts import Completion


def texts_of(tokenizer: PreTrainedTokenizerBase, completions: Sequence[Completion]) -> list[str]:
    """What the completions say, special tokens left out."""
    if not completions:  # of nothing, `batch_decode` makes one empty text
        return []
    return list(tokenizer.batch_decode([c.token_ids for c in completions], skip_special_tokens=True))


def judge(verifier: Verifier, answers: Sequence[str], texts: Sequence[str]) -> list[Verdict]:
    """One verdict a completion. Errors: UserError naming a verifier that raises or miscounts."""
    try:
        verdicts = [Verdict(verdict) for verdict in verifier.judge(answers, texts)]
    except Exception as error:
        raise raised(verifier, error, "verifier") from error
    if len(verdicts) != len(texts):
        raise UserError(f"verifier {_name(verifier)!r} gave {len(verdicts)} verdicts for {len(texts)} completions")
    return verdicts


def readable(verifier: Verifier, answers: Sequence[str]) -> list[bool]:
    """Which gold answers somebody could be right by. Errors: UserError naming a verifier that raises."""
    try:
        return list(verifier.readable(answers))
    except Exception as error:
        raise raised(verifier, error, "verifier") from error


def rollouts(
    problems: Sequence[Problem],
    completions: Sequence[Completion],
    texts: Sequence[str],
    budgets: Sequence[int],
    verdicts: Sequence[Verdict],
    rewards: Sequence[LengthReward],
    truncated: str,
    hooks: Mapping[str, Any] | None = None,
) -> list[Rollout]:
    """One rollout a completion. A TRL reward function sees these rows only, as under TRL itself.

    `hooks` are the further keyword arguments that TRL gives such a function (`trainer_state`,
    `log_metric`).
    """
    functions = [reward for reward in rewards if isinstance(reward, FunctionReward)]
    token_ids = [completion.token_ids for completion in completions]
    given = {f.name: f.values(problems, texts, token_ids, hooks or {}) for f in functions}
    return [
        Rollout(
            problem_id=problem.id,
            length=len(completion.token_ids),
            stop=completion.stop,
            budget=budget,
            verdict=verdict,
            raw_reward=raw_reward(verdict, completion.stop, truncated),
            text=text,
            token_ids=completion.token_ids,
            given={name: values[i] for name, values in given.items()},
        )
        for i, (problem, completion, text, budget, verdict) in enumerate(
            zip(problems, completions, texts, budgets, verdicts, strict=True)
        )
    ]


def raw_reward(verdict: Verdict, stop: str, truncated: str) -> float | None:
    """Correctness before shaping; a rollout cut at its budget counts by the rule `truncated`."""
    if verdict.worth is None:
        return None
    return 0.0 if stop == "length" and truncated == "wrong" else verdict.worth


class VerdictWatch:
    """Looks at a run's first steps and says once what is probably wrong where few answers can be judged."""

    STEPS, MOST_UNPARSABLE, MOST_TIMED_OUT = 10, 0.05, 0.01

    def __init__(self) -> None:
        self._seen: list[Rollout] = []
        self._said: set[Verdict] = set()

    def see(self, step: int, found: Sequence[Rollout]) -> list[str]:
        """What to warn about after the rollouts of a round that began at `step`."""
        if step >= self.STEPS:
            self._seen = []
            return []
        self._seen += found
        warnings = []
        for verdict, most in ((Verdict.UNPARSABLE, self.MOST_UNPARSABLE), (Verdict.TIMED_OUT, self.MOST_TIMED_OUT)):
            such = [rollout for rollout in self._seen if rollout.verdict is verdict]
            if verdict not in self._said and len(such) > most * len(self._seen):
                self._said.add(verdict)
                share = len(such) / len(self._seen)
                warnings.append(f"{share:.0%} of the first {len(self._seen)} rollouts are {verdict}: {_cause(such)}")
        return warnings


def _cause(such: Sequence[Rollout]) -> str:
    if such[0].verdict is Verdict.TIMED_OUT:
        return "their answers are too large to be checked in time, or the machine is too busy for `verifier.seconds`"
    causes = {
        "most were cut at their budget before they gave an answer; a larger `budget` would show more of them": [
            rollout.stop == "length" for rollout in such
        ],
        "most began to think and never ended it; is this the model's chat template?": [
            "<think>" in rollout.text and "</think>" not in rollout.text for rollout in such
        ],
        "most have no \\boxed{} answer; does `data.prompt` ask for one, or should `verifier.places` look elsewhere?": [
            "\\boxed" not in rollout.text for rollout in such
        ],
    }
    likely = (cause for cause, signs in causes.items() if sum(signs) > len(such) / 2)
    return next(likely, "their answers are boxed but cannot be read; look at the run's rollouts")


def _name(verifier: Verifier) -> str:
    return str(getattr(verifier, "name", type(verifier).__name__))
