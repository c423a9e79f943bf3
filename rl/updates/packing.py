"""Which rollouts an update trains on, and in what micro-batches they go through the model. Plain Python.

An update's rollouts do not depend on the number of ranks or on the size of a micro-batch. Those that stay are dealt
over the ranks, the longest first and always to the rank with the fewest tokens (Graham's LPT rule); each rank cuts its
own, sorted by length, where that costs the fewest tokens. All ranks have equally many micro-batches, for the sake of
sharded weights, which are exchanged in each.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

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


@dataclass(frozen=True)
class Bundle:
    """Rows that stay together, as one."""

    rows: tuple[int, ...]
    size: Size


@dataclass(frozen=True)
class Layout:
    """How the rows of a micro-batch lie, which is what they cost."""

    padded: bool = True
    """Every row counts as the longest prompt and the longest completion beside it; else as its own tokens."""
    prompts: Sequence[int] | None = None
    """What each row's prompt is known by, where rows after one another have it once. Never with `padded`."""

    def tokens(self, rows: Sequence[int], sizes: Sequence[Size]) -> int:
        """Of a micro-batch with these rows."""
        if self.padded:
            return len(rows) * width(rows, sizes)
        total = sum(sizes[row].total for row in rows)
        if self.prompts is None:
            return total
        again = [b for a, b in pairwise(rows) if self.prompts[a] == self.prompts[b]]
        return total - sum(sizes[row].prompt - 1 for row in again)

    def bundles(self, rows: Sequence[int], sizes: Sequence[Size], limit: float) -> list[Bundle]:
        """The `rows`, which have the longest first: those of one prompt together, as many as `limit` tokens hold."""
        if self.prompts is None:
            return [Bundle((row,), sizes[row]) for row in rows]
        groups: dict[int, list[int]] = {}
        for row in rows:
            groups.setdefault(self.prompts[row], []).append(row)
        found = [part for group in groups.values() for part in self._parts(group, sizes, limit)]
        return sorted(found, key=lambda bundle: (-bundle.size.total, bundle.rows))

    def _parts(self, group: Sequence[int], sizes: Sequence[Size], limit: float) -> Iterator[Bundle]:
        prompt = sizes[group[0]].prompt
        own, tokens = [group[0]], sizes[group[0]].total
        for row in group[1:]:
            more = sizes[row].completion + 1  # the prompt's last token predicts the completion's first
            if tokens + more > limit:
                yield Bundle(tuple(own), Size(prompt, tokens - prompt))
                own, tokens = [], prompt - 1
            own.append(row)
            tokens += more
        yield Bundle(tuple(own), Size(prompt, tokens - prompt))


PADDED, FLAT = Layout(), Layout(padded=False)


def members(rows: int, updates: int, seed: int) -> list[list[int]]:
    """The rows of each update: equal shares of `rows` in an order that only `seed` decides."""
    order = list(range(rows))
    random.Random(seed).shuffle(order)
    share = rows // updates
    return [order[start : start + share] for start in range(0, share * updates, share)]


def plan_update(
    rows: Sequence[int], sizes: Sequence[Size], stays: Sequence[bool], ranks: int, limit: int, layout: Layout = PADDED
) -> list[Slot]:
    """Slots for the `rows` that stay, at most `limit` tokens a micro-batch; at least one slot, if an empty one.

    A row above `limit` goes alone.
    """
    stay = _longest_first(rows, sizes, stays)
    whole = sum(bundle.size.total for bundle in layout.bundles(stay, sizes, math.inf))
    dealt = deal(layout.bundles(stay, sizes, min(limit, whole / ranks)), ranks)
    return _slots(dealt, [()] * ranks, limit, layout) or [_empty(ranks)]


def plan_cells(
    rows: Sequence[int],
    sizes: Sequence[Size],
    stays: Sequence[bool],
    ranks: int,
    limit: int,
    per_device: int,
    layout: Layout = PADDED,
) -> list[Slot]:
    """As `plan_update`, but within the plain loop's micro-batches of `per_device` rows a rank.

    For losses that divide by what is in such a micro-batch, which therefore must not be mixed.
    """
    slots: list[Slot] = []
    for start in range(0, len(rows), per_device * ranks):
        cells = [tuple(rows[start + per_device * r : start + per_device * (r + 1)]) for r in range(ranks)]
        own = [layout.bundles(_longest_first(cell, sizes, stays), sizes, limit) for cell in cells]
        slots += _slots(own, cells, limit, layout)
    return slots or [_empty(ranks)]


def deal(bundles: Sequence[Bundle], ranks: int) -> list[list[Bundle]]:
    """The `bundles`, the longest first, over the ranks: no two ranks' tokens differ by more than the longest has."""
    dealt: list[list[Bundle]] = [[] for _ in range(ranks)]
    loads = [0] * ranks
    for bundle in bundles:
        rank = loads.index(min(loads))
        dealt[rank].append(bundle)
        loads[rank] += bundle.size.total
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
    dealt: Sequence[Sequence[Bundle]], cells: Sequence[tuple[int, ...]], limit: int, layout: Layout
) -> list[Slot]:
    parts = [[_rows(own[a:b]) for a, b in cut([bundle.size for bundle in own], limit, layout.padded)] for own in dealt]
    count = max(map(len, parts))
    whole = [[MicroBatch(rows, cell) for rows in _into(own, count)] for own, cell in zip(parts, cells, strict=True)]
    return [list(slot) for slot in zip(*whole, strict=True)]


def _rows(bundles: Sequence[Bundle]) -> tuple[int, ...]:
    return tuple(row for bundle in bundles for row in bundle.rows)


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
