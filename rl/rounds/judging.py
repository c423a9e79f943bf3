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


def judge_problems(verifier: Verifier, problems: Sequence[Problem], texts: Sequence[str]) -> list[Verdict]:
    """One verdict a completion, aliases of its problem's answer counted where the verifier takes them."""
    verdicts = judge(verifier, [problem.answer for problem in problems], texts)
    if not getattr(verifier, "takes_aliases", False):
        return verdicts
    wrong = [place for place, verdict in enumerate(verdicts) if verdict is Verdict.WRONG]
    asked = [(place, alias) for place in wrong for alias in problems[place].golds[1:]]
    found = judge(verifier, [alias for _, alias in asked], [texts[place] for place, _ in asked])
    for (place, _), verdict in zip(asked, found, strict=True):
        if verdict is Verdict.CORRECT:
            verdicts[place] = verdict
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
            logprobs=completion.logprobs,
            weight_version=completion.weight_version,
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


def _name(verifier: Verifier) -> str:
    return str(getattr(verifier, "name", type(verifier).__name__))
