"""A row's prompt taken apart: opening, documents without their links, closing paragraph, links."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from data_synth.check.needles import Needle, read_needles
from data_synth.check.rows import Row
from data_synth.check.text import Link, Span, normalised, read_links, read_passages, take_out

LINKED = "keychain"
QUESTIONS = ("keychain", "multihop")
"""Tasks whose question is about documents; the others' is about what was put into them."""


@dataclass(frozen=True)
class Passage:
    """One document of the prompt."""

    span: Span
    text: str
    """The document with whatever was put into it taken out."""
    digest: str
    """First 16 hexadecimal digits of the SHA-256 of `text`."""
    places: tuple[int, ...]
    """Where in `text` the links, needles and assignments stood, in order."""
    as_listed: bool
    """Whether the digest is the one that the row gives."""


@dataclass(frozen=True)
class Parsed:
    """What a row's text says, beside what its columns say (`row`)."""

    row: Row
    text: str
    """The user turn."""
    links: tuple[Link, ...]
    broken: tuple[int, ...]
    needles: tuple[Needle, ...]
    passages: tuple[Passage, ...]
    headers: int
    """Numbered headers in the text."""
    head: str
    foot: str

    @cached_property
    def following(self) -> dict[str, str]:
        """The value behind each key; of a key that is given twice, the last."""
        return {link.key: link.value for link in self.links}

    @cached_property
    def questions(self) -> list[str]:
        """The values that are no keys: what a reader sees as candidate questions."""
        return list(dict.fromkeys(link.value for link in self.links if link.value not in self.following))

    @cached_property
    def gold(self) -> list[int]:
        """The positions of the gold documents among the documents."""
        places = {(d.doc_id, d.start, d.end): place for place, d in enumerate(self.row.documents)}
        return [places[g] for g in self.row.gold if g in places]

    @cached_property
    def words(self) -> list[str]:
        """Each document's normalised words."""
        return [normalised(passage.text) for passage in self.passages]

    @cached_property
    def prose(self) -> str:
        """All of the prompt but the links: other turns, opening, documents, closing paragraph."""
        others = [content for _, content in self.row.messages if content is not self.row.user]
        return "\n".join([*others, self.head, *(p.text for p in self.passages), self.foot])


def parse(row: Row) -> Parsed:
    """Take a row's user turn apart; never fails, whatever the text says."""
    text = row.user
    links, broken = read_links(text)
    needles = [] if row.task in QUESTIONS else read_needles(text)
    headers = read_passages(text)
    spans = _spans(row, text, headers)
    begin = spans[0].start if spans else len(text)
    head_end = headers[0].start if headers and headers[0].end <= begin else begin
    inserted = [Span(k.start, k.end) for k in links] + [Span(n.start, n.end) for n in needles]
    return Parsed(
        row=row,
        text=text,
        links=tuple(links),
        broken=tuple(broken),
        needles=tuple(needles),
        passages=tuple(_passages(row, text, spans, sorted(inserted, key=lambda span: span.start))),
        headers=len(headers),
        head=text[:head_end],
        foot=text[spans[-1].end :] if spans else text,
    )


def _spans(row: Row, text: str, headers: list[Span]) -> list[Span]:
    """The documents' places by the headers in the text, or by the columns where they are not numbered.

    Where the last document ends and the closing paragraph begins, only the column can say.
    """
    listed = [Span(d.start, d.end) for d in row.documents]
    if not headers or len(headers) != len(listed):
        return listed
    ends = [header.start - 2 for header in headers[1:]]
    last = listed[-1].end if headers[-1].end <= listed[-1].end <= len(text) else text.rfind("\n\n")
    return [Span(header.end, end) for header, end in zip(headers, [*ends, last], strict=True)]


def _passages(row: Row, text: str, spans: list[Span], inserted: list[Span]) -> list[Passage]:
    starts = [span.start for span in spans]
    inside: list[list[Span]] = [[] for _ in spans]
    for span in inserted:
        place = bisect_right(starts, span.start) - 1
        if place >= 0 and span.end <= spans[place].end:
            inside[place].append(Span(span.start - starts[place], span.end - starts[place]))
    return [_passage(row, text, place, spans[place], inside[place]) for place in range(len(spans))]


def _passage(row: Row, text: str, place: int, span: Span, inside: list[Span]) -> Passage:
    """The document without its insertions, whichever white space came with them gives the listed digest."""
    body, listed = text[span.start : span.end], row.documents[place].digest
    ways = [take_out(body, inside, side) for side in (("before", "after", "none") if inside else ("none",))]
    if row.task not in QUESTIONS:
        ways.append((body, [spot.start for spot in inside]))  # needles may count as part of their document
    digests = [digest_of(stripped) for stripped, _ in ways]
    way = digests.index(listed) if listed in digests else 0
    stripped, places = ways[way]
    return Passage(span, stripped, digests[way], tuple(places), digests[way] == listed)


def digest_of(document: str) -> str:
    return sha256(document.encode("utf-8", "surrogatepass")).hexdigest()[:16]
