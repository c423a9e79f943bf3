"""Which rollouts an update trains on, and in what micro-batches they go through the model. Plain Python.

An update's rollouts do not depend on the number of ranks or on the size of a micro-batch. Those that stay are dealt
over the ranks, the longest first and always to the rank with the fewest tokens (Graham's LPT rule); each rank cuts its
own, sorted by length, where that costs the fewest tokens. All ranks have equally many micro-batches, for the sake of
sharded weights, which are exchanged in each.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

MICRO_BATCH_COST = 128
"""What a micro-batch costs whatever is in it, in tokens: how much padding is worth one micro-batch fewer.

A guess for GPUs, which a few tokens leave idle; on a CPU, micro-batches of 600 tokens were no slower than of 2,300.
"""


@dataclass(frozen=True)
class Size:
    """Tokens of one rollout."""

    prompt: int
    completion: int

    @property
    def total(self) -> int:
        return self.prompt + self.completion


@dataclass(frozen=True)
class MicroBatch:
    """Rollouts that go through the model together, the longest first; none where only other ranks have some left."""

    rows: tuple[int, ...]
    cell: tuple[int, ...] = ()
    """All rollouts of the plain loop's micro-batch that `rows` were in, where the plan keeps to those."""


Slot = list[MicroBatch]
"""One micro-batch a rank, which go through the model at about the same time."""


def members(rows: int, updates: int, seed: int) -> list[list[int]]:
    """The rows of each update: equal shares of `rows` in an order that only `seed` decides."""
    order = list(range(rows))
    random.Random(seed).shuffle(order)
    share = rows // updates
    return [order[start : start + share] for start in range(0, share * updates, share)]


def plan_update(
    rows: Sequence[int], sizes: Sequence[Size], stays: Sequence[bool], ranks: int, limit: int, padded: bool = True
) -> list[Slot]:
    """Slots for the `rows` that stay, at most `limit` tokens a micro-batch; at least one slot, if an empty one.

    `padded`: every row counts as the longest prompt and the longest completion beside it; else as its own tokens.
    A row above `limit` goes alone.
    """
    dealt = deal(_longest_first(rows, sizes, stays), sizes, ranks)
    return _slots(dealt, [()] * ranks, sizes, limit, padded) or [_empty(ranks)]


def plan_cells(
    rows: Sequence[int],
    sizes: Sequence[Size],
    stays: Sequence[bool],
    ranks: int,
    limit: int,
    per_device: int,
    padded: bool = True,
) -> list[Slot]:
    """As `plan_update`, but within the plain loop's micro-batches of `per_device` rows a rank.

    For losses that divide by what is in such a micro-batch, which therefore must not be mixed.
    """
    slots: list[Slot] = []
    for start in range(0, len(rows), per_device * ranks):
        cells = [tuple(rows[start + per_device * r : start + per_device * (r + 1)]) for r in range(ranks)]
        slots += _slots([_longest_first(cell, sizes, stays) for cell in cells], cells, sizes, limit, padded)
    return slots or [_empty(ranks)]


def deal(rows: Sequence[int], sizes: Sequence[Size], ranks: int) -> list[list[int]]:
    """`rows`, the longest first, over the ranks: no two ranks' tokens differ by more than the longest row's."""
    dealt: list[list[int]] = [[] for _ in range(ranks)]
    loads = [0] * ranks
    for row in rows:
        rank = loads.index(min(loads))
        dealt[rank].append(row)
        loads[rank] += sizes[row].total
    return dealt


def cut(sizes: Sequence[Size], limit: int, padded: bool = True) -> list[tuple[int, int]]:
    """Where to part rows sorted by length, so that tokens + `MICRO_BATCH_COST` a part are fewest.

    Each part is within `limit` tokens, or a single row.
    """
    best = [0.0] + [math.inf] * len(sizes)
    came_from = [0] * (len(sizes) + 1)
    for start in range(len(sizes)):
        prompt = completion = real = 0
        for end in range(start + 1, len(sizes) + 1):
            size = sizes[end - 1]
            prompt, completion = max(prompt, size.prompt), max(completion, size.completion)
            real += size.total
            tokens = (end - start) * (prompt + completion) if padded else real
            if tokens > limit and end > start + 1:
                break
            if best[start] + tokens + MICRO_BATCH_COST < best[end]:
                best[end], came_from[end] = best[start] + tokens + MICRO_BATCH_COST, start
    cuts: list[tuple[int, int]] = []
    end = len(sizes)
    while end:
        cuts.append((came_from[end], end))
        end = came_from[end]
    return cuts[::-1]


def width(rows: Sequence[int], sizes: Sequence[Size]) -> int:
    """Columns of a micro-batch as TRL lays it out: prompts padded on the left, completions on the right."""
    return max((sizes[r].prompt for r in rows), default=0) + max((sizes[r].completion for r in rows), default=0)


def _longest_first(rows: Sequence[int], sizes: Sequence[Size], stays: Sequence[bool]) -> list[int]:
    return sorted((row for row in rows if stays[row]), key=lambda row: (-sizes[row].total, row))


def _slots(
    dealt: Sequence[Sequence[int]], cells: Sequence[tuple[int, ...]], sizes: Sequence[Size], limit: int, padded: bool
) -> list[Slot]:
    parts = [[tuple(own[a:b]) for a, b in cut([sizes[r] for r in own], limit, padded)] for own in dealt]
    count = max(map(len, parts))
    whole = [[MicroBatch(rows, cell) for rows in _into(own, count)] for own, cell in zip(parts, cells, strict=True)]
    return [list(slot) for slot in zip(*whole, strict=True)]


def _into(parts: Sequence[tuple[int, ...]], count: int) -> list[tuple[int, ...]]:
    """`parts`, the fullest of them halved until they are `count`; empty ones where they cannot be halved."""
    found = list(parts)
    while len(found) < count:
        at = max(range(len(found)), key=lambda i: len(found[i]), default=0)
        if not found or len(found[at]) < 2:
            found.append(())
        else:
            half = len(found[at]) // 2
            found[at : at + 1] = [found[at][:half], found[at][half:]]
    return found


def _empty(ranks: int) -> Slot:
    return [MicroBatch(()) for _ in range(ranks)]
