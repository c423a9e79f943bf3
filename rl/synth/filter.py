"""Keep the rows that a model solves sometimes: pass rates known or measured, resumable row by row."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from data_synth.check.rows import BATCH, BadFile, files_of, read_raw
from rewards import Verdict
from rewards.verifier import Isolated, Verifier
from rl.errors import UserError
from rl.plugins import judge

ASKED = ("id", "prompt", "answer", "aliases")
"""The columns that measuring a pass rate needs."""
Rates = dict[str, float | None]
"""Pass rate by row id; None where no answer could be judged."""


@dataclass(frozen=True)
class Sampled:
    """How answers are drawn."""

    samples: int = 8
    max_tokens: int = 2048
    temperature: float = 1.0
    seed: int = 0


class Answerer(Protocol):
    """Gives a row's prompt (chat messages) its `samples` completions."""

    def answers(self, id: str, messages: Sequence[Mapping[str, str]]) -> list[str]: ...


def pass_rate(verifier: Verifier, golds: Sequence[str], texts: Sequence[str]) -> float | None:
    """The share of completions that match one of `golds`; None where none could be judged."""
    right, judged = [False] * len(texts), [False] * len(texts)
    for gold in golds:
        for place, verdict in enumerate(judge(verifier, [gold] * len(texts), texts)):
            right[place] |= verdict is Verdict.CORRECT
            judged[place] |= verdict.worth is not None
    return sum(right) / sum(judged) if any(judged) else None


def known_rates(rates: Path, rows: Path) -> Rates:
    """The pass rates of a file, one for each row. Errors: UserError, BadFile."""
    found: Rates = {}
    for where, line in read_raw(rates):
        rate = line.get("pass_rate")
        if not isinstance(line.get("id"), str):
            raise UserError(f"{where}: key 'id' must be the id of a row, not {line.get('id')!r}")
        if isinstance(rate, bool) or not (rate is None or (isinstance(rate, int | float) and 0 <= rate <= 1)):
            raise UserError(f"{where}: key 'pass_rate' must be a number from 0 to 1, not {rate!r}")
        found[line["id"]] = rate
    without = [raw["id"] for _, raw in asked_rows(rows) if raw["id"] not in found]
    if without:
        raise UserError(f"{rates}: no pass rate for {len(without)} rows, the first is {without[0]!r}")
    return found


def measured_rates(
    rows: Path,
    out: Path,
    source: Answerer,
    verifier: Verifier,
    options: Sampled,
    asked: Mapping[str, Any],
    parallel: int,
    advance: Callable[[int], object],
) -> Rates:
    """Ask for answers to every row that has no result yet; each result is written as it comes."""
    with Results(results_of(out), {**asked, **asdict(options)}) as results:
        try:
            for id, rate in _ask(rows, results.rates, source, verifier, parallel, advance):
                results.add(id, rate)
        finally:
            if isinstance(verifier, Isolated):
                verifier.close()
        return results.rates


def _ask(
    rows: Path, done: Rates, source: Answerer, verifier: Verifier, parallel: int, advance: Callable[[int], object]
) -> Iterator[tuple[str, float | None]]:
    """Results as they come, of at most `parallel` rows at once."""
    answered: SimpleQueue[tuple[dict[str, Any], list[str] | BaseException]] = SimpleQueue()

    def ask(raw: dict[str, Any]) -> None:
        try:
            answered.put((raw, source.answers(raw["id"], raw["prompt"])))
        except BaseException as error:
            answered.put((raw, error))

    def next_result() -> tuple[str, float | None]:
        raw, texts = answered.get()
        if isinstance(texts, BaseException):
            raise texts
        advance(1)
        return raw["id"], pass_rate(verifier, [raw["answer"], *(raw.get("aliases") or ())], texts)

    begun, running = set(done), 0
    for _, raw in asked_rows(rows):
        if raw["id"] in begun:
            advance(1)
            continue
        begun.add(raw["id"])
        # A daemon: who stops the command does not wait for a server.
        Thread(target=ask, args=(raw,), daemon=True).start()
        running += 1
        if running == parallel:
            yield next_result()
            running -= 1
    for _ in range(running):
        yield next_result()


