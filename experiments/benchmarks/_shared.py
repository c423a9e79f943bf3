"""What the benchmarks share: the machine they ran on, its matmul peak, turns, and where results go."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

FOLDER = Path(__file__).parent
RESULTS = Path(os.environ.get("LENGTHWISE_BENCHMARKS") or FOLDER / "results")
"""Where tables are written: the committed ones, unless they are to be compared with them."""


def surroundings() -> dict[str, Any]:
    """Machine, date and versions, as every result names them."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} thread",
        "versions": {name: version(name) for name in ("torch", "transformers", "trl")},
    }


def matmul_peak(size: int = 1024, turns: int = 9) -> float:
    """Floating-point operations a CPU second that a square fp32 matmul reaches at best."""
    left, right = torch.randn(size, size), torch.randn(size, size)
    seconds = []
    for _ in range(turns):
        started = time.process_time()
        torch.mm(left, right)
        seconds.append(time.process_time() - started)
    return 2 * size**3 / min(seconds)


def interleaved(sides: Mapping[str, Callable[[], Any]], turns: int) -> dict[str, list[Any]]:
    """What each side gives in each of its `turns`, the sides taking them alternately."""
    given: dict[str, list[Any]] = {name: [] for name in sides}
    for _ in range(turns):
        for name, side in sides.items():
            given[name].append(side())
    return given


def medians(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median of each column."""
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]}


def write(name: str, result: Mapping[str, Any], lines: Sequence[str]) -> None:
    """results/NAME.json and results/NAME.md, and the latter to the screen."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
    (RESULTS / f"{name}.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
