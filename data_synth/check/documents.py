"""The documents of a row: where they stand, whether they are whole, and what was put where into them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from data_synth.check.chains import Fault
from data_synth.check.parsed import QUESTIONS, Parsed
from data_synth.check.text import sentence_ends_at

_GAP = re.compile(r"\n\n(?:Passage \d+:\n)?")


def document_faults(parsed: Parsed) -> Iterator[Fault]:
    """Offsets, digests, sentence ends and gold documents."""
    yield from _offsets(parsed)
    for place, passage in enumerate(parsed.passages):
        listed = parsed.row.documents[place]
        if not passage.as_listed:
            yield Fault("intact", f"document {listed.doc_id} is not the one of digest {listed.digest}")
            break
    for passage in parsed.passages:
        split = [place for place in passage.places if not sentence_ends_at(passage.text, place)]
        if split and passage.as_listed:
            around = passage.text[max(0, split[0] - 25) : split[0]], passage.text[split[0] : split[0] + 25]
            yield Fault("sentence", f"a link or needle stands inside a sentence: {around[0]!r} | {around[1]!r}")
            break
    yield from _gold(parsed)


def _offsets(parsed: Parsed) -> Iterator[Fault]:
    """Each listed place must be that of a passage in the text, with nothing between the passages."""
    documents, text = parsed.row.documents, parsed.text
    if not documents:
        yield Fault("offsets", "no documents")
        return
    numbered = parsed.headers > 0 or parsed.row.task in QUESTIONS
    if numbered and parsed.headers != len(documents):
        yield Fault("offsets", f"{parsed.headers} numbered passages in the text, {len(documents)} documents listed")
        return
    for place, (document, passage) in enumerate(zip(documents, parsed.passages, strict=True)):
        if (document.start, document.end) != (passage.span.start, passage.span.end):
            yield Fault(
                "offsets",
                f"document {document.doc_id} stands at {passage.span.start} to {passage.span.end}, "
                f"listed at {document.start} to {document.end}",
            )
            return
        gap = text[document.end : documents[place + 1].start] if place + 1 < len(documents) else "\n\n"
        if not _GAP.fullmatch(gap) or not document.start <= document.end <= len(text):
            yield Fault("offsets", f"after document {document.doc_id} stands {gap[:40]!r}")
            return
    if parsed.foot[:1] != "\n":
        yield Fault("offsets", f"no new paragraph after the last document but {parsed.foot[:40]!r}")


def _gold(parsed: Parsed) -> Iterator[Fault]:
    row = parsed.row
    if not row.gold and row.task in QUESTIONS:
        yield Fault("gold", "no gold document")
    if len(parsed.gold) != len(row.gold):
        yield Fault("gold", "a gold document is not one of the documents, or stands elsewhere")
    if len(set(parsed.gold)) != len(parsed.gold):
        yield Fault("gold", "a gold document is listed twice")
    texts = [passage.digest for passage in parsed.passages]
    if row.task in QUESTIONS and len(set(texts)) != len(texts):
        twice = next(i for i, digest in enumerate(texts) if digest in texts[:i])
        yield Fault("document-twice", f"document {row.documents[twice].doc_id} stands in the prompt twice")