def asked_rows(rows: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The columns of each row that a model is asked and judged by. Errors: BadFile."""
    for where, raw in read_raw(rows, ASKED):
        for column in ASKED[:3]:
            if not raw.get(column):
                raise BadFile(f"{where}: no value in column {column!r}; is this a file of `lengthwise synth`?")
        yield where, raw


class Results:
    """A JSON-lines file of results, begun by the settings they were measured with."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path, self.settings = path, dict(settings)
        self.rates: Rates = {}

    def __enter__(self) -> Results:
        lines = self.path.read_bytes().split(b"\n")[:-1] if self.path.is_file() else []
        if lines:
            self._read(lines)
            # What was being written when the process died is written again.
            with self.path.open("r+b") as file:
                file.truncate(sum(len(line) + 1 for line in lines))
        self._file = self.path.open("a" if lines else "w")
        if not lines:
            self._write({"settings": self.settings})
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _read(self, lines: Sequence[bytes]) -> None:
        try:
            first, *rest = map(json.loads, lines)
            settings = first["settings"]
            self.rates = {line["id"]: line["pass_rate"] for line in rest}
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{self.path} holds no results of this command; remove it or choose another --out"
            ) from error
        changed = [key for key in self.settings if settings.get(key) != self.settings[key]]
        if changed:
            key = changed[0]
            raise UserError(
                f"{self.path} was measured with {key} {settings.get(key)!r}, not {self.settings[key]!r}; "
                "remove it or choose another --out"
            )

    def add(self, id: str, rate: float | None) -> None:
        self.rates[id] = rate
        self._write({"id": id, "pass_rate": rate})

    def _write(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()


def results_of(out: Path) -> Path:
    """Where the results of measuring for `out` are kept."""
    return out.with_name(f"{out.name}.pass_rates.jsonl")


def check_output(rows: Path, out: Path) -> None:
    """Refuse an output that could not be written, before any work. Errors: UserError, BadFile."""
    if out.suffix != ".parquet":
        raise UserError(f"--out {out}: expected a name that ends with .parquet")
    if not out.absolute().parent.is_dir():
        raise UserError(f"cannot write {out}: its folder does not exist")
    if any(out.resolve() == file.resolve() for file in files_of(rows)):
        raise UserError(f"--out {out} is the file that is read; choose another name")
    if out.exists() and not _is_kept(out):
        raise UserError(f"{out} is there already and holds no rows that this command kept; choose another --out")


def _is_kept(path: Path) -> bool:
    """Whether a file is one of rows with their pass rates."""
    try:
        return {*ASKED, "pass_rate"} <= set(pq.read_schema(path).names)
    except (OSError, pa.ArrowInvalid):
        return False


def keep(rows: Path, out: Path, rates: Rates, above: float, below: float) -> dict[str, Any]:
    """Write the rows with `above` < pass rate < `below`, in file order, with their `pass_rate`.

    Gives the counts. The file appears when it is whole.
    """
    found: Counter[str] = Counter()
    histogram: Counter[str] = Counter()
    temporary = out.with_name(f"{out.name}.tmp")
    with contextlib.ExitStack() as stack:
        stack.callback(temporary.unlink, missing_ok=True)
        writer: pq.ParquetWriter | None = None
        for batch in _batches(rows):
            given = [rates[id] for id in batch.column("id").to_pylist()]
            kinds = [_kind(rate, above, below) for rate in given]
            found.update(kinds)
            histogram.update("null" if rate is None else f"{rate:g}" for rate in given)
            table = _with_rates(batch, given).filter(pa.array([kind == "kept" for kind in kinds]))
            if writer is None:
                writer = stack.enter_context(pq.ParquetWriter(temporary, table.schema, compression="zstd"))
            writer.write_table(table.cast(writer.schema))
        if writer is None:
            raise BadFile(f"{rows} holds no rows")
        writer.close()
        temporary.replace(out)
    names = ("kept", "too_hard", "too_easy", "unjudged")
    return {
        "rows": found.total(),
        **{name: found[name] for name in names},
        "pass_rates": dict(sorted(histogram.items())),
    }


def _kind(rate: float | None, above: float, below: float) -> str:
    if rate is None:
        return "unjudged"
    return "too_hard" if rate <= above else "too_easy" if rate >= below else "kept"


def _with_rates(batch: pa.Table, rates: Sequence[float | None]) -> pa.Table:
    """The rows with a column `pass_rate`, in place of an earlier one."""
    if "pass_rate" in batch.schema.names:
        batch = batch.drop_columns(["pass_rate"])
    return batch.append_column("pass_rate", pa.array(rates, pa.float64()))


def _batches(rows: Path) -> Iterator[pa.Table]:
    """The rows as tables of some rows each: memory stays flat in their number."""
    for file in files_of(rows):
        if file.suffix == ".parquet":
            for batch in pq.ParquetFile(file).iter_batches(batch_size=BATCH):
                yield pa.Table.from_batches([batch])
        else:
            yield pa.Table.from_pylist([raw for _, raw in read_raw(file)])


def seed_of(seed: int, id: str) -> int:
    """A seed of its own for each row, whatever the order they come in."""
    return int.from_bytes(blake2b(f"{seed} {id}".encode(), digest_size=6).digest())
