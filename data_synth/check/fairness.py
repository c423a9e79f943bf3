"""What only a set can show about places and shortcuts: link order, gold depth, link depth, guessers."""

from __future__ import annotations

import math
import random
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

from data_synth.check.chains import heads, walk
from data_synth.check.chances import (
    chi_square,
    chi_square_tail,
    kolmogorov_smirnov,
    kolmogorov_smirnov_tail,
    normal_tails,
)
from data_synth.check.guessers import GUESSERS, expected_accuracy
from data_synth.check.parsed import LINKED, Parsed
from data_synth.check.text import slot_ends

CHANCE = 1e-4
"""A set is called unfair where a fair one would look so in fewer than one of 10,000 sets."""
DECILES = 10
FEWEST = 50
"""Positions below which a distribution is not tested: five a decile."""
TOLERANCE = 0.02
"""A distance of link depths that is no fault: the ends read here may not be quite the builder's."""
SIGMAS = 3


@dataclass(frozen=True)
class SetResult:
    """One check over a whole set."""

    name: str
    passed: bool | None
    """None where there is too little to test."""
    detail: str
    numbers: dict[str, Any]


class OverSet(Protocol):
    """A check that sees every row and judges at the end."""

    def add(self, parsed: Parsed) -> None: ...

    def result(self) -> SetResult: ...


class LinkOrder:
    """Whether link i comes before link i + 1 of its chain in half of the cases.

    Among h links in random order the number of such pairs has mean (h - 1) / 2 and variance
    (h + 1) / 12 (the Eulerian distribution): pairs that share a link are not independent.
    """

    def __init__(self) -> None:
        self.pairs = self.forward = 0
        self.variance = 0.0

    def add(self, parsed: Parsed) -> None:
        if parsed.row.task != LINKED:
            return
        start = {link.key: link.start for link in parsed.links}
        for head in heads(parsed):
            keys, _ = walk(parsed.following, head)
            if len(keys) > 1:
                self.pairs += len(keys) - 1
                self.forward += sum(start[a] < start[b] for a, b in pairwise(keys))
                self.variance += (len(keys) + 1) / 12

    def result(self) -> SetResult:
        if self.pairs < FEWEST:
            return SetResult("link-order", None, f"{self.pairs} pairs of links are too few", {"pairs": self.pairs})
        z = (self.forward - self.pairs / 2) / math.sqrt(self.variance)
        share, chance = self.forward / self.pairs, normal_tails(z)
        detail = f"{share:.2%} of {self.pairs} links stand before the next of their chain (p = {chance:.2g})"
        numbers = {"pairs": self.pairs, "share": share, "z": z, "p": chance}
        return SetResult("link-order", chance >= CHANCE, detail, numbers)


class GoldDepth:
    """Whether gold documents are as often in each tenth of the documents.

    A document's depth is its number among the n documents, spread evenly over its n-th, so that
    uniform numbers give exactly uniform depths however few documents there are.
    """

    def __init__(self) -> None:
        self.counts = [0] * DECILES

    def add(self, parsed: Parsed) -> None:
        if parsed.passages:
            for depth in gold_depths(parsed):
                self.counts[min(DECILES - 1, int(DECILES * depth))] += 1

    def result(self) -> SetResult:
        total = sum(self.counts)
        numbers: dict[str, Any] = {"deciles": self.counts}
        if total < FEWEST:
            return SetResult("gold-depth", None, f"{total} gold documents are too few", numbers)
        value = chi_square(self.counts)
        chance = chi_square_tail(value, DECILES - 1)
        detail = f"gold documents over deciles: chi-square {value:.1f} (p = {chance:.2g})"
        return SetResult("gold-depth", chance >= CHANCE, detail, {**numbers, "chi_square": value, "p": chance})


class LinkDepth:
    """Whether the true chain's links are spread evenly over the sentence and line ends of the documents.

    The builder may leave out ends that are read here (titles, abbreviations), so a distance of one end
    and `TOLERANCE` is no fault.
    """

    def __init__(self) -> None:
        self.depths = array("d")
        self.rows = self.ends = 0

    def add(self, parsed: Parsed) -> None:
        if parsed.row.task == LINKED:
            depths, ends = link_depths(parsed)
            self.depths.extend(depths)
            self.ends += ends
            self.rows += 1

    def result(self) -> SetResult:
        allowed = TOLERANCE + self.rows / max(1, self.ends)
        return _even("link-depth", "links of true chains over the text", self.depths, allowed)


