"""What a rollout with log-probs costs on its way from a worker: vLLM's own JSON, and our bytes.

    python experiments/benchmarks/answers.py   # where vLLM is installed

Both ways get the same tokens and log-probs, as vLLM's engine hands them to the server: a token at a time. The server's
time is what its one thread takes to gather them and to make the answer, by vLLM's own code for
`POST /inference/v1/generate`, an object a log-prob, or by ours for `POST /lengthwise/generate`. The trainer's is to
read and check the answer. HTTP itself is left out. Seconds are of the thread's processor time, the ways take turns, the
median counts. Writes results/answers.json and results/answers.md.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import numpy as np

from experiments.benchmarks._shared import interleaved, medians, surroundings, write
from rl.rollouts import Ask, Completion
from rl.rollouts.vllm.answering import answer
from rl.rollouts.vllm.wire import completion_of, read, sampling_params

TOKENS, TURNS, VOCABULARY, END = 1024, 41, 151_936, 1
REQUEST = "0123456789abcdef0123456789abcdef"
Drawn = list[tuple[int, float]]


def drawn(tokens: int) -> Drawn:
    """Token ids and log-probs, in nats, as float32 has them; the last ends the rollout."""
    draw = np.random.default_rng(0)
    ids = [*draw.integers(2, VOCABULARY, tokens - 1).tolist(), END]
    return list(zip(ids, (-draw.exponential(0.5, tokens).astype(np.float32)).tolist(), strict=True))


def ask(tokens: int) -> Ask:
    """What was asked for it."""
    return Ask([5] * 100, tokens, 0, eos_ids=[END], logprobs=True)


def output(rows: Drawn, flat: bool) -> Any:
    """vLLM's output of the rollout, its log-probs gathered a token at a time, in either of vLLM's forms."""
    from vllm.logprobs import append_logprobs_for_next_position, create_sample_logprobs
    from vllm.outputs import CompletionOutput, RequestOutput, WeightVersionSpan

    gathered = create_sample_logprobs(flat)
    for token, logprob in rows:
        append_logprobs_for_next_position(gathered, [token], [logprob], (None,), 3, 0)
    spans = [WeightVersionSpan("7", 0, len(rows))]
    one = CompletionOutput(0, "", [token for token, _ in rows], None, gathered, finish_reason="stop")
    one.weight_versions = spans
    return RequestOutput(REQUEST, None, [5] * 100, None, [one], finished=True)


async def once(given: Any) -> AsyncIterator[Any]:
    yield given


def given_by(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Of one that nobody lets wait, so without an event loop."""
    try:
        coroutine.send(None)
    except StopIteration as ended:
        return ended.value
    raise RuntimeError("it waits")


def by_vllm(rows: Drawn) -> bytes:
    """The body of vLLM's own answer."""
    from starlette.responses import JSONResponse
    from vllm.entrypoints.scale_out.token_in_token_out.protocol import GenerateRequest
    from vllm.entrypoints.scale_out.token_in_token_out.serving import ServingTokens

    asked = {"token_ids": [5] * 100, "sampling_params": sampling_params(ask(len(rows)))}
    request, serving = GenerateRequest(**asked), ServingTokens.__new__(ServingTokens)
    serving.has_tokenizer = serving.enable_prompt_tokens_details = serving.enable_log_outputs = False
    made = serving.serve_tokens_full_generator(
        request, once(output(rows, flat=False)), REQUEST, "m", SimpleNamespace(final_usage_info=None)
    )
    return bytes(JSONResponse(given_by(made).model_dump()).body)


def by_us(rows: Drawn) -> bytes:
    """The body of a worker's answer."""
    engine = SimpleNamespace(generate=lambda *_, **__: once(output(rows, flat=True)))
    asked = {"request_id": REQUEST, "token_ids": [5] * 100, "sampling_params": sampling_params(ask(len(rows)))}
    body: bytes = given_by(answer(SimpleNamespace(engine=engine), asked))  # type: ignore[arg-type]
    return body


def read_vllms(body: bytes, tokens: int) -> Completion:
    """Checked as ours is: ids of the vocabulary, log-probs of those tokens that can be."""
    (choice,) = json.loads(body)["choices"]
    ids, content = choice["token_ids"], choice["logprobs"]["content"]
    values = [float(entry["logprob"]) for entry in content]
    if [entry["token_id"] for entry in content] != ids or not all(0 <= token < VOCABULARY for token in ids):
        raise ValueError("not the tokens that were drawn")
    return completion_of(ids, choice["finish_reason"], values, ask(tokens), None)


def read_ours(body: bytes, tokens: int) -> Completion:
    return read(body, ask(tokens), VOCABULARY, REQUEST)[0]


WAYS: dict[str, tuple[Callable[[Drawn], bytes], Callable[[bytes, int], Completion]]] = {
    "vLLM's JSON, before": (by_vllm, read_vllms),
    "`/lengthwise/generate`": (by_us, read_ours),
}


def measure(make: Callable[[Drawn], bytes], take: Callable[[bytes, int], Completion], rows: Drawn) -> dict[str, float]:
    """Bytes, and microseconds of the server and of the trainer, a token."""
    began = time.thread_time()
    body = make(rows)
    made = time.thread_time()
    take(body, len(rows))
    ended = time.thread_time()
    each = 1e6 / len(rows)
    return {"bytes": len(body) / len(rows), "server": each * (made - began), "trainer": each * (ended - made)}


def main() -> None:
    if find_spec("vllm") is None:
        print("vLLM is not installed: what is known of answers stays as it is")
        return
    import vllm

    rows = drawn(TOKENS)
    sides = {name: partial(measure, make, take, rows) for name, (make, take) in WAYS.items()}
    found = {name: medians(turns) for name, turns in interleaved(sides, TURNS).items()}
    lines = [
        f"A token of a rollout of {TOKENS:,}, with its log-prob; time of the server's one thread and of the trainer's.",
        "",
        "| answer | bytes | server, µs | trainer, µs |",
        "|---|---|---|---|",
        *(f"| {n} | {row['bytes']:.1f} | {row['server']:.1f} | {row['trainer']:.2f} |" for n, row in found.items()),
        "",
        "Made by `python experiments/benchmarks/answers.py`.",
    ]
    versions = surroundings()["versions"] | {"vllm": vllm.__version__}
    write("answers", {"ways": found, **surroundings(), "versions": versions}, lines)


if __name__ == "__main__":
    main()
