"""What goes to vLLM for one rollout and what comes back, the same in process and over HTTP. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rl.rollouts.ask import Ask, Completion


class BadAnswer(ValueError):
    """An engine's answer that is no completion of what was asked."""


def sampling_params(ask: Ask) -> dict[str, Any]:
    """Fields of vLLM's `SamplingParams`: at most the ask's budget, ended by its `eos_ids` and nothing else.

    `ignore_eos` keeps vLLM from adding end tokens of its own to ours.
    """
    return {
        "max_tokens": ask.budget,
        "temperature": ask.sampling.temperature,
        "top_p": ask.sampling.top_p,
        "top_k": ask.sampling.top_k,
        "min_p": ask.sampling.min_p or 0.0,
        "seed": ask.seed,
        "stop_token_ids": list(ask.eos_ids),
        "ignore_eos": True,
        "logprobs": 0 if ask.logprobs else None,
        "detokenize": False,
        "skip_special_tokens": False,
    }


def completion_of(
    token_ids: Sequence[int],
    finish_reason: str | None,
    logprobs: Sequence[float] | None,
    ask: Ask,
    version: int | None,
) -> Completion:
    """What vLLM sampled, checked against what it was asked for. Errors: BadAnswer."""
    if finish_reason not in ("stop", "length"):
        raise BadAnswer(f"it ended by {finish_reason!r}")
    if not 0 < len(token_ids) <= ask.budget:
        raise BadAnswer(f"{len(token_ids)} tokens for a budget of {ask.budget}")
    ended = token_ids[-1] in ask.eos_ids
    if ended != (finish_reason == "stop") or any(token in ask.eos_ids for token in token_ids[:-1]):
        raise BadAnswer(f"it ended by {finish_reason!r}, which its tokens do not bear out")
    if not ended and len(token_ids) < ask.budget:
        raise BadAnswer(f"it was cut at {len(token_ids)} tokens, before its budget of {ask.budget}")
    if ask.logprobs and len(logprobs or ()) != len(token_ids):
        raise BadAnswer(f"{len(logprobs or ())} log-probs for {len(token_ids)} tokens")
    return Completion(tuple(token_ids), "eos" if ended else "length", tuple(logprobs or ()), version)


def read_answer(answer: Mapping[str, Any], ask: Ask, version: int | None) -> Completion:
    """The completion in an answer of `POST /inference/v1/generate`; `version` is what it must come from.

    Errors: BadAnswer, also where other weights than those of `version` sampled any of its tokens.
    """
    try:
        (choice,) = answer["choices"]
        token_ids = [int(token) for token in choice["token_ids"] or ()]
        content = (choice.get("logprobs") or {}).get("content") or []
        logprobs = [float(entry["logprob"]) for entry in content]
        sampled_by = {str(span["version"]) for span in choice.get("weight_versions") or ()}
        reason = choice["finish_reason"]
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise BadAnswer(f"not vLLM's form: {error!r}") from error
    if version is not None and sampled_by != {str(version)}:
        raise BadAnswer(f"sampled with weights {', '.join(sorted(sampled_by)) or 'unknown'}, not {version}")
    return completion_of(token_ids, reason, logprobs, ask, version)
