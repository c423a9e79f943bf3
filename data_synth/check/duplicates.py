"""Rows that are there twice, and rows that share what they should not with another split or an evaluation."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from data_synth.check.chains import Fault
from data_synth.check.fairness import SetResult
from data_synth.check.parsed import QUESTIONS, Parsed, parse
from data_synth.check.rows import BadFile, read_raw, read_rows
from data_synth.check.text import normalised

Hashes = NDArray[np.uint64]

HASHES, BANDS = 64, 16
"""MinHash signature and its bands: pairs of similarity 0.9 meet in some band in all but 1e-7 of the cases."""
SIMILAR = 0.9
"""Jaccard similarity of what two rows ask and need from which they count as near-duplicates."""
NEAR_SHARE = 0.01
"""Near-duplicates a set may have, as a share of its rows."""
GRAM = 13
"""Words in a row that two texts do not share by accident (Brown et al., 2020, appendix C)."""
_BASE = np.uint64(0x9E3779B97F4A7C15)
_WORDS = re.compile(r"\w+")


class Duplicates:
    """Exact duplicates by question, answer and gold documents; near ones by MinHash (Broder, 1997) over the same."""

    def __init__(self) -> None:
        self.rows = 0
        self.seen: dict[bytes, int] = {}
        self.ids: dict[str, int] = {}
        self.numbers: list[int] = []
        self.shingles: list[Hashes] = []
        """Of each of the rows `numbers`: hashes of its gold documents and of its question's pairs of words."""
        self.signatures: list[NDArray[np.uint32]] = []
        lot = np.random.default_rng(0)
        self.factors = lot.integers(0, 2**64, HASHES, dtype=np.uint64) | np.uint64(1)
        self.terms = lot.integers(0, 2**64, HASHES, dtype=np.uint64)

    def add(self, number: int, parsed: Parsed) -> Iterator[Fault]:
        """What makes this row a copy of an earlier one."""
        row = parsed.row
        self.rows += 1
        gold = sorted(parsed.passages[place].digest for place in parsed.gold)
        question = normalised(row.question)
        asked = "\n".join([row.task, question, normalised(row.answer), *gold])
        earlier = self.seen.setdefault(_digest(asked), number)
        if earlier != number:
            yield Fault("duplicate", f"row {earlier} has the same question, answer and gold documents")
        same_id = self.ids.setdefault(row.id, number)
        if same_id != number:
            yield Fault("duplicate", f"row {same_id} has the same id")
        if row.task in QUESTIONS and earlier == number:
            self.remember(number, {*gold, *(f"{a} {b}" for a, b in pairwise(question.split()))})

    def remember(self, number: int, shingles: set[str]) -> None:
        """Keep a row's signature, to be compared with the others in the end."""
        if not shingles:
            return
        hashes = np.array([int.from_bytes(_digest(shingle)) for shingle in shingles], np.uint64)
        self.numbers.append(number)
        self.shingles.append(hashes)
        mixed = (hashes[:, None] * self.factors + self.terms) >> np.uint64(32)
        self.signatures.append(mixed.min(axis=0).astype(np.uint32))

    def near(self) -> list[tuple[int, int]]:
        """Pairs of rows that are nearly alike."""
        candidates: set[tuple[int, int]] = set()
        bands = np.array(self.signatures, np.uint32).reshape(-1, BANDS, HASHES // BANDS)
        for band in range(BANDS):
            together = defaultdict(list)
            for place, part in enumerate(bands[:, band]):
                together[part.tobytes()].append(place)
            for places in together.values():
                candidates.update(combinations(places, 2))
        pairs = [(a, b) for a, b in candidates if _jaccard(self.shingles[a], self.shingles[b]) >= SIMILAR]
        return sorted((self.numbers[a], self.numbers[b]) for a, b in pairs)

    def result(self) -> SetResult:
        pairs = self.near()
        rows = len({b for _, b in pairs})
        detail = f"{rows} of {self.rows} rows are nearly like an earlier one"
        if pairs:
            detail += f", first {pairs[0][1]} like {pairs[0][0]}"
        numbers = {"rows": rows, "share": rows / max(1, self.rows), "first": pairs[:10]}
        return SetResult("near-duplicates", rows <= NEAR_SHARE * self.rows, detail, numbers)


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _jaccard(a: Hashes, b: Hashes) -> float:
    shared = np.intersect1d(a, b, assume_unique=True).size
    return shared / (a.size + b.size - shared)


class Contamination:
    """Gold documents shared between splits, or with a test set; 13 words in a row shared with an evaluation."""

    def __init__(self, tests: Iterable[Path] = (), evaluations: Iterable[Path] = ()) -> None:
        self.gold: dict[str, tuple[str, str]] = {}
        for path in tests:
            for number, row in enumerate(read_rows(path)):
                for digest in _gold_digests(parse(row)):
                    self.gold.setdefault(digest, (str(path), f"row {number}"))
        self.grams = np.unique(
            np.concatenate([np.zeros(0, np.uint64), *(grams(text) for path in evaluations for text in texts_of(path))])
        )

    def add(self, number: int, parsed: Parsed) -> Iterator[Fault]:
        """What this row shares with a test set, an evaluation, or an earlier row of another split."""
        row = parsed.row
        if row.task in QUESTIONS:
            for digest in _gold_digests(parsed):
                split, where = self.gold.setdefault(digest, (row.split, f"row {number}"))
                if split != row.split:
                    yield Fault("contamination", f"a gold document is also that of {where} in {split}")
                    break
        if self.grams.size:
            asked = " ".join([row.question, *(parsed.passages[place].text for place in parsed.gold)])
            shared = np.isin(grams(asked), self.grams)
            if shared.any():
                words = _WORDS.findall(asked.lower())
                first = int(shared.argmax())
                said = " ".join(words[first : first + GRAM])
                yield Fault("contamination", f"{GRAM} words in a row are in an evaluation: {said!r}")


def _gold_digests(parsed: Parsed) -> list[str]:
    return [parsed.passages[place].digest for place in parsed.gold] if parsed.row.task in QUESTIONS else []


def grams(text: str) -> Hashes:
    """A hash for every `GRAM` words in a row, lower-cased and without punctuation."""
    words = np.array([crc32(word.encode()) for word in _WORDS.findall(text.lower())], np.uint64)
    if words.size < GRAM:
        return np.zeros(0, np.uint64)
    mixed = np.zeros(words.size - GRAM + 1, np.uint64)
    for place in range(GRAM):
        mixed = mixed * _BASE + words[place : place + mixed.size]
    return mixed


def texts_of(path: Path) -> Iterator[str]:
    """Every text in a .parquet, .jsonl or .json file, or a whole .txt file. Errors: BadFile."""
    if path.suffix in (".txt", ".json"):
        try:
            text = path.read_text(encoding="utf-8")
            yield from _strings(text if path.suffix == ".txt" else json.loads(text))
        except (OSError, ValueError) as error:
            raise BadFile(f"cannot read {path}: {error}") from error
        return
    for _, raw in read_raw(path):
        yield from _strings(raw)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, Sequence):
        for part in value:
            yield from _strings(part)
