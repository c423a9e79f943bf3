"""A worker's answer to one rollout, straight from vLLM's engine: bytes, where vLLM's own endpoint writes JSON.

JSON takes some 140 bytes a token with its log-prob, and as much of the server's one thread as sampling leaves it.
"""

from __future__ import annotations

from typing import Any

from rl.rollouts.vllm.loading import Worker
from rl.rollouts.vllm.wire import written


async def answer(worker: Worker, asked: Any) -> bytes:
    """What `wire.written` makes of the rollout. `asked` holds `request_id`, `token_ids`, `model`, `sampling_params`.

    Errors: ValueError, TypeError, KeyError or AttributeError for what cannot be asked; else what vLLM raises.
    """
    from vllm import SamplingParams
    from vllm.inputs import TokensPrompt
    from vllm.sampling_params import RequestOutputKind

    kind = {"flat_logprobs": True, "output_kind": RequestOutputKind.FINAL_ONLY}
    params = SamplingParams(**asked["sampling_params"], **kind)
    prompt = TokensPrompt(prompt_token_ids=[int(token) for token in asked["token_ids"]])
    adapter = None if asked.get("model") is None else worker.models.lora_requests[asked["model"]]
    request_id = str(asked["request_id"])
    outputs = worker.engine.generate(prompt, params, request_id, lora_request=adapter)
    ((one,),) = [output.outputs async for output in outputs]
    logprobs = one.logprobs.logprobs if one.logprobs else ()
    spans = one.weight_versions or ()
    versions, ends = [str(span.version) for span in spans], [span.end for span in spans]
    return written(request_id, one.token_ids, logprobs, one.finish_reason, versions, ends)
