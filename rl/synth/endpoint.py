"""Answers from an OpenAI-compatible server, over plain HTTP."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rl.errors import UserError
from rl.secrecy import require_address
from rl.synth.filter import Sampled

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds between two tries: doubled each time, up to the second."""
PASSING = {408, 409, 425, 429}
"""Refusals that may not be repeated; so may every 5xx."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """urllib would send the key along to wherever a server points."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class Endpoint:
    """Asks `URL/chat/completions` for each row, again after a failure that may pass.

    `key`, where there is one, goes with each request, to this server and to no other it may name.
    """

    def __init__(
        self,
        url: str,
        model: str,
        options: Sampled,
        retries: int = 5,
        timeout: float = 600.0,
        sleep: Callable[[float], None] = time.sleep,
        key: str | None = None,
    ) -> None:
        require_address(url, "--endpoint", "http://127.0.0.1:8000/v1")
        self.url = url.rstrip("/").removesuffix("/chat/completions") + "/chat/completions"
        self.model, self.options, self.retries, self.timeout, self.sleep = model, options, retries, timeout, sleep
        self._headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
        self._opener = urllib.request.build_opener(_NoRedirect)

    def answers(self, id: str, messages: Sequence[Mapping[str, str]]) -> list[str]:
        """`samples` completions; a server that gives fewer at a time is asked again. Errors: UserError."""
        found: list[str] = []
        while len(found) < self.options.samples:
            new = self._ask(messages, self.options.samples - len(found))
            if not new:
                raise UserError(f"{self.url} gave no choices for row {id}")
            found += new
        return found[: self.options.samples]

    def _ask(self, messages: Sequence[Mapping[str, str]], count: int) -> list[str]:
        body = {
            "model": self.model,
            "messages": [dict(message) for message in messages],
            "n": count,
            "temperature": self.options.temperature,
            "max_tokens": self.options.max_tokens,
        }
        reply = self._post(json.dumps(body).encode())
        try:
            return [choice["message"]["content"] or "" for choice in reply["choices"]]
        except (KeyError, TypeError) as error:
            raise UserError(f"{self.url} gave no chat completion but {json.dumps(reply)[:100]}") from error

    def _post(self, body: bytes) -> Any:
        """The server's reply, after up to `retries` further tries."""
        reason = ""
        for attempt in range(self.retries + 1):
            if attempt:
                self.sleep(min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempt - 1)))
            try:
                request = urllib.request.Request(self.url, body, self._headers)
                with self._opener.open(request, timeout=self.timeout) as response:
                    return json.load(response)
            except urllib.error.HTTPError as error:
                reason = f"{error.code} {_said(error)}"
                if error.code not in PASSING and error.code < 500:
                    raise UserError(f"{self.url} refuses: {reason}") from error
            except (OSError, http.client.HTTPException, ValueError) as error:
                reason = str(getattr(error, "reason", error)) or type(error).__name__
        raise UserError(f"{self.url} failed {self.retries + 1} times: {reason}; the same command goes on from here")


def _said(error: urllib.error.HTTPError) -> str:
    """What the server says is wrong, on one line."""
    text = error.read(2000).decode(errors="replace")
    try:
        text = json.loads(text)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        text = text or error.reason
    return " ".join(str(text).split())[:200]
