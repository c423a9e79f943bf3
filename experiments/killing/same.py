"""What two runs, or two outputs, of one command do not have in common, times aside."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rl.folders.run import RunFolder, read_metrics

TIMES = {"time", "step_time", "verifier/seconds"}
"""Figures in seconds, which differ from run to run."""


def differences(one: RunFolder, other: RunFolder) -> list[str]:
    """What two finished runs of one recipe do not have in common, times aside; empty: equal to the last bit."""
    # By their texts: all digits of numbers, and nan equals nan.
    return [name for name, read in CONTENTS.items() if repr(read(one)) != repr(read(other))]


def differing(one: Path, other: Path) -> list[str]:
    """The same of two folders of files, logs left out: names of those that differ, or that one of them lacks."""
    ours, theirs = _files(one), _files(other)
    return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))


def _files(folder: Path) -> dict[str, object]:
    found = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".log"]
    return {path.relative_to(folder).as_posix(): _content(path) for path in found}


def _content(path: Path) -> object:
    # A table's bytes hold, beside its rows, when each answer was given.
    try:
        return repr(pq.read_table(path).to_pylist()) if path.suffix == ".parquet" else path.read_bytes()
    except pa.ArrowInvalid:
        return "damaged"


def _untimed(run: RunFolder) -> list[dict[str, object]]:
    if not run.metrics.is_file():
        return []
    return [{key: value for key, value in line.items() if key not in TIMES} for line in read_metrics(run.metrics)]


def _states(run: RunFolder) -> dict[str, object]:
    """Our own state in each checkpoint that is left, without times."""
    states = {p.parent.name: json.loads(p.read_text())["state"] for p in run.checkpoints.glob("*/length_state.json")}
    for state in states.values():
        state["unlogged"]["metrics"] = {k: v for k, v in state["unlogged"]["metrics"].items() if k not in TIMES}
    return dict(sorted(states.items()))


def _tables(folder: Path) -> dict[str, object]:
    return {path.name: _content(path) for path in sorted(folder.glob("*"))}


CONTENTS: dict[str, Callable[[RunFolder], object]] = {
    "parameters": lambda run: {path.name: path.read_bytes() for path in sorted(run.final.glob("*.safetensors"))},
    "metrics": _untimed,
    "history, sampler, leftovers": _states,
    "rollouts": lambda run: _tables(run.rollouts),
    "evaluations": lambda run: _tables(run.path / "evaluation"),
}
