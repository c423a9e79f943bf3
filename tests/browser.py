"""A headless chromium over its debugging pipe, with the standard library alone."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--no-first-run",
    "--remote-debugging-pipe",
)
SECONDS = 30.0


class Browser:
    """One tab. `complaints` are warnings and errors of the console and of scripts."""

    def __init__(self, read: int, write: int) -> None:
        os.set_blocking(read, False)
        self._read, self._write, self._buffer, self._number = read, write, b"", 0
        self._session: str | None = None
        self.complaints: list[str] = []
        self._asked: dict[str, str] = {}
        self._loaded = False
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    @property
    def requests(self) -> list[str]:
        """The addresses that it asked for, those aside that the page's own policy stopped."""
        return list(self._asked.values())

    def forget(self) -> None:
        self.complaints.clear()
        self._asked.clear()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        message |= {"sessionId": self._session} if self._session else {}
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            pass
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return dict(answer["result"])

    def open(self, address: str) -> None:
        for place in ("about:blank", address):  # another part of the same page would not be loaded anew
            self._loaded = False
            self.call("Page.navigate", url=place)
            while not self._loaded:
                self._next()

    def look(self, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """The size of the window, and what the system prefers."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def run(self, script: str) -> Any:
        """The value of an expression on the page, once it has been drawn."""
        settled = f"new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done({script}))))"
        found = self.call("Runtime.evaluate", expression=settled, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def picture(self, path: Path) -> None:
        """The page from top to bottom."""
        taken = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(taken["data"]))

    def _next(self) -> dict[str, Any]:
        deadline = time.monotonic() + SECONDS
        while b"\0" not in self._buffer:
            try:
                more = os.read(self._read, 1 << 20)
                if not more:
                    raise RuntimeError("the browser has ended")
                self._buffer += more
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError("the browser says nothing") from None
                time.sleep(0.01)
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, event: str, told: dict[str, Any]) -> None:
        if event == "Page.loadEventFired":
            self._loaded = True
        elif event == "Network.requestWillBeSent" and not told["request"]["url"].startswith("about:"):
            self._asked[told["requestId"]] = told["request"]["url"]
        elif event == "Network.loadingFailed" and told.get("blockedReason") == "csp":
            self._asked.pop(told["requestId"], None)
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(str(told["exceptionDetails"]))
        elif event == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
            self.complaints.append(told["entry"]["text"])
        elif event == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
            self.complaints.append(str(told["args"]))


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A chromium of its own, ended at the end; `profile` is a folder for what it keeps."""
    assert CHROMIUM is not None
    (to_read, to_write), (from_read, from_write) = os.pipe(), os.pipe()

    def take_places() -> None:
        """Chromium reads commands from its descriptor 3 and answers on 4."""
        high = os.dup(from_write)
        os.dup2(to_read, 3)
        os.dup2(high, 4)

    process = subprocess.Popen(
        [CHROMIUM, *FLAGS, f"--user-data-dir={profile}"],
        preexec_fn=take_places,
        pass_fds=(3, 4),
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    os.close(to_read)
    os.close(from_write)
    try:
        yield Browser(from_read, to_write)
    finally:
        os.close(to_write)
        process.terminate()
        process.wait(10)
        os.close(from_read)
