"""Readers that do not follow the chain: how often they pick the true question out of all that are visible.

Each gives every question a score against the documents and picks the highest. Where k distractors can
be answered from the documents as well, such a reader should be right once in k + 1 times.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from data_synth.check.parsed import Parsed
from data_synth.check.text import contains_words, normalised, title_of

K1, B = 1.5, 0.75
"""Okapi BM25's usual saturation and length normalisation."""
COMMON = 0.5
"""A word in more than this share of the documents says nothing about any."""
BEST = 2
"""Documents that count for a question: a multi-hop question needs at least so many."""

Guesser = Callable[[Parsed], list[float]]
"""A score for each question of `parsed.questions`, in their order."""


def by_titles(parsed: Parsed) -> list[float]:
    """How many documents' titles a question names, longer titles first among equals."""
    titles = {normalised(title_of(passage.text)) for passage in parsed.passages} - {""}
    scores = []
    for question in map(normalised, parsed.questions):
        named = [title for title in titles if contains_words(question, title)]
        scores.append(len(named) + sum(map(len, named)) / 1e6)
    return scores


def by_bm25(parsed: Parsed) -> list[float]:
    """BM25 of a question's best documents, as a share of what a document with all of its words could score."""
    documents = [words.split() for words in parsed.words]
    index = Index(documents)
    return [index.share(question.split()) for question in map(normalised, parsed.questions)]


GUESSERS: dict[str, Guesser] = {"title-match": by_titles, "bm25": by_bm25}


class Index:
    """Word counts of documents, for BM25 (Robertson and Zaragoza, 2009)."""

    def __init__(self, documents: Sequence[Sequence[str]]) -> None:
        self.size = len(documents)
        mean = sum(map(len, documents)) / max(1, self.size)
        self.norms = [K1 * (1 - B + B * len(document) / max(1.0, mean)) for document in documents]
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
        """The mean score of the `BEST` best documents, in [0, 1] of the highest there could be."""
        scores: dict[int, float] = defaultdict(float)
        most = 0.0
        for word in dict.fromkeys(query):
            weight = self.idf(word)
            most += weight * (K1 + 1)
            for place, count in self.postings.get(word, ()) if weight else ():
                scores[place] += weight * count * (K1 + 1) / (count + self.norms[place])
        best = sorted(scores.values(), reverse=True)[:BEST]
        return sum(best) / BEST / most if most else 0.0


def expected_accuracy(scores: Sequence[float], true: int) -> float:
    """The chance that the highest score is the true question's, ties broken by lot."""
    best = max(scores)
    return (scores[true] == best) / sum(score == best for score in scores)
