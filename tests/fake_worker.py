"""A rollout worker without vLLM: the same HTTP interface, on the standard library.

`python fake_worker.py PORT` answers with tokens that are a function of prompt and seed (`echo` below);
`--model PATH` samples from that model by the transformers engine, once weights were sent. POST /test
{"mode": M, "after": N} has it go wrong after N further rollouts; GET /test says what it has done since.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import struct
import sys
import tempfile
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
EOS = 2
VOCABULARY = 16


def echo(prompt: list[int], seed: int, budget: int) -> list[int]:
    """The tokens that this worker makes of a request without a model."""
    draw = random.Random(f"{prompt} {seed}")
    length = draw.randint(1, 2 * budget)
    ids = [draw.randint(4, VOCABULARY - 1) for _ in range(min(length, budget))]
    return [*ids[:-1], EOS] if length <= budget else ids


class State:
    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.version: int | None = None
        self.mode, self.after, self.seconds = arguments.mode, 0, 0.0
        self.counts: Counter[str] = Counter()
        self.at_once = 0
        self.loading = False
        self.lock = threading.Lock()
        self.model: Any = None
        self.uploads = Path(tempfile.mkdtemp(prefix="fake-worker-"))

    def current_mode(self) -> str:
        with self.lock:
            if self.mode == "well" or self.after > 0:
                self.after -= 1
                return "well"
            return str(self.mode)

    def load(self, folder: Path) -> None:
        if self.arguments.model:
            from rl.models import load_model
            from rl.rollouts.weights import read_weights

            if (folder / "adapter_config.json").is_file():
                from peft import PeftModel

                self.model = PeftModel.from_pretrained(load_model(self.arguments.model), folder)
                return
            self.model = self.model or load_model(self.arguments.model)
            self.model.load_state_dict(dict(read_weights(folder)), strict=False)

    def generate(self, body: dict[str, Any]) -> dict[str, Any]:
        params = body["sampling_params"]
        if self.model is None:
            ids = echo(body["token_ids"], params["seed"], params["max_tokens"])
            logprobs, version = [-1.0] * len(ids), self.version
            time.sleep(self.seconds)
        else:
            from rl.rollouts import Ask, Sampling, TransformersEngine

            sampling = Sampling(params["temperature"], params["top_p"], params["top_k"], params["min_p"] or None)
            with self.lock:
                version = self.version
                (completion,) = TransformersEngine(self.model).generate(Ask.each([body["token_ids"]], [params["max_tokens"]], sampling, eos_ids=params["stop_token_ids"], seeds=[params["seed"]], logprobs=True))  # fmt: skip
                time.sleep(self.seconds)
            ids, logprobs = list(completion.token_ids), list(completion.logprobs)
        return {
            "request_id": body["request_id"],
            "ids": ids,
            "values": logprobs if params["logprobs"] is not None else [],
            "finish_reason": "stop" if ids[-1] in params["stop_token_ids"] else "length",
            "versions": [str(version)],
        }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: State

    def log_message(self, *_: Any) -> None:
        pass

    def _read(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _reply(self, status: int, body: Any) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        state = self.state
        if self.path == "/test":
            self._reply(200, {**state.counts, "at_once": state.at_once, "version": state.version})
        elif self.path == "/health":
            self._reply(200, {})
        elif state.mode == "hang all" and state.after <= 0:
            time.sleep(3600)
        elif self._allowed():
            ready, most = state.version is not None and not state.loading, state.arguments.max_model_len
            rank = state.arguments.adapter_rank
            lora = {"adapter_rank": rank, "adapter_name": "policy" if rank and ready else None}
            said = {"ready": ready, "version": state.version, "dtype": "float32", "max_model_len": most}
            self._reply(200, said | lora)

    def do_PUT(self) -> None:
        if self._allowed():
            *_, version, name = self.path.split("/")
            folder = self.state.uploads / version
            folder.mkdir(exist_ok=True)
            (folder / name).write_bytes(self._read())
            self.state.counts["uploads"] += 1
            self._reply(200, {})

    def do_POST(self) -> None:
        body = json.loads(self._read())
        if self.path == "/test":
            self.state.mode, self.state.after = body.get("mode", "well"), body.get("after", 0)
            self.state.seconds = body.get("seconds", 0.0)
            self.state.counts = Counter({"under way": self.state.counts["under way"]})
            self._reply(200, {})
        elif not self._allowed():
            return
        elif self.path == "/lengthwise/weights":
            self._weights(body)
        elif self.state.version is None or self.state.loading:
            self._reply(409, {"error": "weights are being loaded"})
        else:
            self._generate(body)

    def _allowed(self) -> bool:
        key = self.state.arguments.key
        if key and self.headers.get("Authorization") != f"Bearer {key}":
            self._reply(401, {"error": "wrong API key"})
            return False
        return True

    def _weights(self, body: dict[str, Any]) -> None:
        state = self.state
        folder = Path(body["path"]) if "path" in body else state.uploads / str(body["version"])
        if ("path" in body and state.arguments.upload_only) or not folder.is_dir():
            self._reply(400, {"error": f"{folder} is not there"})
        elif state.mode == "cannot load":
            self._reply(500, {"error": "out of memory"})
        else:
            state.loading = True
            with state.lock:
                state.load(folder)
                time.sleep(state.seconds)
                state.version = body["version"]
                state.counts["loads"] += 1
            state.loading = False
            self._reply(200, {"version": body["version"]})

    def _generate(self, body: dict[str, Any]) -> None:
        state, mode = self.state, self.state.current_mode()
        with state.lock:
            state.counts["asked"] += 1
            state.counts["of the adapter"] += body["model"] == "policy"
            state.counts["under way"] += 1
            state.at_once = max(state.at_once, state.counts["under way"])
        try:
            if mode in ("hang", "hang all"):
                time.sleep(3600)
            elif mode == "die":
                os._exit(9)
            elif mode == "error":
                self._reply(500, {"error": {"message": "CUDA error: an illegal memory access"}})
            elif mode == "401":
                self._reply(401, {"error": "wrong API key"})
            elif mode == "nested":
                self._reply(200, b"[" * 20000)
            elif mode == "text":
                self._reply(200, b"<html>it works</html>")
            else:
                self._reply(200, packed(**(state.generate(body) | WRONG[mode])))
                state.counts["answered"] += 1
        finally:
            with state.lock:
                state.counts["under way"] -= 1


def packed(ids: list[int], values: list[float], more: bytes = b"", **head: Any) -> bytes:
    """An answer as a worker writes it."""
    line = json.dumps({"tokens": len(ids), "logprobs": len(values)} | head).encode()
    return line + b"\n" + struct.pack(f"<{len(ids)}i{len(values)}f", *ids, *values) + more


WRONG: dict[str, dict[str, Any]] = {
    "well": {},
    "unknown tokens": {"ids": [VOCABULARY + 99999, EOS], "values": [-1.0, -1.0]},
    "too long": {"ids": [5] * 9999 + [EOS], "finish_reason": "stop"},
    "no tokens": {"ids": [], "values": []},
    "missing": {"tokens": None},
    "another request": {"request_id": "0" * 32},
    "no request": {"request_id": None},
    "two": {"more": b"{}\n"},
    "aborted": {"finish_reason": "abort"},
    "stale": {"versions": ["7"]},
    "other logprobs": {"values": [-1.0]},
    "infinite version": {"versions": [math.inf]},
    "infinite log-prob": {"ids": [5, EOS], "values": [-1.0, -math.inf], "finish_reason": "stop"},
    "huge": {"more": b"x" * (1 << 22)},
}


class Server(ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up is none of ours."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--model")
    parser.add_argument("--mode", default="well")
    parser.add_argument("--key")
    parser.add_argument("--upload-only", action="store_true")
    parser.add_argument("--max-model-len", type=int, default=4096)
    parser.add_argument("--adapter-rank", type=int)
    arguments = parser.parse_args()
    Handler.state = State(arguments)
    server = Server(("127.0.0.1", arguments.port), Handler)
    print(f"serving {server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
