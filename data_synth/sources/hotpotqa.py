"""HotpotQA (arXiv 1809.09600) in its published JSON, or as the hub has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from data_synth.corpus import Fixed, Split
from data_synth.errors import SynthError
from data_synth.sources.reading import Gathering, Record, list_of, records, text_of


def hotpotqa(path: str, split: Split, seed: int) -> Fixed:
    """Questions with the paragraphs that their supporting facts name. Errors: SynthError."""
    gathered = Gathering("hotpotqa")
    gather(gathered, path)
    return gathered.fixed(split, seed, "CC BY-SA 4.0", "HotpotQA, Yang et al. 2018, from Wikipedia")


def gather(gathered: Gathering, path: str) -> None:
    """Take the records of HotpotQA's format, which 2WikiMultiHopQA shares.

    A question whose supporting paragraphs are not all among its own is left out: nothing could answer it.
    """
    for where, record in records(path):
        question, answer = text_of(record, "question", where), text_of(record, "answer", where)
        places = {title: gathered.document(title, text) for title, text in _paragraphs(record, where)}
        titles = list(dict.fromkeys(_supporting(record, where)))
        if not titles:
            raise SynthError(f"{where}: no supporting facts; the test sets without them cannot be used")
        if all(title in places for title in titles):
            gathered.question(question, answer, [places[title] for title in titles], [])


def _paragraphs(record: Record, where: str) -> Iterator[tuple[str, str]]:
    for title, sentences in _pairs(record, "context", ("title", "sentences"), where):
        if (
            not isinstance(title, str)
            or not isinstance(sentences, list)
            or not all(isinstance(sentence, str) for sentence in sentences)
        ):
            raise SynthError(f"{where}: 'context' must list titles with their sentences")
        yield title, " ".join(map(str.strip, sentences))


def _supporting(record: Record, where: str) -> Iterator[str]:
    for title, _ in _pairs(record, "supporting_facts", ("title", "sent_id"), where):
        yield str(title)


def _pairs(record: Record, key: str, columns: tuple[str, str], where: str) -> list[tuple[Any, Any]]:
    """Pairs as the file has them, or a list for each column as the hub has them."""
    value = record.get(key)
    if isinstance(value, Mapping):
        first, second = (list_of(value, column, where) for column in columns)
        return list(zip(first, second, strict=False))
    pairs = list_of(record, key, where)
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise SynthError(f"{where}: {key!r} must be a list of pairs")
    return [(first, second) for first, second in pairs]
