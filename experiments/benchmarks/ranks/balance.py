"""How evenly an update's rollouts load many ranks: a simulation by the plans that training makes. Nothing is run.

    python experiments/benchmarks/ranks/balance.py

Lengths are drawn from a long tail (lognormal, at most 131,072 tokens), 16 rollouts a rank; a rank holds 16,384 tokens,
so that the longest need eight. What a row costs is Qwen2.5-7B's (`rl.updates.cost`), in tokens; where ranks share it,
its cost is parted, and each has to exchange what it holds: queries, keys, values and what was attended, in half
precision, in each layer forward, again and backward. Three ways:

- data parallel: rows to ranks as they come, each row on one, as if it had the memory;
- sequence parallel: every row on eight ranks, dealt to their groups by cost;
- by length: as `plan_update` plans it, each row on as few ranks as hold it.

The time of an update is that of the rank with most to do. Writes results/balance.json and .md.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from experiments.benchmarks._shared import surroundings, write
from rl.updates.cost import Cost
from rl.updates.packing import FLAT, MicroBatch, Size, Slot, plan_update

HIDDEN, LAYERS, KEYS, PARAMETERS = 3584, 28, 512, 7.07e9
"""Qwen2.5-7B without the embedding that is looked up."""
EACH = Cost(full=LAYERS * 2 * HIDDEN / PARAMETERS)
TFLOPS, LINK = 400e12, 200e9
"""Operations and bytes a second: an H100's at a good share of its peak, and its links within a node."""
EXCHANGE = 3 * LAYERS * 2 * 2 * (HIDDEN + KEYS) / LINK / (8 * PARAMETERS / TFLOPS)
"""What exchanging a token costs, in tokens' costs."""
TOGETHER, HOLDS, ROWS = 8, 16384, 16
RANKS = (8, 32, 128, 512, 1024)
LAYOUT = replace(FLAT, each=EACH)


def lengths(rows: int, seed: int) -> list[int]:
    """A median of 4,000 tokens, one in a hundred above 40,000."""
    draw = random.Random(seed)
    return [max(64, min(TOGETHER * HOLDS, int(draw.lognormvariate(8.3, 1.0)))) for _ in range(rows)]


def seconds(slots: Sequence[Slot], sizes: Sequence[Size]) -> float:
    """Of the rank with most to do, in tokens' costs."""
    return max(sum(_time(batch, sizes) for batch in own) for own in zip(*slots, strict=True))


def _time(batch: MicroBatch, sizes: Sequence[Size]) -> float:
    computed = LAYOUT.cost(batch.rows, sizes)
    exchanged = EXCHANGE * sum(sizes[row].total for row in batch.rows) if batch.ranks > 1 else 0.0
    return (computed + exchanged) / batch.ranks


def measure(ranks: int, seed: int = 0) -> dict[str, float]:
    """Each way's time over that of all work spread evenly, nothing exchanged."""
    sizes = [Size(64, length) for length in lengths(ROWS * ranks, seed)]
    rows, stays, limit = range(len(sizes)), [True] * len(sizes), TOGETHER * HOLDS
    as_they_come = [[MicroBatch((ROWS * rank + place,)) for rank in range(ranks)] for place in range(ROWS)]
    groups = plan_update(rows, sizes, stays, ranks // TOGETHER, limit, LAYOUT)
    all_shared = [[replace(batch, ranks=TOGETHER) for batch in slot for _ in range(TOGETHER)] for slot in groups]
    by_length = plan_update(rows, sizes, stays, ranks, limit, LAYOUT, TOGETHER)
    even = sum(EACH.of(size.total) for size in sizes) / ranks
    ways = {"data": as_they_come, "sequence": all_shared, "by_length": by_length}
    found = {way: seconds(slots, sizes) / even for way, slots in ways.items()}
    shared = sum(
        sizes[row].total for slot in by_length for r, b in enumerate(slot) if b.ranks > 1 for row in b.counted(r)
    )
    return {"ranks": ranks, **found, "shared": shared / sum(size.total for size in sizes)}


def main() -> None:
    rows: list[dict[str, Any]] = [measure(ranks) for ranks in RANKS]
    heads = ("data parallel", "all rows on eight ranks", "by length", "gain over data", "over eight", "tokens shared")
    lines = [
        "The time of an update over that of its work spread evenly with nothing exchanged, simulated by the plans that",
        f"training makes: Qwen2.5-7B, {ROWS} rollouts a rank of a long tail up to {TOGETHER * HOLDS:,} tokens. A rank",
        f"holds {HOLDS:,}, so data parallelism would not fit; ranks that share rows stand in one node.",
        "",
        f"| ranks | {' | '.join(heads)} |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {row['ranks']} | {row['data']:.2f} | {row['sequence']:.2f} | {row['by_length']:.2f} "
            f"| {row['data'] / row['by_length']:.2f} | {row['sequence'] / row['by_length']:.2f} | {row['shared']:.0%} |"
            for row in rows
        ),
        "",
        "On GPUs, and over other systems than these, FlexSP (arXiv 2412.01523) reports up to 1.98 times, Zeppelin",
        "(arXiv 2509.21841) 2.80 times on average. Links between nodes, on which they gain too, are not reckoned here.",
        "",
        "Made by `python experiments/benchmarks/ranks/balance.py`.",
    ]
    write("balance", {"measured": rows, **surroundings()}, lines)


if __name__ == "__main__":
    main()
