"""What the benchmarks share: shapes of models, the machine they ran on, its clocks and matmul peak, turns, and
where results go.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase

FOLDER = Path(__file__).parent
RESULTS = Path(os.environ.get("LENGTHWISE_BENCHMARKS") or FOLDER / "results")
"""Where tables are written: the committed ones, unless they are to be compared with them."""
PROGRAM = """
import re, sys
from pathlib import Path
from rl.cli import run_command
try:
    run_command(sys.argv[1:])
finally:
    print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1], file=sys.stderr)
"""
"""A command, and then the largest resident set of this process in kB: `ru_maxrss` would count its parent's in."""


@dataclass(frozen=True)
class Shape:
    """A Llama."""

    hidden: int
    layers: int
    inner: int
    heads: int
    key_heads: int
    vocabulary: int

    def model(self, tokenizer: PreTrainedTokenizerBase) -> LlamaForCausalLM:
        torch.manual_seed(0)
        return LlamaForCausalLM(
            LlamaConfig(
                vocab_size=self.vocabulary,
                hidden_size=self.hidden,
                num_hidden_layers=self.layers,
                intermediate_size=self.inner,
                num_attention_heads=self.heads,
                num_key_value_heads=self.key_heads,
                max_position_embeddings=4096,
                tie_word_embeddings=True,
                pad_token_id=tokenizer.pad_token_id,
                eos_token_id=tokenizer.eos_token_id,
            )
        )

    def flops(self, tokens: int, pairs: float, scored: int) -> float:
        """Forward and backward: 6 a weight and token, 12 a layer, channel and pair of tokens that attend."""
        keys = self.hidden * self.key_heads // self.heads
        layer = 2 * self.hidden**2 + 2 * self.hidden * keys + 3 * self.hidden * self.inner
        head = 6 * self.hidden * self.vocabulary * scored
        return self.layers * (6 * layer * tokens + 12 * self.hidden * pairs) + head


SMALL = Shape(384, 2, 1024, 6, 6, 400)
"""3.5 million parameters."""
SMOLLM = Shape(576, 30, 1536, 9, 3, 49152)
"""SmolLM2-135M's."""
QWEN = Shape(1536, 28, 8960, 12, 2, 151936)
"""1.5 billion parameters, as Qwen2.5 has them; by count alone."""


def surroundings() -> dict[str, Any]:
    """Machine, date and versions, as every result names them."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} thread",
        "versions": {name: version(name) for name in ("torch", "transformers", "trl")},
    }


def started() -> list[int]:
    """The processes that this one has started, and those that they have."""
    return [child.pid for child in psutil.Process().children(recursive=True)]


def cpu_seconds(others: Iterable[int] = ()) -> float:
    """CPU time of this process and of others, by each one's own clock: a microsecond to read, where /proc takes
    milliseconds. Linux."""
    # What clock_getcpuclockid(3) makes of a process id, which Python gives for threads alone.
    return time.process_time() + sum(time.clock_gettime((~pid << 3) | 2) for pid in others)


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
