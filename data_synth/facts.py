"""Questions of several hops, composed from facts that were read out of documents.

A document states facts about its subject, one a sentence. `Reader` finds them in the text by the same
patterns that a writer may use, so an answer is what the documents say and nothing else.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from data_synth.corpus import Question, askable
from data_synth.errors import SynthError
from data_synth.text import words

HOPS = (2, 3, 4)
"""Numbers of hops that questions may have: documents that each is answered from."""

_SUBJECT = "§"
_DRY = 3000
"""Walks in a row that give nothing new, after which there is taken to be nothing more."""
_REPEATS = 5
"""Questions that may have one answer, or a hundredth of all where that is more."""


@dataclass(frozen=True)
class Relation:
    """A kind of fact. `patterns` are sentences with {s}, the subject, and {o}, the object."""

    name: str
    patterns: tuple[str, ...]
    phrase: str
    """What the object is called: "the birthplace of {}"."""
    ask: str
    """The question for it: "Where is {}?"; its {} takes a phrase."""


@dataclass(frozen=True)
class Fact:
    """One fact and the document (by index) that states it."""

    subject: str
    relation: str
    object: str
    document: int


class Reader:
    """Finds the facts that a document states about the subject its title names."""

    def __init__(self, relations: Sequence[Relation], pronouns: Sequence[str]) -> None:
        subject = f"(?:{'|'.join([_SUBJECT, *pronouns])})"
        forms, self._relation = [], {}
        for relation in relations:
            for number, pattern in enumerate(relation.patterns):
                group = f"{relation.name}_{number}"
                self._relation[group] = relation.name
                escaped = re.escape(pattern).replace(re.escape("{s}"), subject)
                forms.append(escaped.replace(re.escape("{o}"), f"(?P<{group}>.+)"))
        self._form = re.compile("|".join(forms))

    def read(self, text: str, document: int) -> Iterator[Fact]:
        """The facts of one document: its first line is the subject, its other lines hold the sentences."""
        subject, *lines = text.split("\n")
        for line in lines:
            for sentence in line.removesuffix(".").split(". "):
                found = self._form.fullmatch(f"{sentence.replace(subject, _SUBJECT)}.")
                if found and found.lastgroup:
                    value = found[found.lastgroup].replace(_SUBJECT, subject)
                    yield Fact(subject, self._relation[found.lastgroup], value, document)


class Composer:
    """Walks from fact to fact, and asks for where the walk ends.

    A fact is used only where it is the only one of its relation about its subject, so that every
    question has one answer, and no subject is visited twice, so that every hop needs a document of its own.
    """

    def __init__(self, relations: Sequence[Relation], facts: Iterable[Fact], hops: Sequence[int] = HOPS) -> None:
        if not hops or not set(hops) <= set(HOPS):
            raise SynthError(f"questions of {', '.join(map(str, hops)) or 'no'} hops; give some of 2, 3 and 4")
        self._relations = {relation.name: relation for relation in relations}
        self._hops = tuple(hops)
        facts = list(facts)
        times = Counter((fact.subject, fact.relation) for fact in facts)
        self._about: dict[str, list[Fact]] = defaultdict(list)
        for fact in facts:
            if times[fact.subject, fact.relation] == 1:
                self._about[fact.subject].append(fact)
        self._subjects = list(self._about)

    def questions(self, rng: Random, count: int) -> list[Question]:
        """Up to `count` different questions; fewer where the facts do not hold so many."""
        found: dict[str, Question] = {}
        answers: Counter[str] = Counter()
        dry = 0
        while len(found) < count and dry < _DRY and self._subjects:
            dry += 1
            walk = self._walk(rng, rng.choice(self._hops))
            if walk:
                question = self._asked(walk)
                new = question.text not in found and answers[question.answer] < max(_REPEATS, count // 100)
                if new and askable(question) and not _hinted(question):
                    found[question.text] = question
                    answers[question.answer] += 1
                    dry = 0
        return list(found.values())

    def _walk(self, rng: Random, hops: int) -> list[Fact] | None:
        here, walk = rng.choice(self._subjects), list[Fact]()
        seen = {here}
        for step in range(hops):
            onward = [f for f in self._about[here] if f.object not in seen]
            if step < hops - 1:
                onward = [f for f in onward if f.object in self._about]
            if not onward:
                return None
            walk.append(rng.choice(onward))
            here = walk[-1].object
            seen.add(here)
        return walk

    def _asked(self, walk: Sequence[Fact]) -> Question:
        phrase = walk[0].subject
        for fact in walk:
            phrase = self._relations[fact.relation].phrase.format(phrase)
        ask = self._relations[walk[-1].relation].ask.format(phrase)
        return Question(ask, walk[-1].object, tuple(fact.document for fact in walk))


def _hinted(question: Question) -> bool:
    """Whether a word of the answer, short ones apart, stands in the question already."""
    asked = set(words(question.text))
    return any(word in asked for word in words(question.answer) if len(word) > 3)
