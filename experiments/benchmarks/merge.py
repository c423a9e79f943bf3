"""Time and memory of a selective merge of a 1 GB model, against copying that model and syncing the copy.

    python experiments/benchmarks/merge.py

Base and trained model are 1 GB of bfloat16 or float32 each, in tensors of the shapes of a small
transformer and in files of 250 MB. Every merge is a fresh process, its imports counted in; its
memory is the largest resident set that the system saw of it, the pages of files counted in. Copying
is `shutil.copyfile` of the base's files and an fsync of each, as the merge syncs what it writes. All
sides read from files that the system's cache holds, and take turns; times are those of each side's
quickest turn, since other work on the machine only adds to them. Writes results/merge.json and
results/merge.md.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from experiments.benchmarks._shared import PROGRAM, interleaved, surroundings, write

GIGABYTE = 1_000_000_000
TURNS = 3
SHAPES = {
    "embed": (32_000, 1024),
    **{f"layers.{i}.{part}": (1024, 4096) for i in range(120) for part in ("up", "down")},
}
DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}
METHODS = {
    "selective, global": ("--method", "selective", "--scope", "global"),
    "selective, each tensor": ("--method", "selective", "--scope", "tensor"),
    "linear": ("--method", "linear"),
}


def make_model(folder: Path, dtype: torch.dtype, step: float) -> None:
    """A gigabyte of weights; `step` moves them from the same start."""
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    generator = torch.Generator().manual_seed(0)
    start, moves = (torch.randn(32_000 * 1024, generator=generator) for _ in range(2))
    places: list[dict[str, torch.Tensor]] = [{}]
    size = total = 0
    for number, (name, shape) in enumerate(SHAPES.items()):
        if total >= GIGABYTE:
            break
        if size >= GIGABYTE // 4:
            places.append({})
            size = 0
        elements = shape[0] * shape[1]
        part = slice(number * 65_536 % (len(start) - elements + 1), None)
        weights = 0.02 * start[part][:elements] + step * (1 + number / 100) * moves[part][:elements]
        places[-1][name] = weights.view(shape).to(dtype)
        size += elements * dtype.itemsize
        total += elements * dtype.itemsize
    _save(folder, places)


def _save(folder: Path, places: list[dict[str, torch.Tensor]]) -> None:
    where: dict[str, str] = {}
    for number, tensors in enumerate(places, 1):
        file = f"model-{number:05d}-of-{len(places):05d}.safetensors"
        save_file(tensors, folder / file)
        where |= dict.fromkeys(tensors, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))


def copied(base: Path, out: Path) -> Callable[[], dict[str, float]]:
    """Copy a model's files and have the disk hold them."""

    def run() -> dict[str, float]:
        started, before = time.perf_counter(), time.process_time()
        out.mkdir()
        for file in base.iterdir():
            shutil.copyfile(file, out / file.name)
            with (out / file.name).open("rb") as handle:
                os.fsync(handle.fileno())
        taken = {"seconds": time.perf_counter() - started, "cpu": time.process_time() - before}
        shutil.rmtree(out)
        return taken

    return run


def merged(base: Path, trained: Path, out: Path, options: tuple[str, ...]) -> Callable[[], dict[str, float]]:
    """Merge in a fresh process."""
    command = ["merge", "--base", str(base), "--trained", str(trained), "--out", str(out), *options]

    def run() -> dict[str, float]:
        started, before = time.perf_counter(), os.times()
        done = subprocess.run([sys.executable, "-c", PROGRAM, *command], check=True, capture_output=True, text=True)
        seconds, after = time.perf_counter() - started, os.times()
        shutil.rmtree(out)
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        return {"seconds": seconds, "cpu": cpu, "megabytes": int(done.stderr.split()[-1]) * 1024 / 1e6}

    return run


def measure(dtype: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=os.environ.get("LENGTHWISE_SCRATCH")) as place:
        base, trained, out = (Path(place) / name for name in ("base", "trained", "out"))
        make_model(base, DTYPES[dtype], 0.0)
        make_model(trained, DTYPES[dtype], 0.001)
        sides: dict[str, Callable[[], Any]] = {"copy and sync": copied(base, out)}
        sides |= {name: merged(base, trained, out, options) for name, options in METHODS.items()}
        taken = interleaved(sides, TURNS)
        size = sum(file.stat().st_size for file in base.glob("*.safetensors"))
    table = {side: min(rows, key=lambda row: row["seconds"]) for side, rows in taken.items()}
    for row in table.values():
        row["ratio"] = row["seconds"] / table["copy and sync"]["seconds"]
    return {"gigabytes": size / GIGABYTE, "sides": table, "load": os.getloadavg()[0]}


def main() -> None:
    measured = {dtype: measure(dtype) for dtype in DTYPES}
    lines = [
        f"Merging a 1 GB model, a fresh process each time; the quickest of {TURNS} turns of each.",
        "",
        "| weights | what | seconds | times copying | CPU s | peak MB |",
        "|---|---|---|---|---|---|",
    ]
    for dtype, found in measured.items():
        for side, row in found["sides"].items():
            memory = f"{row['megabytes']:.0f}" if "megabytes" in row else ""
            lines.append(
                f"| {found['gigabytes']:.2f} GB {dtype} | {side} | {row['seconds']:.1f} | {row['ratio']:.1f} "
                f"| {row['cpu']:.1f} | {memory} |"
            )
    loads = " and ".join(f"{found['load']:.1f}" for found in measured.values())
    lines += ["", f"Load of the machine after each: {loads}, on {os.cpu_count()} cores."]
    lines += ["", "Made by `python experiments/benchmarks/merge.py`."]
    write("merge", {"models": measured, "turns": TURNS, **surroundings()}, lines)


if __name__ == "__main__":
    main()
