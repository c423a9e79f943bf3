"""The rows of a data set: for `lengthwise train`, stock TRL and verl alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pyarrow as pa

from data_synth.corpus import Corpus, Source
from data_synth.packing import Frame, Packed, Placed
from data_synth.settings import Settings
from data_synth.tokens import Tokenizer

_SPAN = (("doc_id", pa.string()), ("char_start", pa.int32()), ("char_end", pa.int32()))


def _structs(*fields: tuple[str, pa.DataType]) -> pa.DataType:
    return pa.list_(pa.struct(fields))


SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("task", pa.string()),
        ("prompt", _structs(("role", pa.string()), ("content", pa.string()))),
        ("answer", pa.string()),
        ("aliases", pa.list_(pa.string())),
        ("question", pa.string()),
        ("start_key", pa.string()),
        ("chain", pa.list_(pa.string())),
        ("distractors", _structs(("question", pa.string()), ("answer", pa.string()), ("answerable", pa.bool_()))),
        ("documents", _structs(*_SPAN, ("digest", pa.string()))),
        ("gold_docs", _structs(*_SPAN)),
        ("links", _structs(("char_offset", pa.int32()), ("chain", pa.int32()), ("hop", pa.int32()))),
        ("n_tokens", pa.int32()),
        ("target", pa.int32()),
        ("tokenizer", pa.string()),
        ("tokenizer_fingerprint", pa.string()),
        ("seed", pa.int64()),
        ("index", pa.int64()),
        ("config_hash", pa.string()),
        ("sources", pa.list_(pa.string())),
        ("licence", pa.string()),
        ("attribution", pa.string()),
        ("data_source", pa.string()),
        ("ability", pa.string()),
        ("reward_model", pa.struct([("style", pa.string()), ("ground_truth", pa.string())])),
        ("extra_info", pa.struct([("index", pa.int64()), ("split", pa.string())])),
    ]
)
"""The columns. Offsets are characters of the user turn, links included; `documents` are in text order, their
digest is of the text without its links. `n_tokens` counts the turns' contents joined by newlines, without a
chat template. `chain` lists the true chain's keys in the order they are looked up; `links` are in text order."""


@dataclass(frozen=True)
class Built:
    """What a task made of one question."""

    frame: Frame
    packed: Packed
    question: str
    answer: str
    gold: Sequence[int]
    aliases: Sequence[str] = ()
    start_key: str | None = None
    chain: Sequence[str] = ()
    distractors: Sequence[dict[str, Any]] = ()
    links: Sequence[dict[str, int]] = ()


def row(
    built: Built, corpus: Corpus, source: Source, tokenizer: Tokenizer, settings: Settings, index: int, config: str
) -> dict[str, Any]:
    """One row, as `SCHEMA` has it."""
    frame, packed = built.frame, built.packed
    turns = [("system", frame.system), ("user", packed.user)]
    gold = set(built.gold)
    spans = [(p, corpus.documents[p.index].id) for p in packed.placed]
    identity = "\0".join([frame.system, packed.user, built.answer])
    return {
        "id": sha256(identity.encode()).hexdigest()[:16],
        "task": settings.task,
        "prompt": [{"role": role, "content": content} for role, content in turns if content],
        "answer": built.answer,
        "aliases": list(built.aliases),
        "question": built.question,
        "start_key": built.start_key,
        "chain": list(built.chain),
        "distractors": list(built.distractors),
        "documents": [
            {"doc_id": name, "char_start": p.start, "char_end": p.end, "digest": _digest(built, corpus, p)}
            for p, name in spans
        ],
        "gold_docs": [
            {"doc_id": name, "char_start": p.start, "char_end": p.end} for p, name in spans if p.index in gold
        ],
        "links": sorted(built.links, key=lambda link: link["char_offset"]),
        "n_tokens": packed.tokens,
        "target": settings.tokens,
        "tokenizer": settings.tokenizer,
        "tokenizer_fingerprint": tokenizer.fingerprint,
        "seed": settings.seed,
        "index": index,
        "config_hash": config,
        "sources": [name for _, name in spans],
        "licence": source.licence,
        "attribution": source.attribution,
        "data_source": f"lengthwise/{settings.task}/{source.name}",
        "ability": "long-context",
        "reward_model": {"style": "rule", "ground_truth": built.answer},
        "extra_info": {"index": index, "split": settings.split},
    }


def _digest(built: Built, corpus: Corpus, placed: Placed) -> str:
    """Of the text without links; needles and assignments are part of it."""
    text = corpus.documents[placed.index].text if built.links else built.packed.user[placed.start : placed.end]
    return sha256(text.encode()).hexdigest()[:16]
