"""Published benchmarks by name: where they are. Their columns tell what they are, in `rl.problems.layouts`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Benchmark:
    """A data set on the hub, and the arguments of `datasets.load_dataset`."""

    hub: str
    options: Mapping[str, Any] = field(default_factory=lambda: {"split": "test"})


BENCHMARKS: Mapping[str, Benchmark] = {
    "gsm8k": Benchmark("openai/gsm8k", {"name": "main", "split": "test"}),
    "math500": Benchmark("HuggingFaceH4/MATH-500"),
    "aime24": Benchmark("math-ai/aime24"),
    "aime25": Benchmark("math-ai/aime25"),
    "amc23": Benchmark("math-ai/amc23"),
    "minerva": Benchmark("math-ai/minervamath"),
    "olympiadbench": Benchmark("Hothan/OlympiadBench", {"name": "OE_TO_maths_en_COMP", "split": "train"}),
    "svamp": Benchmark("ChilleD/SVAMP"),
    "college-math": Benchmark("di-zhang-fdu/College_Math_Test"),
}

SUITES: Mapping[str, Sequence[str]] = {
    "math-suite": ("aime24", "aime25", "amc23", "math500", "minerva", "olympiadbench"),
}
"""Benchmarks that papers on the length of reasoning report together, by one name."""


def sets_of(data: str) -> list[str]:
    """What `--data` names: a suite's benchmarks, several with commas between, or one source as it stands."""
    parts = [part.strip() for part in data.split(",")]
    several = len(parts) > 1 and all(part in BENCHMARKS or part in SUITES or Path(part).is_file() for part in parts)
    named = parts if several else [data]
    return list(dict.fromkeys(name for part in named for name in SUITES.get(part, (part,))))


def is_long_context(rows: Sequence[Row]) -> bool:
    """Whether the rows are of `lengthwise synth`: answers are then texts with aliases, at known depths."""
    return bool(rows) and "gold_docs" in rows[0]
