"""Which rollouts an update trains on, and in what micro-batches they go through the model. Plain Python.

An update's rollouts do not depend on the number of ranks or on the size of a micro-batch. Those that stay are dealt
over the ranks, the dearest first and always to the rank with the least to do (Graham's LPT rule); each rank cuts its
own, sorted by length, where that costs least. All ranks have equally many micro-batches, for the sake of sharded
weights, which are exchanged in each. Tokens limit a micro-batch, for they are its memory; cost (`cost.py`) is time.

Where ranks may share micro-batches, a row that is too long for one rank's part of the limit is shared by as few as can
hold it, and the others are not: after FlexSP (arXiv 2412.01523) and ByteScale (arXiv 2502.21231). What most ranks share
is dealt first, and comes first on each of them, so that all who share something come to it together.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from rl.updates.cost import BY_TOKEN, Cost

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
    ranks: int = 1
    """So many consecutive ranks share it, all of which have it in the slot."""

    def counted(self, rank: int) -> tuple[int, ...]:
        """Its rows as the first of those ranks has them; none on the others."""
        return () if rank % self.ranks else self.rows


Slot = list[MicroBatch]
"""One micro-batch a rank, which go through the model at about the same time."""


@dataclass(frozen=True)
class Bundle:
    """Rows that stay together, as one."""

    rows: tuple[int, ...]
    size: Size
    cost: float


@dataclass(frozen=True)
class Layout:
    """How the rows of a micro-batch lie, which is what they cost."""

    padded: bool = True
    """Every row counts as the longest prompt and the longest completion beside it; else as its own tokens."""
    prompts: Sequence[int] | None = None
    """What each row's prompt is known by, where rows after one another have it once. Never with `padded`."""
    each: Cost = BY_TOKEN
    """What rows cost of the model that they go through."""

    def tokens(self, rows: Sequence[int], sizes: Sequence[Size]) -> int:
        """Of a micro-batch with these rows."""
        if self.padded:
            return len(rows) * width(rows, sizes)
        total = sum(sizes[row].total for row in rows)
        if self.prompts is None:
            return total
        again = [b for a, b in pairwise(rows) if self.prompts[a] == self.prompts[b]]
        return total - sum(sizes[row].prompt - 1 for row in again)

    def cost(self, rows: Sequence[int], sizes: Sequence[Size]) -> float:
        """Of a micro-batch with these rows."""
        if self.padded:
            return len(rows) * self.each.of(width(rows, sizes))
        again = [False, *(self.prompts is not None and self.prompts[a] == self.prompts[b] for a, b in pairwise(rows))]
        return sum(self._row(sizes[row], shares) for row, shares in zip(rows, again, strict=False))

    def _row(self, size: Size, shares: bool) -> float:
        """Of one; if it `shares` a prompt there is its own's last token, which predicts the completion's first."""
        return self.each.of(size.completion + 1, size.prompt - 1) if shares else self.each.of(size.total)

    def bundles(self, rows: Sequence[int], sizes: Sequence[Size], limit: float) -> list[Bundle]:
        """The `rows`, which have the longest first: those of one prompt together, as many as `limit` tokens hold."""
        if self.prompts is None:
            return [Bundle((row,), sizes[row], self._row(sizes[row], False)) for row in rows]
        groups: dict[int, list[int]] = {}
        for row in rows:
            groups.setdefault(self.prompts[row], []).append(row)
        found = [part for group in groups.values() for part in self._parts(group, sizes, limit)]
        return sorted(found, key=lambda bundle: (-bundle.cost, bundle.rows))

    def _parts(self, group: Sequence[int], sizes: Sequence[Size], limit: float) -> Iterator[Bundle]:
        prompt = sizes[group[0]].prompt
        own, tokens = [group[0]], sizes[group[0]].total
        for row in group[1:]:
            more = sizes[row].completion + 1  # the prompt's last token predicts the completion's first
            if tokens + more > limit:
                yield Bundle(tuple(own), Size(prompt, tokens - prompt), self.cost(own, sizes))
                own, tokens = [], prompt - 1
            own.append(row)
            tokens += more
        yield Bundle(tuple(own), Size(prompt, tokens - prompt), self.cost(own, sizes))


PADDED, FLAT = Layout(), Layout(padded=False)


def members(rows: int, updates: int, seed: int) -> list[list[int]]:
    """The rows of each update: equal shares of `rows` in an order that only `seed` decides."""
    order = list(range(rows))
    random.Random(seed).shuffle(order)
    share = rows // updates
    return [order[start : start + share] for start in range(0, share * updates, share)]


