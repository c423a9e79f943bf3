"""What a vote over a problem's samples is worth: majority, shortest majority, and length-filtered.

A voter is a sample with an answer. Samples without one, and those that could not be judged, have no vote. Where
candidates tie, the value is the mean over the tied ones: what a fair coin would give, without its noise. A
problem without any voter is wrong.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from rl.evaluation.protocol import LengthFilter

_EPSILON = 1e-12
"""Scores that differ by less are tied: sums of logarithms depend on their order in the last bit."""


@dataclass(frozen=True)
class Ballot:
    """One sample with an answer."""

    answer: Hashable
    """Equal for answers that are the same."""
    correct: float
    length: int
    """Tokens."""


def majority(ballots: Sequence[Ballot]) -> float:
    """Probability that the most frequent answer is right (self-consistency, arXiv 2203.11171)."""
    return _best(ballots, lambda group: float(len(group)))


def shortest_majority(ballots: Sequence[Ballot]) -> float:
    """Shortest Majority Vote (arXiv 2502.12215, section 6, equation 1): the answer with the highest c / log l is taken.

    c is the number of its votes, l the mean length of their completions in tokens. A mean below two tokens, where the
    paper's score has no meaning, counts as two.
    """
    return _best(ballots, lambda group: len(group) / math.log(max(2.0, fmean(b.length for b in group))))


def length_filtered(ballots: Sequence[Ballot], options: LengthFilter) -> float:
    """Length-filtered vote ("When More is Less", arXiv 2502.07266): majority over the most agreed lengths.

    The voters are sorted into bins by length; of the bins, those `keep` with the least entropy of answers
    vote together. The paper counts steps and takes bins of 2 steps and keep = 3. For tokens the bins are
    quantiles of the problem's own lengths: `bins` of them, equal lengths in one bin. A bin with one voter
    has entropy 0 and would always be kept, whatever it says: bins below `minimum` voters do not stand. Where
    none stands, all vote. Bins that tie for the last places are taken in every combination, and the mean counts.
    """
    bins = [group for group in quantile_bins(ballots, options.bins) if len(group) >= options.minimum]
    if not bins:
        return majority(ballots)
    keep = min(options.keep, len(bins))
    entropies = [entropy([b.answer for b in group]) for group in bins]
    limit = sorted(entropies)[keep - 1]
    sure = [group for group, h in zip(bins, entropies, strict=True) if h < limit - _EPSILON]
    tied = [group for group, h in zip(bins, entropies, strict=True) if abs(h - limit) <= _EPSILON]
    choices = combinations(tied, keep - len(sure))
    return fmean(majority([b for group in [*sure, *chosen] for b in group]) for chosen in choices)


def quantile_bins(ballots: Sequence[Ballot], count: int) -> list[list[Ballot]]:
    """Voters by length: bin j of `count` holds those whose mid-rank lies in that share; equal lengths share theirs."""
    total = len(ballots)
    ordered = Counter(b.length for b in ballots)
    place: dict[int, int] = {}
    below = 0
    for length in sorted(ordered):
        middle = (below + ordered[length] / 2) / total
        place[length] = min(count - 1, int(middle * count))
        below += ordered[length]
    bins: list[list[Ballot]] = [[] for _ in range(count)]
    for ballot in ballots:
        bins[place[ballot.length]].append(ballot)
    return [group for group in bins if group]


def entropy(answers: Iterable[Hashable]) -> float:
    """Shannon entropy in nats of how often each answer is given."""
    counts = Counter(answers)
    total = sum(counts.values())
    return -sum(c / total * math.log(c / total) for c in counts.values())


def _best(ballots: Sequence[Ballot], score: Callable[[list[Ballot]], float]) -> float:
    groups: dict[Hashable, list[Ballot]] = {}
    for ballot in ballots:
        groups.setdefault(ballot.answer, []).append(ballot)
    if not groups:
        return 0.0
    scores = {answer: score(group) for answer, group in groups.items()}
    top = max(scores.values())
    # Samples with one answer may have been judged apart: its worth is the share that is right.
    return fmean(fmean(b.correct for b in groups[a]) for a, value in scores.items() if value >= top - _EPSILON)
