"""The commands that are no training, small, each into a place of its own."""

from __future__ import annotations

from pathlib import Path

from experiments.killing.processes import PLACE, Command

EVALUATE = (
    f"evaluate --model demo --data demo --limit 96 --cap 120 --temperature 1 --batch-size 16 --out {PLACE}.parquet"
)
KEYCHAIN = f"synth keychain --tokens 1024 --n 48 --shard-rows 8 --workers 2 --resume --quiet --out {PLACE}"
FILTER = f"--model demo --samples 1 --max-tokens 8 --quiet --out {PLACE}.parquet"


def others(run: Path, rows: Path) -> dict[str, Command]:
    """By name. `run` is a finished run of an embedded model, `rows` a folder of synthetic rows."""
    words = {
        "evaluate": EVALUATE.split(),
        "merge": ["merge", "--base", "demo", "--trained", str(run / "final"), "--out", PLACE],
        "release": ["release", str(run), "--license", "apache-2.0", "--base", "demo", "--out", PLACE],
        "synth keychain": KEYCHAIN.split(),
        "synth filter": ["synth", "filter", str(rows), *FILTER.split()],
    }
    return {name: Command(each) for name, each in words.items()}
