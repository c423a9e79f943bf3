"""A worker's answer, read and checked: whatever is not a rollout of the ask is a fault of the worker."""

from __future__ import annotations

import math
from typing import Any

from rl.rollouts.ask import Ask, Completion
from rl.rollouts.vllm.wire import BadAnswer, completion_of
from rl.rollouts.workers.worker import WorkerFault

ROUNDING = 1e-3
"""Nats by which a log-prob may lie above 0."""


def read(answer: Any, ask: Ask, vocabulary: int, request_id: str) -> tuple[Completion, int | None]:
    """The completion, and the id of the oldest weights in it. Errors: WorkerFault saying what is wrong.

    `request_id` is that of the request; vLLM writes a word before it.
    """
    try:
        if not str(answer["request_id"]).endswith(request_id):
            raise BadAnswer("it answers another request")
        (choice,) = answer["choices"]
        ids, reason = choice["token_ids"], choice["finish_reason"]
        if not isinstance(ids, list) or not all(type(token) is int and 0 <= token < vocabulary for token in ids):
            raise BadAnswer(f"token ids outside the vocabulary of {vocabulary}")
        logprobs = _logprobs(choice["logprobs"]["content"], ids) if ask.logprobs else ()
        versions = [int(span["version"]) for span in choice.get("weight_versions") or ()]
        completion = completion_of(ids, reason, logprobs, ask, version=None)
    except BadAnswer as error:
        raise WorkerFault(f"its answer is no rollout: {error}") from error
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise WorkerFault(f"its answer is no rollout: {error!r}") from error
    return completion, min(versions, default=None)


def _logprobs(content: Any, ids: list[int]) -> tuple[float, ...]:
    if [entry["token_id"] for entry in content] != ids:
        raise BadAnswer("log-probs of other tokens")
    values = tuple(float(entry["logprob"]) for entry in content)
    if not all(math.isfinite(value) and value <= ROUNDING for value in values):
        raise BadAnswer("log-probs that cannot be")
    return values
