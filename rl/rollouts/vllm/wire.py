"""What goes to vLLM for one rollout and what comes back, the same in process and over HTTP. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from rewards.compact import log_probs, token_ids
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
    ids: Sequence[int],
    finish_reason: str | None,
    logprobs: Sequence[float],
    ask: Ask,
    version: int | None,
) -> Completion:
    """What vLLM sampled, checked against what it was asked for. Errors: BadAnswer."""
    if finish_reason not in ("stop", "length"):
        raise BadAnswer(f"it ended by {finish_reason!r}")
    if not 0 < len(ids) <= ask.budget:
        raise BadAnswer(f"{len(ids)} tokens for a budget of {ask.budget}")
    *before, ended = np.isin(ids, ask.eos_ids).tolist()
    if ended != (finish_reason == "stop") or any(before):
        raise BadAnswer(f"it ended by {finish_reason!r}, which its tokens do not bear out")
    if not ended and len(ids) < ask.budget:
        raise BadAnswer(f"it was cut at {len(ids)} tokens, before its budget of {ask.budget}")
    if ask.logprobs and len(logprobs) != len(ids):
        raise BadAnswer(f"{len(logprobs)} log-probs for {len(ids)} tokens")
    stop: Literal["eos", "length"] = "eos" if ended else "length"
    return Completion(token_ids(ids), stop, log_probs(logprobs), version)


def read_answer(answer: Mapping[str, Any], ask: Ask, version: int | None) -> Completion:
    """The completion in an answer of `POST /inference/v1/generate`; `version` is what it must come from.

    Errors: BadAnswer, also where other weights than those of `version` sampled any of its tokens.
    """
    try:
        (choice,) = answer["choices"]
        ids = [int(token) for token in choice["token_ids"] or ()]
        content = (choice.get("logprobs") or {}).get("content") or []
        logprobs = [float(entry["logprob"]) for entry in content]
        sampled_by = {str(span["version"]) for span in choice.get("weight_versions") or ()}
        reason = choice["finish_reason"]
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise BadAnswer(f"not vLLM's form: {error!r}") from error
    if version is not None and sampled_by != {str(version)}:
        raise BadAnswer(f"sampled with weights {', '.join(sorted(sampled_by)) or 'unknown'}, not {version}")
    return completion_of(ids, reason, logprobs, ask, version)
