"""What is around vLLM's app: the key, no browsers, our endpoints, and no completions from weights that nobody sent."""

from __future__ import annotations

import asyncio
import hmac
import re
import shutil
from http import HTTPStatus
from pathlib import Path
from typing import Any

from rl.rollouts.vllm.answering import answer
from rl.rollouts.vllm.fitting import Misfit
from rl.rollouts.vllm.loading import TRANSFER, Worker, line_of

GENERATE, VLLMS = "/lengthwise/generate", "/inference/v1/generate"
_FILE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*\.(safetensors|json)")


class WorkerRoutes:
    """ASGI middleware around vLLM's app."""

    def __init__(self, app: Any, worker: Worker) -> None:
        from starlette.applications import Starlette
        from starlette.routing import Route

        self.app, self.worker = app, worker
        self.router = Starlette(
            routes=[
                Route("/lengthwise/health", self._health),
                Route(GENERATE, self._generate, methods=["POST"]),
                Route("/lengthwise/weights", self._load, methods=["POST"]),
                Route("/lengthwise/weights/{version:int}/{name}", self._upload, methods=["PUT"]),
            ]
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from starlette.responses import JSONResponse

        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http":
            health = self.worker.health()
            if _by_a_browser(scope):
                await JSONResponse({"error": "this worker takes no requests of web pages"}, 403)(scope, receive, send)
                return
            if not self._may(scope):
                await JSONResponse({"error": "this worker wants its API key"}, 401)(scope, receive, send)
                return
            if scope["path"] in (GENERATE, VLLMS) and not health["ready"]:
                await JSONResponse({"error": health["problem"]}, 409)(scope, receive, send)
                return
            if scope["path"].startswith("/lengthwise/"):
                await self.router(scope, receive, send)
                return
            if self.worker.options.nccl and scope["path"] in TRANSFER:
                await self._transfer(scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def _transfer(self, scope: Any, receive: Any, send: Any) -> None:
        """Have vLLM take weights over NCCL, and see whether it does."""

        async def seen(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.worker.transfer(scope["path"], message["status"])
            await send(message)

        self.worker.transfer(scope["path"], None)
        await self.app(scope, receive, seen)

    def _may(self, scope: Any) -> bool:
        key = self.worker.options.api_key
        if not key or scope["path"] == "/health":
            return True
        given = dict(scope["headers"]).get(b"authorization", b"")
        return hmac.compare_digest(given, f"Bearer {key}".encode())

    async def _health(self, request: Any) -> Any:
        from starlette.responses import JSONResponse

        return JSONResponse(self.worker.health())

    async def _generate(self, request: Any) -> Any:
        from starlette.responses import JSONResponse, Response

        try:
            work = asyncio.ensure_future(answer(self.worker, await request.json()))
            gone = asyncio.ensure_future(_gone(request))
            try:
                await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
                return Response(await work if work.done() else b"", media_type="application/octet-stream")
            finally:
                work.cancel()  # vLLM drops a rollout that nobody waits for
                gone.cancel()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return JSONResponse({"error": line_of(error)}, 400)
        except Exception as error:
            # From 0.33 on vLLM turns away what comes while it waits for the requests before new weights.
            paused = getattr(error, "status_code", None) == HTTPStatus.SERVICE_UNAVAILABLE
            return JSONResponse({"error": line_of(error)}, 409 if paused else 500)

    async def _load(self, request: Any) -> Any:
        from starlette.responses import JSONResponse

        try:
            asked = await request.json()
            version = int(asked["version"])
            uploaded = self.worker.uploads / str(version)
            folder = None if asked.get("arrived") else Path(asked.get("path") or uploaded)
            if folder is not None and not any(path.is_file() for path in folder.glob("*.safetensors")):
                raise ValueError(f"{folder} holds no .safetensors file that this worker can read")
        except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
            return JSONResponse({"error": line_of(error)}, 400)
        try:
            await self.worker.load(folder, version, bool(asked.get("between_tokens")))
        except Misfit as misfit:
            return JSONResponse({"error": line_of(misfit)}, 422)
        except Exception as error:
            return JSONResponse({"error": line_of(error)}, 500)
        for old in self.worker.uploads.iterdir():  # the current adapter stays: vLLM may read it again
            if int(old.name) < version + (self.worker.options.adapter_rank is None):
                shutil.rmtree(old, ignore_errors=True)
        return JSONResponse({"version": version})

    async def _upload(self, request: Any) -> Any:
        from starlette.responses import JSONResponse

        name, version = request.path_params["name"], request.path_params["version"]
        if not _FILE.fullmatch(name):
            return JSONResponse({"error": f"{name!r} is no name of a .safetensors or .json file"}, 400)
        target = self.worker.uploads / str(version) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        size = 0
        with target.open("wb") as file:
            async for part in request.stream():
                size += len(part)
                await asyncio.to_thread(file.write, part)
        return JSONResponse({"bytes": size})


async def _gone(request: Any) -> None:
    """Returns once the client has hung up; the body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _by_a_browser(scope: Any) -> bool:
    """Whether a page of the web has a browser send what may change something: no client of a worker says where from."""
    headers = {name for name, _ in scope["headers"]}
    return scope["method"] not in ("GET", "HEAD") and not headers.isdisjoint((b"origin", b"sec-fetch-site"))
