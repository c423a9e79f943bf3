"""KeyChain rows a second a core, by length and source, and what a large data set takes.

    python experiments/benchmarks/keychain.py

A rate counts everything a shard costs: making its world or reading its questions, building, the check that every link
reads back and no key stands elsewhere, the exact count of the whole prompt, and writing the parquet file. It is rows
by CPU seconds of one process, so that other work on the machine moves it less; the median over shards of their own
process, each of as many rows as the command puts into one. The first shard of a process, in which a fixed source's
documents are tokenised for the first time, is shown apart. Counted is how many tokens the tokenizer was given for one
of a row, median over the later shards. Fill is from a recount of every prompt, outside the timing. The data set is
built by two workers through the same function as the command's, by wall time; its memory is the largest worker's.
Writes results/keychain.json and results/keychain.md.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from data_synth.corpus import Corpus
from data_synth.packing import Shelf
from data_synth.settings import Settings, Task
from data_synth.shards import generate, make_plan, write_shard
from data_synth.tokens import Tokenizer
from experiments.benchmarks._shared import RESULTS

SHARDS = 2
CASES: tuple[tuple[Task, str, int], ...] = (
    ("keychain", "phantom", 16_384),
    ("keychain", "atlas", 16_384),
    ("keychain", "phantom", 131_072),
    ("keychain", "atlas", 131_072),
    ("keychain", "phantom", 2_048),
    ("multihop", "atlas", 16_384),
    ("niah-multikey", "atlas", 16_384),
    ("variable-tracking", "atlas", 16_384),
)
"""Task, source, target in tokens."""

SETS = (1_000, 3_000)
"""Rows of data sets built whole, the smaller one first: the memory of all children is a maximum so far."""


class Counting:
    """A tokenizer that keeps how many tokens it was given."""

    def __init__(self, inner: Tokenizer) -> None:
        self.inner, self.name, self.fingerprint, self.given = inner, inner.name, inner.fingerprint, 0

    def count(self, text: str) -> int:
        """Tokens of a text."""
        found = self.inner.count(text)
        self.given += found
        return found


def rate(task: Task, source: str, tokens: int, tokenizer: str = "cl100k") -> dict[str, Any]:
    """Rows a CPU second of a shard, the first one apart, and how full the prompts are."""
    rows = Settings.shard_rows
    plan = make_plan(Settings(task, tokens, rows * SHARDS, source=source, tokenizer=tokenizer))
    counting = Counting(plan.tokenizer)
    plan = replace(plan, tokenizer=counting)
    shelf = Shelf(Corpus([], [], []), counting)
    counted: list[int] = []
    seconds: list[float] = []
    fill: list[float] = []
    rejects = 0
    with tempfile.TemporaryDirectory() as folder:
        for shard in range(SHARDS):
            started, before = time.process_time(), counting.given
            report = write_shard(plan, shard, Path(folder), shelf)
            seconds.append(time.process_time() - started)
            counted.append(counting.given - before)
            rejects += report.rejects.total()
        for file in Path(folder).glob("*.parquet"):
            for turns in pq.read_table(file, columns=["prompt"])["prompt"].to_pylist():
                fill.append(plan.tokenizer.count("\n".join(turn["content"] for turn in turns)) / tokens)
        size = sum(file.stat().st_size for file in Path(folder).glob("*.parquet"))
    return {
        "task": task,
        "source": source,
        "tokens": tokens,
        "tokenizer": tokenizer,
        "rows": len(fill),
        "rows_a_second": rows / statistics.median(seconds[1:]),
        "first_shard": rows / seconds[0],
        "counted": statistics.median(counted[1:]) / rows / tokens / statistics.fmean(fill),
        "least_fill": min(fill),
        "most_fill": max(fill),
        "over_budget": sum(share > 1 for share in fill),
        "rejects": rejects,
        "kilobytes_a_row": size / len(fill) / 1024,
    }


def data_set(rows: int, workers: int = 2) -> dict[str, Any]:
    """Seconds of wall time and memory for so many rows of 16K tokens."""
    with tempfile.TemporaryDirectory() as folder:
        load = os.getloadavg()[0]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        generate(Settings("keychain", 16_384, rows), Path(folder) / "out", workers)
        seconds = time.perf_counter() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "rows": rows,
        "workers": workers,
        "seconds": seconds,
        "cpu_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "peak_megabytes_of_a_worker": after.ru_maxrss / 1024,
        "load": load,
    }


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [
        "KeyChain rows a CPU second of one process, final count, structural check and parquet included; "
        f"load of the machine when it was measured: {results['load']:.1f} on {results['cores']} cores.",
        "",
        "| task | source | tokens | tokenizer | rows/s | first shard | counted | fill | over budget | KB a row |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for case in results["cases"]:
        lines.append(
            f"| {case['task']} | {case['source']} | {case['tokens']:,} | {case['tokenizer']} "
            f"| {case['rows_a_second']:.1f} | {case['first_shard']:.1f} | {case['counted']:.2f} "
            f"| {case['least_fill']:.2%} to {case['most_fill']:.2%} | {case['over_budget']} of {case['rows']} "
            f"| {case['kilobytes_a_row']:.0f} |"
        )
    lines += ["", "| rows of 16K tokens | workers | wall s | CPU s | MB a worker at most | load before |"]
    lines += ["|---|---|---|---|---|---|"]
    for made in results["data_sets"]:
        lines.append(
            f"| {made['rows']:,} | {made['workers']} | {made['seconds']:.0f} | {made['cpu_seconds']:.0f} "
            f"| {made['peak_megabytes_of_a_worker']:.0f} | {made['load']:.1f} |"
        )
    lines += [
        "",
        "Made by `python experiments/benchmarks/keychain.py`.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and write the results."""
    load = os.getloadavg()[0]
    cases = []
    for task, source, tokens in CASES:
        cases.append(rate(task, source, tokens))
        print(json.dumps(cases[-1]), flush=True)
    cases.append(rate("keychain", "phantom", 16_384, "o200k"))
    results = {
        "cases": cases,
        "data_sets": [data_set(rows) for rows in SETS],
        "load": load,
        "cores": os.cpu_count(),
        "python": sys.version.split()[0],
        "machine": platform.machine(),
        "bpe-openai": version("bpe-openai"),
    }
    (RESULTS / "keychain.json").write_text(json.dumps(results, indent=2) + "\n")
    (RESULTS / "keychain.md").write_text(table(results))
    print(table(results))


if __name__ == "__main__":
    main()
