"""Anybody's questions with documents, one JSON object each.

Keys: `question`, `answer`, `documents` (texts, or objects with `title` and `text`), and optionally `aliases`
and `gold`, the numbers (from 0) of the documents that the answer needs; all of them by default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data_synth.corpus import Fixed, Split
from data_synth.errors import SynthError
from data_synth.sources.reading import Gathering, Record, list_of, records, text_of


def questions(path: str, split: Split, seed: int) -> Fixed:
    """The questions of a file. Errors: SynthError naming the line and the key."""
    gathered = Gathering("jsonl")
    for where, record in records(path):
        question, answer = text_of(record, "question", where), text_of(record, "answer", where)
        places = [_document(gathered, given, where) for given in list_of(record, "documents", where)]
        aliases = [str(alias) for alias in record.get("aliases") or []]
        gathered.question(question, answer, [places[i] for i in _gold(record, len(places), where)], aliases)
    return gathered.fixed(split, seed, "not stated", "the file's owner")


def _document(gathered: Gathering, given: Any, where: str) -> int:
    if isinstance(given, Mapping):
        return gathered.document(str(given.get("title") or "Untitled"), text_of(given, "text", where))
    if not isinstance(given, str) or not given.strip():
        raise SynthError(f"{where}: a document must be a text or an object with 'title' and 'text', not {given!r}")
    title, _, text = given.strip().partition("\n")
    return gathered.document(title, text) if text else gathered.document("Untitled", title)


def _gold(record: Record, count: int, where: str) -> list[int]:
    gold = record.get("gold")
    if gold is None:
        return list(range(count))
    if not isinstance(gold, list) or not gold or not all(isinstance(i, int) and 0 <= i < count for i in gold):
        raise SynthError(f"{where}: key 'gold' must list numbers of documents from 0 to {count - 1}, not {gold!r}")
    return gold
