"""Records of a file or a hub data set, and the corpus that they make."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from data_synth.corpus import SHORTEST_ANSWER, Document, Fixed, Question, Split, document, restricted
from data_synth.errors import SynthError
from data_synth.text import normalised, one_line

Record = Mapping[str, Any]
_KINDS = (".json", ".jsonl", ".parquet")


def records(name: str) -> Iterator[tuple[str, Record]]:
    """The records of a JSON list, a JSONL or parquet file, or a hub data set, each with where it stands.

    A hub name may end in a configuration, as `org/name:config`; the split `train` is read. Errors: SynthError.
    """
    path = Path(name)
    if path.is_file():
        if path.suffix not in _KINDS:
            raise SynthError(f"{name}: expected one of {', '.join(_KINDS)}")
        yield from _READERS[path.suffix](path)
    elif "/" in name and not path.suffix and not path.is_absolute():
        yield from _hub(name)
    else:
        raise SynthError(f"file {name!r} does not exist; give a {', '.join(_KINDS)} file or a hub name")


def _list(path: Path) -> Iterator[tuple[str, Record]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise SynthError(f"{path}, line {error.lineno}: not JSON: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise SynthError(f"{path}: not UTF-8 text: {error.reason}") from error
    except (ValueError, RecursionError) as error:
        raise SynthError(f"{path}: not JSON: {error}") from error
    if not isinstance(found, list):
        raise SynthError(f"{path}: expected a list of records, one a question")
    yield from ((f"{path}, record {number}", record) for number, record in enumerate(found, 1))


def _lines(path: Path) -> Iterator[tuple[str, Record]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    yield f"{path}, line {number}", json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise SynthError(f"{path}, line {number}: not JSON: {error}") from error


def _table(path: Path) -> Iterator[tuple[str, Record]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        for batch in pq.ParquetFile(path).iter_batches():
            for record in batch.to_pylist():
                number += 1
                yield f"{path}, row {number}", record
    except (OSError, pa.ArrowException, ValueError) as error:
        raise SynthError(f"cannot read {path} on from row {number}: {str(error).splitlines()[0]}") from error


def _hub(name: str) -> Iterator[tuple[str, Record]]:
    try:
        from datasets import load_dataset

        path, _, config = name.partition(":")
        loaded = load_dataset(path, config or None, split="train")
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SynthError(f"no file and no hub data set {name!r}: {reason}") from error
    yield from ((f"{name}, row {number}", record) for number, record in enumerate(loaded, 1))


_READERS: dict[str, Callable[[Path], Iterator[tuple[str, Record]]]] = {
    ".json": _list,
    ".jsonl": _lines,
    ".parquet": _table,
}


class Gathering:
    """Documents and questions as a source reads them; the same text is one document, whoever brings it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._places: dict[str, int] = {}
        self._documents: list[Document] = []
        self._questions: dict[tuple[str, tuple[int, ...]], Question] = {}

    def document(self, title: str, text: str) -> int:
        """Take a document; gives its index."""
        made = document(self.name, title, text)
        place = self._places.setdefault(made.id, len(self._documents))
        if place == len(self._documents):
            self._documents.append(made)
        return place

    def question(self, text: str, answer: str, gold: list[int], aliases: list[str]) -> None:
        """Take a question, once; aliases too short to be told from chance are dropped."""
        asked = one_line(text)
        documents = tuple(dict.fromkeys(gold))
        first = one_line(answer)
        others = (a for a in dict.fromkeys(map(one_line, aliases)) if len(normalised(a)) >= SHORTEST_ANSWER)
        made = Question(asked, first, documents, tuple(a for a in others if a != first))
        self._questions.setdefault((asked, documents), made)

    def fixed(self, split: Split, seed: int, licence: str, attribution: str) -> Fixed:
        """All of it that belongs to a split."""
        documents, questions = restricted(self._documents, list(self._questions.values()), split)
        digest = blake2b(digest_size=16)
        for known in documents:
            digest.update(known.id.encode())
        for question in questions:
            digest.update(repr(question).encode())
        return Fixed(self.name, digest.hexdigest(), licence, attribution, documents, questions, seed)


def text_of(record: Any, key: str, where: str) -> str:
    """A text of a record. Errors: SynthError naming the place and the key."""
    if not isinstance(record, Mapping):
        raise SynthError(f"{where}: expected an object with keys, not {type(record).__name__}")
    value = record.get(key)
    if not isinstance(value, str) or not value.strip():
        wrong = "is missing" if key not in record else f"must be a text, not {value!r}"
        raise SynthError(f"{where}: key {key!r} {wrong}")
    return value


def list_of(record: Record, key: str, where: str) -> list[Any]:
    """A list of a record. Errors: SynthError naming the place and the key."""
    value = record.get(key)
    if not isinstance(value, list):
        wrong = "is missing" if key not in record else f"must be a list, not {type(value).__name__}"
        raise SynthError(f"{where}: key {key!r} {wrong}")
    return value
