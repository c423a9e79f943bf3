"""Documents, and questions that some of them answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from random import Random
from typing import Literal, Protocol

from data_synth.text import mentions, normalised, one_line, paragraphs

Split = Literal["train", "test", "all"]
TEST_SHARE = 5
"""One document (or entity) in so many belongs to the test split."""

SHORTEST_ANSWER = 3
"""Normalised characters; shorter answers lie in too many texts by chance."""


@dataclass(frozen=True)
class Document:
    """A title line and the text below it, without blank lines. `id` names it across files and runs."""

    id: str
    text: str


@dataclass(frozen=True)
class Question:
    """A question and the documents (by index into the corpus) without any of which it cannot be answered."""

    text: str
    answer: str
    gold: tuple[int, ...]
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Corpus:
    """What one shard is built from. `own` are the indices of the questions that it may ask."""

    documents: Sequence[Document]
    questions: Sequence[Question]
    own: Sequence[int]


class Source(Protocol):
    """Where documents and questions come from.

    `fingerprint` changes whenever the corpus does; `licence` and `attribution` go into every row.
    `capacity` is the number of questions, None where there is no end to them.
    """

    @property
    def name(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def licence(self) -> str: ...
    @property
    def attribution(self) -> str: ...
    @property
    def capacity(self) -> int | None: ...

    def corpus(self, shard: int, shards: int) -> Corpus:
        """The corpus of one shard, the same whichever process asks for it. No question is in two shards' `own`."""
        ...


def document(name: str, title: str, text: str) -> Document:
    """A document whose id is a function of its source's name and its text."""
    whole = f"{one_line(title)}\n{paragraphs(text)}"
    return Document(f"{name}:{blake2b(whole.encode(), digest_size=8).hexdigest()}", whole)


def usable(document: Document) -> bool:
    """Whether a text can hold links that a reader tells from it: it must have none of its own."""
    return '{"' not in document.text


def askable(question: Question) -> bool:
    """Whether an answer is long enough to be told from chance. "no" is not, so "yes" must go with it."""
    answer = normalised(question.answer)
    return len(answer) >= SHORTEST_ANSWER and answer != "yes"


def told(question: Question) -> bool:
    """Whether the question already says an answer to it."""
    return any(mentions(question.text, answer) for answer in (question.answer, *question.aliases))


def in_split(identity: str, split: Split) -> bool:
    """Whether a document or entity belongs to a split, by nothing but its own name."""
    if split == "all":
        return True
    bucket = int.from_bytes(blake2b(identity.encode(), digest_size=4).digest(), "big") % TEST_SHARE
    return (bucket == 0) == (split == "test")


def restricted(
    documents: Sequence[Document],
    questions: Sequence[Question],
    split: Split,
    identity: Callable[[Document], str] = lambda document: document.id,
) -> tuple[list[Document], list[Question]]:
    """The documents of a split, and the questions all of whose gold documents are among them.

    Questions of which only some gold documents are in it belong to no split, so that none is shared.
    """
    kept = [i for i, d in enumerate(documents) if usable(d) and in_split(identity(d), split)]
    place = {old: new for new, old in enumerate(kept)}
    asked = [
        Question(q.text, q.answer, tuple(place[g] for g in q.gold), q.aliases)
        for q in questions
        if askable(q) and all(g in place for g in q.gold)
    ]
    return [documents[i] for i in kept], asked


@dataclass(frozen=True)
class Fixed:
    """A source that was read whole. Every shard has all documents and its own part of the questions."""

    name: str
    fingerprint: str
    licence: str
    attribution: str
    documents: Sequence[Document]
    questions: Sequence[Question]
    seed: int = 0

    @property
    def capacity(self) -> int | None:
        """The number of questions."""
        return len(self.questions)

    def corpus(self, shard: int, shards: int) -> Corpus:
        """All documents, and every so manieth question of an order that the seed decides."""
        order = list(range(len(self.questions)))
        Random(f"{self.seed}/{self.fingerprint}").shuffle(order)
        return Corpus(self.documents, self.questions, order[shard::shards])


@dataclass(frozen=True)
class Filled:
    """A source whose prompts are filled with another one's documents too."""

    source: Source
    filler: Source

    @property
    def name(self) -> str:
        """The name of the questions' source."""
        return self.source.name

    @property
    def fingerprint(self) -> str:
        """Of both."""
        return f"{self.source.fingerprint}+{self.filler.fingerprint}"

    @property
    def licence(self) -> str:
        """Of both."""
        return "; ".join(dict.fromkeys((self.source.licence, self.filler.licence)))

    @property
    def attribution(self) -> str:
        """Of both."""
        return "; ".join(dict.fromkeys((self.source.attribution, self.filler.attribution)))

    @property
    def capacity(self) -> int | None:
        """The questions of the source; the filler's are not asked."""
        return self.source.capacity

    def corpus(self, shard: int, shards: int) -> Corpus:
        """The source's corpus, longer by the filler's documents."""
        base = self.source.corpus(shard, shards)
        return Corpus([*base.documents, *self.filler.corpus(shard, shards).documents], base.questions, base.own)
