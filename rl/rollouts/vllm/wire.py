"""What goes to vLLM for one rollout and what comes back, the same in process and over HTTP. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rewards.compact import log_probs, token_ids
from rl.rollouts.ask import Ask, Completion
from rl.rollouts.streams import stable_seed

ROUNDING = 1e-3
"""Nats by which a log-prob may lie above 0."""


class BadAnswer(ValueError):
    """An engine's answer that is no completion of what was asked."""


def sampling_params(ask: Ask) -> dict[str, Any]:
    """Fields of vLLM's `SamplingParams`: at most the ask's budget, ended by its `eos_ids` and nothing else.

    `ignore_eos` keeps vLLM from adding end tokens of its own to ours. A rollout that goes on has another seed, as vLLM
    would begin its stream anew.
    """
    return {
        "max_tokens": ask.budget,
        "temperature": ask.sampling.temperature,
        "top_p": ask.sampling.top_p,
        "top_k": ask.sampling.top_k,
        "min_p": ask.sampling.min_p or 0.0,
        "seed": stable_seed(ask.seed, ask.place) if ask.place else ask.seed,
        "stop_token_ids": list(ask.eos_ids),
        "ignore_eos": True,
        "logprobs": 0 if ask.logprobs else None,
        "detokenize": False,
        "skip_special_tokens": False,
    }


def completion_of(
    ids: Sequence[int] | NDArray[np.int32],
    finish_reason: str | None,
    logprobs: Sequence[float] | NDArray[np.float32],
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
    own_ids, own_logprobs = np.asarray(ids, np.int32).tobytes(), np.asarray(logprobs, np.float32).tobytes()
    return Completion(token_ids(own_ids), stop, log_probs(own_logprobs), version)


def written(
    request_id: str,
    ids: Sequence[int],
    logprobs: Sequence[float],
    finish_reason: str | None,
    versions: Sequence[str],
    ends: Sequence[int] = (),
) -> bytes:
    """A worker's answer: a line of JSON, then each token id as int32, then each log-prob as float32.

    `versions` are those of all weights that drew some of it, `ends` the places before which the tokens of each end,
    where those are several. Eight bytes a token, little-endian.
    """
    said: dict[str, Any] = {
        "tokens": len(ids),
        "logprobs": len(logprobs),
        "finish_reason": finish_reason,
        "versions": versions,
    }
    said |= {"ends": list(ends)} if len(ends) > 1 else {}
    head = json.dumps({"request_id": request_id} | said).encode()
    return b"\n".join([head, np.asarray(ids, "<i4").tobytes() + np.asarray(logprobs, "<f4").tobytes()])


def read(answer: bytes, ask: Ask, vocabulary: int, request_id: str) -> tuple[Completion, int | None]:
    """The completion in what `written` made, its segments by the worker's ids of weights, and the oldest of those.

    Errors: BadAnswer saying what is wrong.
    """
    line, _, rest = answer.partition(b"\n")
    try:
        head = json.loads(line)
        if head["request_id"] != request_id:
            raise BadAnswer("it answers another request")
        count, more, versions = head["tokens"], head["logprobs"], [int(version) for version in head["versions"]]
        if any(type(n) is not int or n < 0 for n in (count, more)) or len(rest) != 4 * (count + more):
            raise BadAnswer(f"{len(rest)} bytes for {count} tokens and {more} log-probs")
        reason, ends = head["finish_reason"], [int(end) for end in head.get("ends", ())]
        if ends and (len(ends) != len(versions) or ends != sorted({*ends, 0})[1:] or ends[-1] != count):
            raise BadAnswer(f"weights that end at {ends} of {count} tokens")
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        raise error if isinstance(error, BadAnswer) else BadAnswer(f"not a worker's form: {error!r}") from error
    ids, values = np.frombuffer(rest[: 4 * count], "<i4"), np.frombuffer(rest[4 * count :], "<f4")
    if ((ids < 0) | (ids >= vocabulary)).any():
        raise BadAnswer(f"token ids outside the vocabulary of {vocabulary}")
    if not (np.isfinite(values) & (values <= ROUNDING)).all():
        raise BadAnswer("log-probs that cannot be")
    completion = completion_of(ids, reason, values if ask.logprobs else (), ask, None)
    return replace(completion, segments=tuple(zip(versions, ends, strict=False))), min(versions, default=None)
