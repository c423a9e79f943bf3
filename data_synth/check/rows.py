"""Rows of synthetic long-context problems as their files hold them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BATCH = 64
"""Rows read at once: memory stays flat in the number of rows."""

LONGEST = 1 << 25
"""Bytes of a line: some millions of tokens, and what is said of them."""

NEEDED = ("id", "task", "prompt", "answer", "question", "documents", "gold_docs", "n_tokens", "target", "tokenizer")


class BadFile(ValueError):
    """The file is not one of synthetic rows: what is wrong with it and where."""


@dataclass(frozen=True)
class Document:
    """A document's place in the user turn (characters, links included) and the digest it should have."""

    doc_id: str
    start: int
    end: int
    digest: str


@dataclass(frozen=True)
class Distractor:
    """A question that some other chain ends in."""

    question: str
    answer: str
    answerable: bool


@dataclass(frozen=True)
class Row:
    """One problem. What the builder says of it; the checks compare that with the text."""

    id: str
    task: str
    messages: tuple[tuple[str, str], ...]
    """Role and content of each turn."""
    answer: str
    aliases: tuple[str, ...]
    question: str
    start_key: str | None
    chain: tuple[str, ...]
    distractors: tuple[Distractor, ...]
    documents: tuple[Document, ...]
    gold: tuple[tuple[str, int, int], ...]
    links: tuple[tuple[int, int, int], ...]
    """Character offset, chain and hop of each."""
    n_tokens: int
    target: int
    tokenizer: str
    ground_truth: str | None
    split: str

    @property
    def user(self) -> str:
        """The user turn, which holds the documents."""
        return next(content for role, content in reversed(self.messages) if role == "user")

    @property
    def whole(self) -> str:
        """The prompt as tokens are counted: the turns' contents, one a line."""
        return "\n".join(content for _, content in self.messages)

    @staticmethod
    def of(raw: Mapping[str, Any], where: str) -> Row:
        """A row of a file. Errors: BadFile naming `where` and the column."""
        for column in NEEDED:
            if raw.get(column) is None:
                raise BadFile(f"{where}: no value in column {column!r}; is this a file of `lengthwise synth`?")
        try:
            return _row(raw)
        except (KeyError, TypeError, ValueError, AttributeError, StopIteration) as error:
            reason = f"{type(error).__name__}: {error}" if str(error) else "the prompt has no user turn"
            raise BadFile(f"{where}: a column is not of the kind it should be ({reason})") from error


def _row(raw: Mapping[str, Any]) -> Row:
    row = Row(
        id=_text(raw["id"]),
        task=_text(raw["task"]),
        messages=tuple((_text(m["role"]), _text(m["content"])) for m in raw["prompt"]),
        answer=_text(raw["answer"]),
        aliases=tuple(map(_text, raw.get("aliases") or ())),
        question=_text(raw["question"]),
        start_key=None if raw.get("start_key") is None else _text(raw["start_key"]),
        chain=tuple(map(_text, raw.get("chain") or ())),
        distractors=tuple(
            Distractor(_text(d["question"]), _text(d["answer"]), bool(d["answerable"]))
            for d in raw.get("distractors") or ()
        ),
        documents=tuple(
            Document(_text(d["doc_id"]), int(d["char_start"]), int(d["char_end"]), _text(d["digest"]))
            for d in raw["documents"]
        ),
        gold=tuple((_text(d["doc_id"]), int(d["char_start"]), int(d["char_end"])) for d in raw["gold_docs"]),
        links=tuple((int(k["char_offset"]), int(k["chain"]), int(k["hop"])) for k in raw.get("links") or ()),
        n_tokens=int(raw["n_tokens"]),
        target=int(raw["target"]),
        tokenizer=_text(raw["tokenizer"]),
        ground_truth=(raw.get("reward_model") or {}).get("ground_truth"),
        split=str((raw.get("extra_info") or {}).get("split") or ""),
    )
    _ = row.user  # raises where there is none
    return row


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a text, found {value!r:.60}")
    return value


def files_of(path: Path) -> list[Path]:
    """The file, or a folder's shards in the order of their names. Errors: BadFile."""
    if path.is_dir():
        found = sorted(path.glob("*.parquet")) or sorted(path.glob("*.jsonl"))
        if not found:
            raise BadFile(f"folder {str(path)!r} holds no .parquet and no .jsonl file")
        return found
    if not path.is_file():
        raise BadFile(f"file {str(path)!r} does not exist")
    if path.suffix not in (".parquet", ".jsonl"):
        raise BadFile(f"{path}: expected a .parquet or .jsonl file, or a folder of them")
    return [path]


def count_rows(path: Path) -> int:
    """Rows in a file or folder."""
    return sum(_count(file) for file in files_of(path))


def _count(file: Path) -> int:
    if file.suffix == ".parquet":
        return int(_open_parquet(file).metadata.num_rows)
    with file.open("rb") as lines:
        return sum(1 for line in lines if line.strip())


def read_raw(path: Path, columns: Sequence[str] | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each row as it stands and where it stands. Errors: BadFile."""
    for file in files_of(path):
        if file.suffix == ".parquet":
            yield from _parquet_rows(file, columns)
        else:
            yield from _json_rows(file)


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file, or of a folder of shards. Errors: BadFile."""
    empty = True
    for where, raw in read_raw(path):
        empty = False
        yield Row.of(raw, where)
    if empty:
        raise BadFile(f"{path} holds no rows")


def _open_parquet(file: Path) -> Any:
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(file)
    except (OSError, ValueError) as error:
        raise BadFile(f"cannot read {file}: {str(error).splitlines()[0]}") from error


def _parquet_rows(file: Path, columns: Sequence[str] | None) -> Iterator[tuple[str, dict[str, Any]]]:
    table = _open_parquet(file)
    wanted = None if columns is None else [c for c in columns if c in table.schema_arrow.names]
    number = 0
    try:
        for batch in table.iter_batches(batch_size=BATCH, columns=wanted):
            for raw in batch.to_pylist():
                yield f"{file}, row {number}", raw
                number += 1
    except (OSError, ValueError) as error:
        raise BadFile(f"{file}: cannot read on from row {number}: {str(error).splitlines()[0]}") from error


def _json_rows(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            if len(line) > LONGEST:
                raise BadFile(f"{file}, line {number}: {len(line):,} bytes, over {LONGEST:,}; is it a file of rows?")
            try:
                raw = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise BadFile(f"{file}, line {number}: not JSON: {error}") from error
            if not isinstance(raw, dict):
                raise BadFile(f"{file}, line {number}: expected an object, got {str(raw)[:40]!r}")
            yield f"{file}, line {number}", raw
