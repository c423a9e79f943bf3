"""A data set, written as shards that any worker may build in any order.

A shard is a function of the settings and its number. It is written to a temporary file that takes its name
when it is whole, so a killed run leaves whole shards only and resuming builds the missing ones.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice, repeat
from multiprocessing.connection import Connection, wait
from pathlib import Path
from threading import Thread
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from data_synth.corpus import Corpus, Source
from data_synth.errors import SynthError
from data_synth.keychain import KeyChain
from data_synth.multihop import MultiHop
from data_synth.niah import Needles
from data_synth.packing import Reject, Shelf
from data_synth.rows import SCHEMA, Built, row
from data_synth.settings import Settings, row_rng
from data_synth.sources.load import load_source
from data_synth.text import mentions
from data_synth.tokens import Tokenizer, load_tokenizer
from data_synth.variables import VariableTracking

_GROUP = 32
"""Rows of a row group: what a worker holds in memory at a time."""

MOST_REJECTS = 60
"""Questions rejected one after the other before a run gives up."""


class Builder(Protocol):
    """A task: it checks its settings against a corpus, and makes a row of a question.

    `asks` says whether it takes the source's questions, or makes its own and needs only documents.
    """

    @property
    def asks(self) -> bool: ...

    def check(self, tokenizer: Tokenizer, corpus: Corpus) -> None:
        """Refuse settings by which no row could be built. Errors: SynthError."""
        ...

    def build(self, shelf: Shelf, rng: Any, question: int) -> Built:
        """One row's parts. Raises Reject."""
        ...


@dataclass(frozen=True)
class Plan:
    """Settings with all that they name loaded; `config` is their hash."""

    settings: Settings
    source: Source
    tokenizer: Tokenizer
    builder: Builder
    config: str

    def name(self, shard: int) -> str:
        """A shard's file name, with the split first as `datasets` looks for it."""
        return f"{self.settings.split}-{shard:05d}-of-{self.settings.shards:05d}.parquet"


@dataclass
class Report:
    """What was built: rows, and rejected questions by reason."""

    rows: int = 0
    rejects: Counter[str] = field(default_factory=Counter)

    def add(self, other: Report) -> None:
        """Count another report's rows and rejects too."""
        self.rows += other.rows
        self.rejects += other.rejects


def make_plan(settings: Settings) -> Plan:
    """Load what settings name and refuse what could not be built. Errors: SynthError."""
    tokenizer = load_tokenizer(settings.tokenizer)
    builder = _builder(settings)
    source = load_source(settings)
    if builder.asks and source.capacity is not None and source.capacity < settings.n:
        raise SynthError(
            f"too few questions: {settings.source} has {source.capacity} in split {settings.split!r} for "
            f"{settings.n} rows; lower --n or give more questions"
        )
    builder.check(tokenizer, source.corpus(0, settings.shards))
    return Plan(settings, source, tokenizer, builder, settings.hashed(source.fingerprint, tokenizer.fingerprint))


def _builder(settings: Settings) -> Builder:
    if settings.task == "keychain":
        return KeyChain(settings)
    if settings.task == "multihop":
        return MultiHop(settings)
    return VariableTracking(settings) if settings.task == "variable-tracking" else Needles(settings)


def rows(plan: Plan, shard: int, report: Report, shelf: Shelf | None = None) -> Iterator[dict[str, Any]]:
    """The rows of one shard, each from the next question that can be built. Errors: SynthError when none can."""
    settings = plan.settings
    corpus = plan.source.corpus(shard, settings.shards)
    shelf = shelf or Shelf(corpus, plan.tokenizer)
    shelf.serve(corpus)
    questions = iter(corpus.own if plan.builder.asks else repeat(0))
    for index in settings.rows_of(shard):
        rng = row_rng(settings.seed, plan.config, index)
        built = None
        refused: Counter[str] = Counter()
        while built is None:
            question = next(questions, None)
            if question is None or refused.total() == MOST_REJECTS:
                raise SynthError(_gave_up(index, report.rejects + refused, question is None))
            try:
                built = plan.builder.build(shelf, rng, question)
                if settings.strict_leak and _leaks(built, corpus):
                    raise Reject("the answer stands in a document that is not gold")
            except Reject as reason:
                built = None
                refused[str(reason)] += 1
        report.rejects += refused
        report.rows += 1
        yield row(built, corpus, plan.source, plan.tokenizer, settings, index, plan.config)


def _gave_up(index: int, rejects: Counter[str], out_of_questions: bool) -> str:
    reasons = ", ".join(f"{times} because {reason}" for reason, times in rejects.most_common(3)) or "none"
    why = "too few questions" if out_of_questions else "no question can be built"
    return f"{why} for row {index}; rejected so far: {reasons}. Give more documents (--filler) or another --tokens"


def _leaks(built: Built, corpus: Corpus) -> bool:
    others = (p.index for p in built.packed.placed if p.index not in built.gold)
    return any(mentions(corpus.documents[i].text, built.answer) for i in others)


def write_shard(plan: Plan, shard: int, out: Path, shelf: Shelf | None = None) -> Report:
    """Write one shard whole or not at all; what it holds is a function of the plan and its number."""
    report = Report()
    path = out / plan.name(shard)
    temporary = out / f".{path.name}.{os.getpid()}.tmp"
    try:
        with pq.ParquetWriter(temporary, SCHEMA, compression="zstd") as writer:
            built = rows(plan, shard, report, shelf)
            while group := list(islice(built, _GROUP)):
                writer.write_table(pa.Table.from_pylist(group, schema=SCHEMA))
            facts = {"rows": report.rows, "rejects": dict(sorted(report.rejects.items()))}
            writer.add_key_value_metadata({"config_hash": plan.config, "report": json.dumps(facts)})
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return report


