"""Shards: the same bytes however they are built."""

import os
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from processes import PATIENCE

from data_synth.errors import SynthError
from data_synth.rows import SCHEMA
from data_synth.settings import Settings
from data_synth.shards import generate

SETTINGS = Settings("keychain", 1024, 60, shard_rows=10)
SCRIPT = """
import sys
from pathlib import Path
from data_synth.settings import Settings
from data_synth.shards import generate
generate(Settings("keychain", 1024, 60, shard_rows=10), Path(sys.argv[1]), int(sys.argv[2]))
"""


def bytes_of(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def started(folder: Path, workers: int, **environment: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", SCRIPT, str(folder), str(workers)]
    return subprocess.Popen(command, env={**os.environ, **environment})


@pytest.mark.slow
def test_bytes_do_not_depend_on_workers_or_the_hash_seed(tmp_path: Path) -> None:
    generate(SETTINGS, tmp_path / "one")
    generate(SETTINGS, tmp_path / "two", workers=2)
    running = [
        started(tmp_path / name, workers, PYTHONHASHSEED=seed)
        for name, workers, seed in (("four", 4, "1"), ("other", 1, "7"))
    ]
    assert [process.wait(120) for process in running] == [0, 0]
    expected = bytes_of(tmp_path / "one")
    assert len(expected) == 6
    for name in ("two", "four", "other"):
        assert bytes_of(tmp_path / name) == expected


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_run_resumes_to_the_same_bytes(tmp_path: Path, workers: int) -> None:
    generate(SETTINGS, tmp_path / "whole")
    running = started(tmp_path / "killed", workers)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and not list((tmp_path / "killed").glob("*-00001-*.parquet")):
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    (tmp_path / "killed" / ".train-00005-of-00006.parquet.1.tmp").write_bytes(b"half")
    told: list[int] = []
    report = generate(SETTINGS, tmp_path / "killed", resume=True, progress=told.append)
    assert bytes_of(tmp_path / "killed") == bytes_of(tmp_path / "whole")
    assert report.rows == sum(told) == 60


def test_other_settings_do_not_resume(tmp_path: Path) -> None:
    generate(SETTINGS, tmp_path)
    with pytest.raises(SynthError, match="already holds"):
        generate(SETTINGS, tmp_path)
    with pytest.raises(SynthError, match="was built from other settings"):
        generate(Settings("keychain", 1024, 60, seed=1, shard_rows=10), tmp_path, resume=True)
    with pytest.raises(SynthError, match="was built from other settings"):
        generate(Settings("keychain", 1024, 50, shard_rows=10), tmp_path, resume=True)


def test_a_run_that_cannot_be_built_gives_up_and_leaves_nothing(tmp_path: Path) -> None:
    impossible = Settings("keychain", 1024, 20, answerable=3, question_hops=(4,), shard_rows=10)
    for workers in (1, 2):
        with pytest.raises(SynthError, match=r"no question can be built for row \d+; rejected so far: 60 because"):
            generate(impossible, tmp_path / "deep" / "out", workers)
        assert not (tmp_path / "deep").exists()


def test_a_worker_that_dies_is_an_error_that_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data_synth.shards.write_shard", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(SynthError, match=r"a worker was killed .*--resume"):
        generate(SETTINGS, tmp_path / "out", workers=2)


def test_rejects_are_counted_in_the_file(tmp_path: Path) -> None:
    report = generate(Settings("keychain", 1024, 20, chains=4, answerable=1, question_hops=(4,)), tmp_path)
    assert report.rejects.total() > 0
    (file,) = tmp_path.glob("*.parquet")
    assert pq.read_metadata(file).num_rows == 20
    assert b"rejects" in pq.read_metadata(file).metadata[b"report"]


def test_files_load_as_a_data_set_and_as_problems(tmp_path: Path) -> None:
    from datasets import load_dataset

    generate(SETTINGS, tmp_path)
    loaded: Any = load_dataset("parquet", data_dir=str(tmp_path), cache_dir=str(tmp_path / "cache"))
    assert loaded["train"].num_rows == 60
    assert loaded["train"].column_names == SCHEMA.names
    row = loaded["train"][0]
    assert row["prompt"][-1]["role"] == "user"
    assert row["reward_model"] == {"style": "rule", "ground_truth": row["answer"]}
    assert row["extra_info"] == {"index": 0, "split": "train"}
