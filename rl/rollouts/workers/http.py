"""A rollout worker over HTTP: a server that `lengthwise serve` started."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2

from rl.rollouts.ask import Ask, Completion
from rl.rollouts.course import Course
from rl.rollouts.vllm.wire import BadAnswer, read, sampling_params
from rl.rollouts.weights import adapter_rank
from rl.rollouts.workers.worker import NotReady, Refusal, Source, WorkerFault
from rl.secrecy import require_address

BYTES, BYTES_PER_TOKEN = 1 << 16, 8
"""What an answer may be long: so much, and so much for each token of the budget."""
CHUNK = 1 << 22
"""Bytes of a file that are read and sent at a time."""
UPLOADS = 4
"""Files that are sent to a worker side by side, each by a connection of its own."""
CONNECT = 10.0
"""Seconds."""


class HttpWorker:
    """One server. `key`, where there is one, goes with each request; `vocabulary` bounds its token ids."""

    def __init__(self, address: str, vocabulary: int, key: str | None = None) -> None:
        require_address(address, "rollout worker")
        self.address, self.vocabulary = address.rstrip("/"), vocabulary
        self.dtype = "float32"
        self._adapter: str | None = None
        self._most: int | None = None
        self._adapter_rank: int | None = None
        # The pool bounds time and connections; a proxy of the environment has no business between hosts of a cluster.
        self._client = httpx2.AsyncClient(
            base_url=self.address,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx2.Timeout(None, connect=CONNECT),
            # A connection kept for the next round may be closed by the server just as it is used.
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=0),
            trust_env=False,
        )

    async def holds(self) -> int | None:
        health = await self._health()
        self._most, self._adapter_rank = health.get("max_model_len"), health.get("adapter_rank")
        self._adapter, self.dtype = health.get("adapter_name"), str(health.get("dtype", self.dtype))
        version = health.get("version")
        return version if health.get("ready") and isinstance(version, int) else None

    async def _health(self) -> dict[str, Any]:
        status, health = await self._ask("GET", "/lengthwise/health")
        if status != 200 or not isinstance(health, dict):
            raise self._refusal(status, health)
        return health

    async def load(self, source: Source) -> None:
        """By path where the worker sees the folder, else by upload."""
        assert source.folder is not None
        self._require_room(adapter_rank(source.folder))
        body = {"version": source.id} | ({"between_tokens": True} if source.between_tokens else {})
        status, said = await self._ask("POST", "/lengthwise/weights", body | {"path": str(source.folder)})
        if status == 400:
            await self._upload_all(sorted(source.folder.iterdir()), source.id)
            status, said = await self._ask("POST", "/lengthwise/weights", body)
        if status != 200:
            raise self._refusal(status, said)
        if await self.holds() != source.id:
            raise WorkerFault("it has taken the weights, and does not hold them")

    def _require_room(self, rank: int | None) -> None:
        """Whether it was started for what is to be sent: an adapter of this rank, or a whole model."""
        room = self._adapter_rank
        if rank is None and room is not None:
            raise WorkerFault("it takes adapters, and the run trains a whole model: start it without --adapter-rank")
        if rank is not None and (room is None or room < rank):
            takes = "no adapters" if room is None else f"adapters up to rank {room}"
            raise WorkerFault(f"it takes {takes}: start it with --adapter-rank {rank}")

    async def _upload_all(self, files: Sequence[Path], id: int) -> None:
        left = iter(files)

        async def send() -> None:
            for file in left:  # shared: each takes the next one
                await self._upload(file, id)

        senders = [asyncio.create_task(send()) for _ in range(UPLOADS)]
        try:
            await asyncio.gather(*senders)
        finally:
            for sender in senders:
                sender.cancel()

    async def _upload(self, file: Path, id: int) -> None:
        size = str(file.stat().st_size)
        status, said = await self._send("PUT", f"/lengthwise/weights/{id}/{file.name}", _chunks(file), size)
        if status != 200:
            raise self._refusal(status, _read(said))

    async def complete(self, ask: Ask) -> tuple[Completion, Collection[int | None]]:
        """One request after the other where the rollout has several pieces."""
        tokens = len(ask.prompt) + ask.budget
        if self._most is not None and tokens > self._most:  # vLLM would cut it short and not say so
            raise Refusal(
                f"rollout worker {self.address} takes {self._most} tokens, and a prompt with its budget has {tokens}; "
                "start it with a larger --max-model-len"
            )
        course, weights = Course(ask), set()
        while (piece := course.ask()) is not None:
            completion, id = await self._sampled(piece)
            course.take(completion)
            weights.add(id)
        return course.completion(), weights

    async def _sampled(self, ask: Ask) -> tuple[Completion, int | None]:
        """For an ask without prefix and thinking."""
        limit = BYTES + BYTES_PER_TOKEN * ask.budget
        body = _body(ask, self._adapter)
        status, said = await self._send("POST", "/lengthwise/generate", json.dumps(body).encode(), None, limit)
        answer = None if status == 200 else _read(said)
        if status == 409:
            raise NotReady(_message(answer))
        if status in (400, 401, 403, 413):
            raise Refusal(f"rollout worker {self.address} refuses a rollout: {status} {_message(answer)}")
        if status != 200:
            raise self._refusal(status, answer)
        try:
            completion, id = read(said, ask, self.vocabulary, body["request_id"])
        except BadAnswer as error:
            raise WorkerFault(f"its answer is no rollout: {error}") from error
        return replace(completion, weight_version=id), id

    async def close(self) -> None:
        await self._client.aclose()

    def _refusal(self, status: int, answer: Any) -> WorkerFault:
        return WorkerFault(f"it says {status} {_message(answer)}")

    async def _ask(self, method: str, path: str, body: Any = None, limit: int = BYTES) -> tuple[int, Any]:
        """Status and JSON (or text) of the answer, which is not read beyond `limit` bytes."""
        content = None if body is None else json.dumps(body).encode()
        status, said = await self._send(method, path, content, None, limit)
        return status, _read(said)

    async def _send(
        self, method: str, path: str, content: Any, size: str | None, limit: int = BYTES
    ) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json"} if size is None else {"Content-Length": size}
        received = bytearray()
        try:
            async with self._client.stream(method, path, content=content, headers=headers) as response:
                async for part in response.aiter_bytes():
                    received += part
                    if len(received) > limit:
                        raise WorkerFault(f"its answer has over {limit} bytes")
        except httpx2.HTTPError as error:
            raise WorkerFault(" ".join(str(error).split()) or type(error).__name__) from error
        return response.status_code, bytes(received)


def _body(ask: Ask, adapter: str | None) -> dict[str, Any]:
    return {
        "request_id": uuid4().hex,
        "token_ids": list(ask.prompt),
        "model": adapter,
        "sampling_params": sampling_params(ask),
    }


def _read(said: bytes) -> Any:
    """JSON, or the beginning of a text."""
    try:
        return json.loads(said)
    except (ValueError, RecursionError):
        return said[:200].decode(errors="replace")


async def _chunks(file: Path) -> AsyncIterator[bytes]:
    with file.open("rb") as opened:
        while chunk := await asyncio.to_thread(opened.read, CHUNK):
            yield chunk


def _message(answer: Any) -> str:
    """What the server says is wrong, on one line."""
    try:
        error = answer["error"]
        text = error["message"] if isinstance(error, dict) else error
    except (KeyError, TypeError):
        text = answer
    return " ".join(str(text).split())[:200]