def build_shard(settings: Settings, shard: int, out: Path) -> Report:
    """`write_shard` for an engine that calls functions in processes of its own, on one machine or many.

    What the settings name is loaded once a process. Shards of one data set must share a folder or a store.
    """
    return write_shard(_loaded(settings), shard, out)


@lru_cache(maxsize=1)
def _loaded(settings: Settings) -> Plan:
    return make_plan(settings)


def read_report(path: Path, config: str) -> Report:
    """What a finished shard holds. Errors: SynthError where other settings built it."""
    try:
        metadata = pq.read_metadata(path).metadata or {}
    except (OSError, pa.ArrowInvalid) as error:
        raise SynthError(f"cannot read {path}: {error}; delete it and --resume") from error
    if metadata.get(b"config_hash", b"").decode() != config:
        raise SynthError(f"{path} was built from other settings; give the same ones, or another --out")
    facts = json.loads(metadata[b"report"])
    return Report(facts["rows"], Counter(facts["rejects"]))


def generate(
    settings: Settings,
    out: Path,
    workers: int = 1,
    resume: bool = False,
    progress: Callable[[int], None] = lambda rows: None,
) -> Report:
    """Write a data set into a folder; `progress` is told the rows of every shard done.

    The bytes do not depend on `workers`, nor on how often the run was killed and resumed. Errors: SynthError.
    """
    if workers < 1:
        raise SynthError(f"--workers must be at least 1, not {workers}")
    found = sorted(out.glob("*.parquet")) if out.is_dir() else []
    if found and not resume:
        raise SynthError(f"{out} already holds {found[0].name}; --resume goes on with it, or give another --out")
    plan = make_plan(settings)
    names = [plan.name(shard) for shard in range(settings.shards)]
    present = {path.name for path in found}
    foreign = sorted(present - set(names))
    if foreign:
        raise SynthError(f"{out / foreign[0]} was built from other settings; give the same ones, or another --out")
    total = Report()
    for path in found:
        total.add(read_report(path, plan.config))
    if total.rows:
        progress(total.rows)
    missing = [shard for shard, name in enumerate(names) if name not in present]
    made = [path for path in (out, *out.parents) if not path.exists()]
    try:
        out.mkdir(parents=True, exist_ok=True)
        _clear(out)
    except OSError as error:
        raise SynthError(f"cannot write {out}: {error.strerror}") from error
    try:
        for report in _built(plan, missing, out, min(workers, len(missing))):
            total.add(report)
            progress(report.rows)
    except BaseException:
        _clear(out)
        for folder in made:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        raise
    return total


def _clear(out: Path) -> None:
    """Remove what killed workers left half-written."""
    for leftover in out.glob(".*.parquet.*.tmp"):
        leftover.unlink(missing_ok=True)


def _built(plan: Plan, shards: Sequence[int], out: Path, workers: int) -> Iterator[Report]:
    if workers < 2:
        shelf = None
        for shard in shards:
            shelf = shelf or Shelf(Corpus([], [], []), plan.tokenizer)
            yield write_shard(plan, shard, out, shelf)
        return
    yield from _forked(plan, shards, out, workers)


def _forked(plan: Plan, shards: Sequence[int], out: Path, workers: int) -> Iterator[Report]:
    """Processes that share what the plan loaded, each with its own shards."""
    if "fork" not in multiprocessing.get_all_start_methods():
        raise SynthError("several workers need a system that can fork; give --workers 1")
    context = multiprocessing.get_context("fork")
    running: dict[Connection, Any] = {}
    lifeline, held = context.Pipe(duplex=False)
    try:
        for number in range(workers):
            ours, theirs = context.Pipe(duplex=False)
            given = (plan, shards[number::workers], out, theirs, lifeline, held)
            process = context.Process(target=_work, args=given)
            process.start()
            theirs.close()
            running[ours] = process
        while running:
            for ready in wait(list(running)):
                assert isinstance(ready, Connection)
                try:
                    said = ready.recv()
                except EOFError:
                    process = running.pop(ready)
                    process.join()
                    if process.exitcode:
                        raise SynthError(f"a worker was killed ({process.exitcode}); --resume goes on") from None
                    continue
                if isinstance(said, str):
                    raise SynthError(said)
                yield said
    finally:
        for process in running.values():
            process.terminate()
            process.join()
        held.close()
        lifeline.close()


def _work(
    plan: Plan, shards: Sequence[int], out: Path, tell: Connection, lifeline: Connection, held: Connection
) -> None:
    held.close()
    Thread(target=_end_with_the_parent, args=(lifeline,), daemon=True).start()
    shelf = Shelf(Corpus([], [], []), plan.tokenizer)
    try:
        for shard in shards:
            tell.send(write_shard(plan, shard, out, shelf))
    except SynthError as error:
        tell.send(str(error))


def _end_with_the_parent(lifeline: Connection) -> None:
    """Nothing is ever sent: waiting ends when the process that holds the other end does, even by a kill."""
    with suppress(EOFError):
        lifeline.recv()
    os._exit(1)
