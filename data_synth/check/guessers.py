"""Readers that do not follow the chain: how often they pick the true question out of all that are visible.

Each gives every question a score against the documents and picks the highest. Where k distractors can
be answered from the documents as well, such a reader should be right once in k + 1 times.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from data_synth.check.parsed import Parsed
from data_synth.check.text import normalised, title_of

K1, B = 1.5, 0.75
"""Okapi BM25's usual saturation and length normalisation."""
COMMON = 0.5
"""A word in more than this share of the documents says nothing about any."""

Places = NDArray[np.intp]
Gains = NDArray[np.float64]
Guesser = Callable[[Parsed], list[float]]
"""A score for each question of `parsed.questions`, in their order."""


def by_titles(parsed: Parsed) -> list[float]:
    """How many documents' titles a question names, longer titles first among equals."""
    titles = {normalised(title_of(passage.text)) for passage in parsed.passages} - {""}
    longest = max((title.count(" ") + 1 for title in titles), default=0)
    scores = []
    for words in (normalised(question).split() for question in parsed.questions):
        runs = {" ".join(words[i:j]) for i in range(len(words)) for j in range(i + 1, min(len(words), i + longest) + 1)}
        named = titles & runs
        scores.append(len(named) + sum(map(len, named)) / 1e6)
    return scores


def by_bm25(parsed: Parsed) -> list[float]:
    """BM25 of a question's best document, as a share of what a document with all of its words could score.

    The share tells more than the score, and the best document more than the best two together: a
    question whose name stands nowhere in the documents cannot make up for that by its other words.
    """
    documents = [words.split() for words in parsed.words]
    index = Index(documents)
    return [index.share(question.split()) for question in map(normalised, parsed.questions)]


GUESSERS: dict[str, Guesser] = {"title-match": by_titles, "bm25": by_bm25}


class Index:
    """Word counts of documents, for BM25 (Robertson and Zaragoza, 2009)."""

    def __init__(self, documents: Sequence[Sequence[str]]) -> None:
        self.size = len(documents)
        mean = sum(map(len, documents)) / max(1, self.size)
        self.norms = np.array([K1 * (1 - B + B * len(document) / max(1.0, mean)) for document in documents])
        self._known: dict[str, tuple[Places, Gains]] = {}
        self.postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for place, document in enumerate(documents):
            for word, count in Counter(document).items():
                self.postings[word].append((place, count))

    def idf(self, word: str) -> float:
        """How much a word tells; 0 for one that most documents have."""
        found = len(self.postings.get(word, ()))
        if found > COMMON * self.size:
            return 0.0
        return math.log(1 + (self.size - found + 0.5) / (found + 0.5))

    def share(self, query: Sequence[str]) -> float:
        """The score of the best document, in [0, 1] of the highest there could be."""
        scores = np.zeros(max(1, self.size))
        most = 0.0
        for word in dict.fromkeys(query):
            weight = self.idf(word)
            most += weight * (K1 + 1)
            if weight and word in self.postings:
                places, gains = self._gains(word, weight)
                scores[places] += gains
        return float(scores.max()) / most if most else 0.0

    def _gains(self, word: str, weight: float) -> tuple[Places, Gains]:
        """The documents that hold the word, and what it adds to their scores; each word worked out once."""
        if word not in self._known:
            places, counts = np.array(self.postings[word]).T
            self._known[word] = places, weight * counts * (K1 + 1) / (counts + self.norms[places])
        return self._known[word]


def expected_accuracy(scores: Sequence[float], true: int) -> float:
    """The chance that the highest score is the true question's, ties broken by lot."""
    best = max(scores)
    return (scores[true] == best) / sum(score == best for score in scores)
