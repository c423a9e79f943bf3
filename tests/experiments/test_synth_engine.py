"""Shards under another engine are the same files."""

from pathlib import Path

from data_synth.settings import Settings
from data_synth.shards import generate
from experiments.synth_engine import build_all


def test_an_engine_builds_the_same_bytes(tmp_path: Path) -> None:
    settings = Settings("multihop", 512, 12, shard_rows=4)
    assert build_all(settings, tmp_path / "engine", 2) == 12
    generate(settings, tmp_path / "ours")
    files = sorted((tmp_path / "ours").iterdir())
    assert len(files) == 3
    for file in files:
        assert (tmp_path / "engine" / file.name).read_bytes() == file.read_bytes()
