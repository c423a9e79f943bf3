"""Documents packed into a prompt of exactly so many tokens, with links or needles put between sentences.

Lengths of documents and the ends of their sentences are found once and kept, so a sample costs a draw,
one join and one tokenisation of the whole. That last count decides: a prompt over its target, or under
99.5 % of it, is mended by changing the last documents drawn, and given up after a few attempts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from data_synth.corpus import Corpus
from data_synth.text import sentence_ends
from data_synth.tokens import Tokenizer

FILL = 0.995
"""Least share of the target that a prompt fills."""

_ATTEMPTS = 12
_SAID = 1 << 16
"""Texts whose tokens are kept."""
_MARGIN = 0.0015
_SOME = 50
_CANDIDATES = 400
_PAIRS = 100


class Reject(Exception):
    """Why one sample cannot be built; the next question is tried, and rejects are counted by this text."""


@dataclass(frozen=True)
class Frame:
    """What stands around the documents: a system turn (may be empty), an opening and a closing paragraph."""

    system: str
    opening: str
    closing: str

    def rendered(self, user: str) -> str:
        """The text whose tokens are counted: the turns' contents, joined by newlines."""
        return f"{self.system}\n{user}" if self.system else user


@dataclass(frozen=True)
class Placed:
    """A document of the corpus in the user turn's text, in characters, and its text as it stands there."""

    index: int
    start: int
    end: int


@dataclass(frozen=True)
class Packed:
    """The user turn. `inserted` are the offsets of the inserts, in the order they were given in."""

    user: str
    placed: tuple[Placed, ...]
    inserted: tuple[int, ...]
    tokens: int