def plan_update(
    rows: Sequence[int],
    sizes: Sequence[Size],
    stays: Sequence[bool],
    ranks: int,
    limit: int,
    layout: Layout = PADDED,
    together: int = 1,
) -> list[Slot]:
    """Slots for the `rows` that stay, at most `limit` tokens a micro-batch; at least one slot, if an empty one.

    `together`: ranks that may share a micro-batch, each of which then holds its part of `limit`. A row above `limit`
    goes alone.
    """
    stay = _longest_first(rows, sizes, stays)
    whole = sum(bundle.size.total for bundle in layout.bundles(stay, sizes, math.inf))
    limits = {few: limit * few / together for few in range(1, together + 1) if together % few == 0}
    fewest = {row: next((few for few in limits if sizes[row].total <= limits[few]), together) for row in stay}
    bundles = {
        few: layout.bundles([row for row in stay if fewest[row] == few], sizes, min(most, whole * few / ranks))
        for few, most in limits.items()
    }
    return _slots(deal(bundles, ranks), [()] * ranks, limits, layout) or [_empty(ranks)]


def plan_cells(
    rows: Sequence[int],
    sizes: Sequence[Size],
    stays: Sequence[bool],
    ranks: int,
    limit: int,
    per_device: int,
    layout: Layout = PADDED,
    together: int = 1,
) -> list[Slot]:
    """As `plan_update`, but within the plain loop's micro-batches of `per_device` rows a rank.

    For losses that divide by what is in such a micro-batch, which therefore must not be mixed. All are shared by as
    many ranks as may.
    """
    slots: list[Slot] = []
    groups = ranks // together
    for start in range(0, len(rows), per_device * groups):
        cells = [tuple(rows[start + per_device * g : start + per_device * (g + 1)]) for g in range(groups)]
        own = [{1: layout.bundles(_longest_first(cell, sizes, stays), sizes, limit)} for cell in cells]
        slots += _slots(own, cells, {1: limit}, layout)
    slots = slots or [_empty(groups)]
    return [[replace(batch, ranks=together) for batch in slot for _ in range(together)] for slot in slots]


def deal(bundles: Mapping[int, Sequence[Bundle]], ranks: int) -> list[dict[int, list[Bundle]]]:
    """Over the ranks the `bundles`, by how many of them share each, the dearest of those first.

    No two ranks' costs differ by more than the dearest's on one rank.
    """
    dealt: list[dict[int, list[Bundle]]] = [{few: [] for few in bundles} for _ in range(ranks)]
    loads = [0.0] * ranks
    for few in sorted(bundles, reverse=True):
        for bundle in bundles[few]:
            first = min(range(0, ranks, few), key=loads.__getitem__)  # ranks that share had the same so far
            for rank in range(first, first + few):
                dealt[rank][few].append(bundle)
                loads[rank] += bundle.cost / few
    return dealt


def cut(sizes: Sequence[Size], limit: float, padded: bool = True, each: Cost = BY_TOKEN) -> list[tuple[int, int]]:
    """Where to part rows sorted by length, so that their cost + `MICRO_BATCH_COST` a part is least.

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
            # End to end, rows cost the same wherever they are parted.
            cost = best[start] + MICRO_BATCH_COST + ((end - start) * each.of(prompt + completion) if padded else real)
            if cost < best[end]:
                best[end], came_from[end] = cost, start
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
    dealt: Sequence[Mapping[int, Sequence[Bundle]]],
    cells: Sequence[tuple[int, ...]],
    limits: Mapping[int, float],
    layout: Layout,
) -> list[Slot]:
    """Of what each rank was dealt, by how many share it; those with fewer micro-batches part what they have alone."""
    parts = [{few: _parted(own[few], limits[few], layout) for few in sorted(own, reverse=True)} for own in dealt]
    count = max(sum(map(len, own.values())) for own in parts)
    whole = []
    for own, cell in zip(parts, cells, strict=True):
        alone = own.pop(1)
        shared = [MicroBatch(rows, cell, few) for few, found in own.items() for rows in found]
        whole.append([*shared, *(MicroBatch(rows, cell) for rows in _into(alone, count - len(shared)))])
    return [list(slot) for slot in zip(*whole, strict=True)]


def _parted(bundles: Sequence[Bundle], limit: float, layout: Layout) -> list[tuple[int, ...]]:
    cuts = cut([bundle.size for bundle in bundles], limit, layout.padded, layout.each)
    return [_rows(bundles[start:end]) for start, end in cuts]


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
