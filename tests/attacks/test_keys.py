"""Keys and where they go: a recipe that would send the user's token to a server of its writer's."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from attacks.played import play, recipe_file
from rl.errors import UserError
from rl.secrecy import Granted, require_address

HF = "hf_" + "q" * 34
KEY = "Zx81qP-not-to-be-seen"
FOREIGN = "http://203.0.113.9:8000"


class Listener(HTTPServer):
    """Writes down the Authorization header of all that it is asked."""

    def __init__(self, redirect: str | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.redirect, self.keys = redirect, list[str | None]()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Listener

    def _answer(self) -> None:
        self.server.keys.append(self.headers.get("Authorization"))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(302 if self.server.redirect else 401)
        if self.server.redirect:
            self.send_header("Location", self.server.redirect)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = _answer

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def listening(redirect: str | None = None) -> Iterator[Listener]:
    with Listener(redirect) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HF_TOKEN": HF, "MY_KEY": KEY, "LENGTHWISE_KEY": KEY}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def write_rows(folder: Path) -> str:
    rows = [{"id": "a", "prompt": [{"role": "user", "content": "1+1=?"}], "answer": "2", "aliases": ["two"]}]
    pq.write_table(pa.Table.from_pylist(rows), folder / "rows.parquet")
    return str(folder / "rows.parquet")


def by_workers(folder: Path, address: str, variable: str) -> str:
    rollouts = {"engine": "workers", "workers": [address], "pool": {"api_key_env": variable}}
    return recipe_file(folder, rollouts=rollouts)


@pytest.mark.parametrize("variable", ["HF_TOKEN", "MY_KEY", "PATH"])
def test_a_recipe_does_not_choose_which_of_the_users_secrets_a_server_gets(
    variable: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with listening() as server:
        recipe = by_workers(tmp_path, server.address, variable)
        for command in (["train", recipe, "--out", str(tmp_path / "run")], ["train", recipe, "--dry-run"]):
            said = play(capfd, *command).refusal
            assert f"a recipe reads no variable but LENGTHWISE_…, and {variable} is none" in said
            assert f"--api-key-env {variable}" in said
            assert HF not in said
        if variable == "HF_TOKEN":
            assert "and HF_TOKEN is none" in play(capfd, "doctor", recipe, "--no-step").out
    assert server.keys == []
    assert not (tmp_path / "run").exists()


def test_a_key_that_is_meant_goes_to_workers_nearby(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with listening() as server:
        play(capfd, "doctor", by_workers(tmp_path, server.address, "LENGTHWISE_KEY"), "--no-step")
        play(capfd, "doctor", by_workers(tmp_path, server.address, "HF_TOKEN"), "--no-step", "--api-key-env", "MY_KEY")
        play(capfd, "doctor", "--workers", server.address, "--no-step")
    assert server.keys == [f"Bearer {KEY}", f"Bearer {KEY}", None]


def test_no_key_goes_to_a_host_that_the_user_has_not_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(*_: Any) -> None:
        raise AssertionError("somebody was called")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    rows = write_rows(tmp_path)
    asked = ["--data", "demo", "--model", "demo", "--engine", "workers", "--worker", FOREIGN]
    kept = ["--model", "m", "--out", str(tmp_path / "kept.parquet")]
    recipe = by_workers(tmp_path, FOREIGN, "LENGTHWISE_KEY")
    for command in (
        ["train", recipe, "--dry-run"],
        ["evaluate", *asked, "--api-key-env", "MY_KEY"],
        ["synth", "filter", rows, "--endpoint", f"{FOREIGN}/v1", *kept],
    ):
        said = play(capfd, *command).refusal
        assert "the key would go to 203.0.113.9, which is no private address" in said
        assert "--allow-host 203.0.113.9" in said
    told = play(capfd, "doctor", "--workers", f"http://me:{KEY}@203.0.113.9", recipe, "--no-step").out
    assert "no user, password or ?parameter" in told
    assert KEY not in told


def test_a_server_that_points_elsewhere_does_not_take_the_key_there(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    rows = write_rows(tmp_path)
    with listening() as other, listening(other.address) as server:
        command = ["synth", "filter", rows, "--endpoint", f"{server.address}/v1", "--model", "m"]
        said = play(capfd, *command, "--out", str(tmp_path / "kept.parquet"), "--retries", "0").refusal
    assert "refuses: 302" in said
    assert set(server.keys) == {f"Bearer {KEY}"}
    assert other.keys == []


@pytest.mark.parametrize(
    ("host", "near"),
    [
        ("127.0.0.1", True), ("127.8.8.8", True), ("localhost", True), ("[::1]", True), ("10.1.2.3", True),
        ("192.168.0.9", True), ("172.16.0.1", True), ("[fd00::1]", True), ("[::ffff:10.0.0.1]", True),
        ("8.8.8.8", False), ("[::ffff:8.8.8.8]", False), ("[2001:4860:4860::8888]", False), ("172.32.0.1", False),
        ("134744072", False), ("0x08080808", False), ("example.org", False), ("127.0.0.1.example.org", False),
        ("localhost.example.org", False), ("no-such-host-of-ours", False),
    ],
)  # fmt: skip
def test_which_addresses_are_near(host: str, near: bool) -> None:
    addresses = [f"http://{host}:8000"]
    if near:
        assert Granted("MY_KEY").key_for(addresses, None) == KEY
        return
    with pytest.raises(UserError, match="the key would go to"):
        Granted("MY_KEY").key_for(addresses, None)
    assert Granted("MY_KEY", [host.strip("[]").upper()]).key_for(addresses, None) == KEY
    assert Granted().key_for(addresses, None) is None


def test_a_name_of_one_word_is_near_where_it_stands_for_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"gpu-7": ["10.0.0.7"], "both": ["10.0.0.7", "8.8.8.8"]}

    def asked(host: str, port: None) -> list[Any]:
        return [(0, 0, 0, "", (address, 0)) for address in found[host]]

    monkeypatch.setattr(socket, "getaddrinfo", asked)
    assert Granted("MY_KEY").key_for(["http://gpu-7:8000"], None) == KEY
    with pytest.raises(UserError, match="the key would go to both"):
        Granted("MY_KEY").key_for(["http://both:8000"], None)


@pytest.mark.parametrize(
    "address",
    [
        f"http://me:{KEY}@127.0.0.1:8000", f"http://{KEY}@127.0.0.1:8000", f"http://127.0.0.1:8000?api_key={KEY}",
        f"http://127.0.0.1:8000/v1?x={KEY}", f"http://127.0.0.1:8000/#{KEY}", f"http://8.8.8.8\\@127.0.0.1/{KEY}",
        "http://127.0.0.1@8.8.8.8", "http://127.0.0.1:8000/\x1b[2J", "http://127.0.0.1:80:90", "http://", "ftp://x",
        "http://127.0.0.1:0", "http://a b",
    ],
)  # fmt: skip
def test_an_address_is_host_port_and_path_and_what_else_stands_in_it_is_not_repeated(
    address: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError):
        require_address(address, "rollout worker")
    said = play(
        capfd, "evaluate", "--model", "demo", "--data", "demo", "--engine", "workers", "--worker", address
    ).refusal
    assert KEY not in said
    rows = write_rows(tmp_path)
    kept = ["--model", "m", "--out", str(tmp_path / "kept.parquet")]
    assert KEY not in play(capfd, "synth", "filter", rows, "--endpoint", address, *kept).refusal
    assert [path.name for path in tmp_path.iterdir()] == ["rows.parquet"]