class Shelf:
    """A corpus with what is known about its documents: tokens and sentence ends, found when first asked for."""

    def __init__(self, corpus: Corpus, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self._said: dict[str, int] = {}
        self._headings: list[int] = []
        self._take(corpus)

    def _take(self, corpus: Corpus) -> None:
        """Nothing is known of its documents."""
        self.corpus = corpus
        self._tokens: list[int] = [0] * len(corpus.documents)
        self._ends: list[list[int] | None] = [None] * len(corpus.documents)

    def serve(self, corpus: Corpus) -> None:
        """Go on with another corpus, with what is known already where the documents are the same."""
        if corpus.documents is not self.corpus.documents:
            self._take(corpus)
        self.corpus = corpus

    def tokens(self, index: int) -> int:
        """Tokens that a document takes, with its heading and the blank line after it."""
        if not self._tokens[index]:
            self._tokens[index] = self.tokenizer.count(f"{heading(1)}{self.corpus.documents[index].text}\n\n")
        return self._tokens[index]

    def said(self, text: str) -> int:
        """Tokens of a text that comes in many samples."""
        if text not in self._said:
            if len(self._said) == _SAID:
                self._said.clear()
            self._said[text] = self.tokenizer.count(text)
        return self._said[text]

    def heading_tokens(self, number: int) -> int:
        """Tokens that a heading takes beyond those of the first one."""
        while len(self._headings) <= number:
            extra = self.tokenizer.count(heading(len(self._headings))) - self.tokenizer.count(heading(1))
            self._headings.append(extra)
        return self._headings[number]

    def ends(self, index: int) -> list[int]:
        """The places in a document where something may be put in, as character offsets."""
        found = self._ends[index]
        if found is None:
            found = self._ends[index] = sentence_ends(self.corpus.documents[index].text)
        return found


def heading(number: int) -> str:
    """The line over a document; numbers count from 1."""
    return f"Passage {number}:\n"


def fixed_tokens(tokenizer: Tokenizer, frame: Frame, inserts: Sequence[str]) -> int:
    """About how many tokens a prompt takes before any document is in it."""
    return frame_tokens(tokenizer, frame) + tokenizer.count("".join(f" {insert}" for insert in inserts))


def frame_tokens(tokenizer: Tokenizer, frame: Frame) -> int:
    """Those of them that stand around the documents."""
    return tokenizer.count(frame.rendered(f"{frame.opening}\n\n{frame.closing}"))


def pack(
    shelf: Shelf,
    rng: Random,
    target: int,
    frame: Frame,
    core: Sequence[int],
    inserts: Sequence[str] = (),
    excluded: Sequence[int] = (),
    ordered: bool = False,
    accept: Callable[[Packed], bool] = lambda packed: True,
    fixed: int | None = None,
) -> Packed:
    """Core documents and random others, shuffled, filling 99.5 to 100 % of `target` tokens.

    Each insert stands at an end of a sentence of its own, drawn uniformly from all of the prompt;
    `ordered` keeps their order in the text, which is random otherwise. `excluded` documents are not used to
    fill. `fixed` is about `fixed_tokens`, where somebody has counted. Raises Reject.
    """
    fixed = fixed_tokens(shelf.tokenizer, frame, inserts) if fixed is None else fixed
    room = target - round(_MARGIN * target) - fixed
    room -= sum(map(shelf.tokens, core)) + sum(map(shelf.heading_tokens, range(1, len(core) + 1)))
    if room < 0:
        raise Reject("its documents do not fit")
    filler = _Filler(shelf, rng, {*core, *excluded}, room)
    bulk, room = filler.bulk(room, len(core))
    for _ in range(_ATTEMPTS):
        last = filler.closing(room)
        documents = [*core, *bulk, *last]
        rng.shuffle(documents)
        packed = _joined(shelf, rng, frame, documents, inserts, ordered)
        if FILL * target <= packed.tokens <= target:
            if not accept(packed):
                raise Reject("a key or needle occurs elsewhere in the text")
            return packed
        wrong = target - round(_MARGIN * target) - packed.tokens
        room += wrong
        if room < 0 and bulk:
            room += shelf.tokens(bulk.pop())
    raise Reject("no documents of the right lengths to fill it")


class _Filler:
    """Draws documents to fill the rest of a prompt."""

    def __init__(self, shelf: Shelf, rng: Random, taken: set[int], room: int) -> None:
        self.shelf, self.rng = shelf, rng
        total = len(shelf.corpus.documents)
        some = sorted(map(shelf.tokens, rng.sample(range(total), min(total, _SOME))))
        self.typical = some[len(some) // 2] if some else 1
        wanted = 3 * room // self.typical + _CANDIDATES + len(taken)
        self.order = [i for i in rng.sample(range(total), min(total, wanted)) if i not in taken]

    def bulk(self, room: int, before: int) -> tuple[list[int], int]:
        """Random documents, after so many others, until about three more would fill the room; and the room left."""
        chosen: list[int] = []
        for index in self.order:
            tokens = self.shelf.tokens(index) + self.shelf.heading_tokens(before + len(chosen) + 1)
            if room - tokens < 3 * self.typical:
                break
            chosen.append(index)
            room -= tokens
        rest = self.order[len(chosen) :][:_CANDIDATES]
        self.candidates = sorted(rest, key=lambda i: (self.shelf.tokens(i), i))
        return chosen, room

    def closing(self, room: int) -> list[int]:
        """Up to four documents that fill the room best without overfilling it."""
        by_length = self.candidates
        lengths = [self.shelf.tokens(i) for i in by_length]
        best: list[int] = []
        best_left = room
        for _ in range(_PAIRS):
            chosen: list[int] = []
            left = room
            for index in self.rng.sample(by_length, min(len(by_length), self.rng.randint(0, 3))):
                if self.shelf.tokens(index) <= left:
                    chosen.append(index)
                    left -= self.shelf.tokens(index)
            place = bisect_right(lengths, left) - 1
            while place >= 0 and by_length[place] in chosen:
                place -= 1
            if place >= 0:
                chosen.append(by_length[place])
                left -= lengths[place]
            if 0 <= left < best_left:
                best, best_left = chosen, left
            if best_left <= 1:
                break
        return best


def _joined(
    shelf: Shelf, rng: Random, frame: Frame, documents: Sequence[int], inserts: Sequence[str], ordered: bool
) -> Packed:
    """The prompt of these documents in this order, with the inserts at random ends of sentences."""
    ends = [shelf.ends(index) for index in documents]
    before = list(accumulate(map(len, ends), initial=0))
    if before[-1] < len(inserts):
        raise Reject("fewer ends of sentences than links")
    slots = sorted(rng.sample(range(before[-1]), len(inserts)))
    order = list(range(len(inserts)))
    if not ordered:
        rng.shuffle(order)
    offsets = [0] * len(inserts)
    parts = [frame.opening, "\n\n"]
    length = len(frame.opening) + 2
    placed: list[Placed] = []
    following = 0
    for number, index in enumerate(documents, 1):
        head, text = heading(number), shelf.corpus.documents[index].text
        parts.append(head)
        length += len(head)
        start, cut = length, 0
        while following < len(slots) and slots[following] < before[number]:
            end = ends[number - 1][slots[following] - before[number - 1]]
            insert = inserts[order[following]]
            # A sentence after a line that is none starts a line of its own; a link is told by its brackets.
            gap = " " if insert[0] == "{" or text[end - 1] in ".?!" else "\n"
            parts += (text[cut:end], gap, insert)
            length += end - cut + 1
            offsets[order[following]] = length
            length += len(insert)
            cut = end
            following += 1
        parts += (text[cut:], "\n\n")
        length += len(text) - cut
        placed.append(Placed(index, start, length))
        length += 2
    parts.append(frame.closing)
    user = "".join(parts)
    return Packed(user, tuple(placed), tuple(offsets), shelf.tokenizer.count(frame.rendered(user)))


def holding(packed: Packed, offsets: Sequence[int]) -> list[int]:
    """The documents (by index into the corpus) in which these offsets lie, each once, in text order."""
    return [p.index for p in packed.placed if any(p.start <= offset < p.end for offset in offsets)]
