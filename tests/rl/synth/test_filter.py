"""`synth filter`: known rates, a server on this machine, a model on this machine."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from commands import refused, run
from synth_rows import Raw, plan, render, write_parquet, write_tokenizer

from rl.cli import run_command
from rl.errors import UserError
from rl.synth.endpoint import Endpoint
from rl.synth.filter import Sampled


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.fixture
def rows() -> list[Raw]:
    write_tokenizer(Path())
    made = [render(plan(seed), "tokenizer.json") for seed in range(6)]
    write_parquet(Path("rows.parquet"), made)
    return made


def write_rates(rows: list[Raw], *rates: float | None) -> str:
    lines = [json.dumps({"id": row["id"], "pass_rate": rate}) + "\n" for row, rate in zip(rows, rates, strict=True)]
    Path("rates.jsonl").write_text("".join(lines))
    return "rates.jsonl"


def kept() -> list[Raw]:
    return pq.read_table("kept.parquet").to_pylist()


def test_rows_are_kept_by_known_rates_in_their_order(rows: list[Raw]) -> None:
    rates = write_rates(rows, 0, 0.5, 1, None, 0.125, 0.875)
    found = run("synth", "filter", "rows.parquet", "--rates", rates, "--out", "kept.parquet")
    assert [(row["id"], row["pass_rate"]) for row in kept()] == [
        (rows[1]["id"], 0.5), (rows[4]["id"], 0.125), (rows[5]["id"], 0.875),
    ]  # fmt: skip
    assert {k: v for k, v in kept()[0].items() if k != "pass_rate"} == rows[1]
    assert found == {
        "rows": 6, "kept": 3, "too_hard": 1, "too_easy": 1, "unjudged": 1,
        "pass_rates": {"0": 1, "0.125": 1, "0.5": 1, "0.875": 1, "1": 1, "null": 1},
    }  # fmt: skip
    run("synth", "filter", "kept.parquet", "--rates", rates, "--out", "again.parquet", "--below", "0.5")
    assert pq.read_table("again.parquet").column("pass_rate").to_pylist() == [0.125]
    assert not list(Path().glob("*.tmp"))


class Server(ThreadingHTTPServer):
    """Answers the question of the right rows in some of the samples; fails first where it is told to."""

    def __init__(self, failures: list[int], most: int = 100, right: float = 0.5) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.failures, self.most, self.right = failures, most, right
        self.requests: list[Raw] = []
        self.keys: list[str | None] = []
        self.golds: dict[str, str] = {}
        self.waiting = threading.Event()


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(body)
        self.server.keys.append(self.headers["Authorization"])
        if self.server.failures:
            self.send_error(self.server.failures.pop(0), "busy")
            return
        gold = self.server.golds.get(body["messages"][-1]["content"], "nobody")
        if gold == "wait":
            self.server.waiting.wait(60)
            return
        count = min(body["n"], self.server.most)
        right = round(self.server.right * count)
        texts = [f"<think>so</think> \\boxed{{{gold if i < right else 'elsewhere'}}}" for i in range(count)]
        reply = json.dumps({"choices": [{"message": {"content": text}} for text in texts]}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def serving(rows: list[Raw], failures: list[int] | None = None, **options: Any) -> Iterator[tuple[Server, str]]:
    with Server(failures or [], **options) as server:
        server.golds = {row["prompt"][-1]["content"]: row["answer"] for row in rows}
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server, f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


def asked(url: str, *more: str) -> list[str]:
    return ["synth", "filter", "rows.parquet", "--endpoint", url, "--model", "m", "--out", "kept.parquet", *more]


def test_a_server_s_answers_are_judged(rows: list[Raw], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    with serving(rows[:4]) as (server, url):  # it knows nothing of the last two
        found = run(*asked(url, "--samples", "4", "--temperature", "0.7", "--max-tokens", "99"))
    assert (found["kept"], found["too_hard"]) == (4, 2)
    assert [row["id"] for row in kept()] == [row["id"] for row in rows[:4]]
    assert {row["pass_rate"] for row in kept()} == {0.5}
    body = server.requests[0]
    assert {k: v for k, v in body.items() if k != "messages"} == {
        "model": "m", "n": 4, "temperature": 0.7, "max_tokens": 99,
    }  # fmt: skip
    assert body["messages"] in [row["prompt"] for row in rows]
    assert set(server.keys) == {"Bearer secret"}
    lines = [json.loads(line) for line in Path("kept.parquet.pass_rates.jsonl").read_text().splitlines()]
    assert lines[0]["settings"]["model"] == "m"
    assert {line["id"]: line["pass_rate"] for line in lines[1:]} == {
        row["id"]: 0.5 * (i < 4) for i, row in enumerate(rows)
    }


def test_an_alias_is_as_good_as_the_answer(rows: list[Raw]) -> None:
    write_parquet(Path("rows.parquet"), [{**row, "aliases": [row["answer"]], "answer": "Utopia"} for row in rows])
    with serving(rows) as (_, url):
        assert run(*asked(url))["kept"] == 6


def test_a_server_that_gives_one_choice_at_a_time_is_asked_again(rows: list[Raw]) -> None:
    with serving(rows, most=1, right=1) as (server, url):
        found = run(*asked(url, "--samples", "3"))
    assert found["too_easy"] == 6
    assert len(server.requests) == 18


def test_the_same_command_goes_on_where_it_was_stopped(rows: list[Raw], capsys: pytest.CaptureFixture[str]) -> None:
    with serving(rows) as (server, url):
        run(*asked(url))
        whole = Path("kept.parquet").read_bytes()
        results = Path("kept.parquet.pass_rates.jsonl")
        # As after a kill: three results, and half of a fourth.
        text = results.read_text().splitlines(keepends=True)
        results.write_text("".join(text[:4]) + text[4][:9])
        Path("kept.parquet").unlink()
        server.requests.clear()
        run(*asked(url))
        assert len(server.requests) == 3
        assert Path("kept.parquet").read_bytes() == whole
        assert sorted(results.read_text().splitlines()) == sorted("".join(text).splitlines())
        assert "measured with samples 8, not 4; remove it" in refused(capsys, *asked(url, "--samples", "4"))
    results.write_text("nonsense\n")
    assert "holds no results of this command" in refused(capsys, *asked(url))


def endpoint(url: str, **options: Any) -> tuple[Endpoint, list[float]]:
    pauses: list[float] = []
    return Endpoint(url, "m", Sampled(2), sleep=pauses.append, **options), pauses


def test_what_may_pass_is_tried_again_with_growing_pauses(rows: list[Raw]) -> None:
    with serving(rows, [503, 429, 500]) as (server, url):
        asking, pauses = endpoint(url)
        assert len(asking.answers("id", rows[0]["prompt"])) == 2
    assert len(server.requests) == 4
    assert pauses == [1, 2, 4]


def test_tries_are_bounded_and_a_refusal_is_final(rows: list[Raw]) -> None:
    with serving(rows, [503] * 9) as (server, url):
        asking, pauses = endpoint(url, retries=2)
        with pytest.raises(UserError, match="failed 3 times: 503"):
            asking.answers("id", rows[0]["prompt"])
        assert len(server.requests) == 3
        server.failures = [404]
        with pytest.raises(UserError, match="refuses: 404"):
            asking.answers("id", rows[0]["prompt"])
        assert len(server.requests) == 4
    asking, pauses = endpoint(url, retries=1, timeout=2)  # nobody listens any more
    with pytest.raises(UserError, match=r"failed 2 times: .*refused"):
        asking.answers("id", rows[0]["prompt"])
    assert pauses == [1]


def test_a_server_that_fails_leaves_the_results_so_far_and_no_rows(rows: list[Raw]) -> None:
    with serving(rows) as (server, url):
        server.failures = []
        run(*asked(url))
        results = Path("kept.parquet.pass_rates.jsonl")
        results.write_text("".join(results.read_text().splitlines(keepends=True)[:4]))
        Path("kept.parquet").unlink()
        server.failures = [400]
        with pytest.raises(SystemExit) as stop:
            run_command(asked(url, "--parallel", "1"))
        assert stop.value.code == 2
        assert not Path("kept.parquet").exists()
        assert len(results.read_text().splitlines()) == 4


def test_a_local_model_answers_the_same_each_time() -> None:
    prompts = [("What is 3+4?", "7"), ("What is 9-2+5?", "12"), ("What is 8-8?", "0")]
    base = {"aliases": [], "task": "multihop"}
    made = [
        {"id": f"{i:016x}", "prompt": [{"role": "user", "content": text}], "answer": answer, **base}
        for i, (text, answer) in enumerate(prompts)
    ]
    write_parquet(Path("rows.parquet"), made)
    arguments = ["filter", "rows.parquet", "--model", "demo", "--samples", "4", "--max-tokens", "48", "--below", "1.1"]
    rates = []
    for out in ("a.parquet", "b.parquet"):
        found = run("synth", *arguments, "--verifier", "math", "--out", out)
        assert found["rows"] == 3
        rates.append(Path(f"{out}.pass_rates.jsonl").read_text())
    assert rates[0] == rates[1]


def test_ctrl_c_ends_it_at_once_with_one_line_and_keeps_the_results(rows: list[Raw]) -> None:
    with serving(rows) as (server, url):
        server.golds[rows[3]["prompt"][-1]["content"]] = "wait"
        command = [
            sys.executable,
            "-c",
            "from rl.cli import run_command; run_command()",
            *asked(url, "--parallel", "1"),
        ]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        results = Path("kept.parquet.pass_rates.jsonl")
        while not results.is_file() or len(results.read_text().splitlines()) < 4 or len(server.requests) < 4:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
        server.waiting.set()
    assert process.returncode == 130
    assert said.splitlines() == [f"stopped; the same command goes on from {results}"]
    assert len(results.read_text().splitlines()) == 4
    assert not Path("kept.parquet").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--out", "kept.parquet"], "give --rates FILE, or --endpoint"),
        (["--out", "kept.parquet", "--rates", "rates.jsonl", "--model", "demo"], "give --rates FILE, or --endpoint"),
        (["--out", "kept.parquet", "--endpoint", "http://127.0.0.1:1"], "--endpoint needs --model"),
        (["--out", "kept.parquet", "--endpoint", "here", "--model", "m"], "'here' is no address"),
        (["--out", "kept.parquet", "--rates", "no.jsonl"], "'no.jsonl' does not exist"),
        (["--out", "kept.parquet", "--rates", "rates.jsonl"], "no pass rate for 5 rows"),
        (["--out", "kept.parquet", "--rates", "bad.jsonl"], "'pass_rate' must be a number from 0 to 1, not 3"),
        (["--out", "kept.jsonl", "--rates", "rates.jsonl"], "expected a name that ends with .parquet"),
        (["--out", "no/kept.parquet", "--rates", "rates.jsonl"], "its folder does not exist"),
        (["--out", "rows.parquet", "--rates", "rates.jsonl"], "is the file that is read"),
        (["--out", "kept.parquet", "--rates", "rates.jsonl", "--above", "1"], "must lie below"),
        (["--out", "kept.parquet", "--rates", "rates.jsonl", "--verifier", "substrin"], "did you mean 'substring'"),
        (["--out", "kept.parquet", "--model", "./no/such"], "no such folder"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(
    arguments: list[str], words: str, rows: list[Raw], capsys: pytest.CaptureFixture[str]
) -> None:
    write_rates(rows[:1], 0.5)
    Path("bad.jsonl").write_text(json.dumps({"id": "x", "pass_rate": 3}))
    assert words in refused(capsys, "synth", "filter", "rows.parquet", *arguments)