class LinkRank:
    """Whether the true chain's links are spread evenly among all links, whatever places these have."""

    def __init__(self) -> None:
        self.ranks = array("d")

    def add(self, parsed: Parsed) -> None:
        if parsed.row.task == LINKED:
            lot, wanted = random.Random(f"link rank of {parsed.row.id}"), set(parsed.row.chain)
            places = [place for place, link in enumerate(parsed.links) if link.key in wanted]
            self.ranks.extend((place + lot.random()) / len(parsed.links) for place in places)

    def result(self) -> SetResult:
        return _even("link-rank", "links of true chains among all", self.ranks, 0.0)


def _even(name: str, what: str, values: Sequence[float], allowed: float) -> SetResult:
    """Kolmogorov and Smirnov's test of values in [0, 1); distances up to `allowed` are none."""
    size = len(values)
    if size < FEWEST:
        return SetResult(name, None, f"{size} links of true chains are too few", {"links": size})
    distance = kolmogorov_smirnov(values)
    chance = kolmogorov_smirnov_tail(distance, size)
    detail = f"{what}: distance from even {distance:.3f} (p = {chance:.2g})"
    numbers = {"links": size, "distance": distance, "allowed": allowed, "p": chance}
    return SetResult(name, chance >= CHANCE or distance <= allowed, detail, numbers)


class Shortcuts:
    """Whether a guesser that follows no link finds the true question more often than once in k + 1 times."""

    def __init__(self, name: str) -> None:
        self.name, self.guesser = name, GUESSERS[name]
        self.rows = 0
        self.found = self.allowed = self.variance = self.visible = 0.0

    def add(self, parsed: Parsed) -> None:
        row = parsed.row
        if row.task != LINKED or row.question not in parsed.questions:
            return
        chance = 1 / (1 + sum(distractor.answerable for distractor in row.distractors))
        self.rows += 1
        self.found += expected_accuracy(self.guesser(parsed), parsed.questions.index(row.question))
        self.allowed += chance
        self.variance += chance * (1 - chance)
        self.visible += 1 / len(parsed.questions)

    def result(self) -> SetResult:
        name = f"shortcut-{self.name}"
        if not self.rows:
            return SetResult(name, None, "no row with chains", {"rows": 0})
        score, allowed = self.found / self.rows, self.allowed / self.rows
        limit = allowed + SIGMAS * math.sqrt(self.variance) / self.rows
        detail = f"{self.name} finds the true question in {score:.2%}, allowed {limit:.2%} (1/(k+1) is {allowed:.2%})"
        numbers = {"rows": self.rows, "score": score, "allowed": allowed, "limit": limit}
        return SetResult(name, score <= limit, detail, {**numbers, "by_lot": self.visible / self.rows})


def gold_depths(parsed: Parsed) -> Iterator[float]:
    """Depths in [0, 1) of the gold documents."""
    lot = random.Random(f"gold depth of {parsed.row.id}")
    for place in parsed.gold:
        yield (place + lot.random()) / len(parsed.passages)


def link_depths(parsed: Parsed) -> tuple[list[float], int]:
    """Depths in [0, 1) of the true chain's links among the places where a link could stand, and how many these are."""
    lot = random.Random(f"link depth of {parsed.row.id}")
    wanted = set(parsed.row.chain)
    true = {link.start for link in parsed.links if link.key in wanted}
    starts = [link.start for link in parsed.links]
    ends = [slot_ends(passage.text) for passage in parsed.passages]
    total, before = sum(map(len, ends)), 0
    depths = []
    for passage, here in zip(parsed.passages, ends, strict=True):
        inside = starts[bisect_left(starts, passage.span.start) : bisect_left(starts, passage.span.end)]
        for start, place in zip(inside, passage.places, strict=False):
            if start in true:
                depths.append((before + bisect_left(here, place) + lot.random()) / total)
        before += len(here)
    return depths, total
