"""Published benchmarks by name: where they are. Their columns tell what they are, in `rl.problems.layouts`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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


def is_long_context(rows: Sequence[Row]) -> bool:
    """Whether the rows are of `lengthwise synth`: answers are then texts with aliases, at known depths."""
    return bool(rows) and "gold_docs" in rows[0]
