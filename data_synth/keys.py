"""The keys that chains are made of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Protocol

from data_synth.errors import SynthError


class KeyFormat(Protocol):
    """How keys look."""

    @property
    def name(self) -> str: ...

    def one(self, rng: Random) -> str:
        """A random key."""
        ...

    def occurrences(self, text: str, keys: Iterable[str]) -> Counter[str]:
        """How often these keys occur in a text, parts of longer strings counted in."""
        ...


@dataclass(frozen=True)
class HexKeys:
    """Groups of so many hexadecimal digits, joined by hyphens."""

    name: str
    groups: tuple[int, ...]
    upper: bool

    def one(self, rng: Random) -> str:
        """A random key."""
        digits = f"{rng.getrandbits(4 * sum(self.groups)):0{sum(self.groups)}x}"
        parts, start = [], 0
        for size in self.groups:
            parts.append(digits[start : start + size])
            start += size
        key = "-".join(parts)
        return key.upper() if self.upper else key

    def occurrences(self, text: str, keys: Iterable[str]) -> Counter[str]:
        """By one pass over the runs of digits, since there may be thousands of keys."""
        digits = "0-9A-F" if self.upper else "0-9a-f"
        length = sum(self.groups) + len(self.groups) - 1
        letters = digits if len(self.groups) == 1 else f"{digits}-"
        runs: list[str] = re.findall(f"[{letters}]{{{length},}}", text)
        return Counter(run[i : i + length] for run in runs for i in range(len(run) - length + 1))


@dataclass(frozen=True)
class WordKeys:
    """Made-up words of five letters, which a tiny vocabulary spells in few tokens."""

    name: str = "word"

    def one(self, rng: Random) -> str:
        """A random key."""
        return "".join(rng.choice("aeiou" if place % 2 else "bdfgklmnprstvz") for place in range(5))

    def occurrences(self, text: str, keys: Iterable[str]) -> Counter[str]:
        """Capitals do not hide a word."""
        lower = text.lower()
        return Counter({key: lower.count(key) for key in keys})


FORMATS: dict[str, KeyFormat] = {
    f.name: f
    for f in (
        HexKeys("hex8", (8,), True),
        HexKeys("hex32", (32,), True),
        HexKeys("uuid36", (8, 4, 4, 4, 12), False),
        WordKeys(),
    )
}
"""Key formats by name. hex8 is the one that LoongRL's released training files used: the shortest of the paper's, so
that links take about a quarter of the text at 64 chains of 4 links in 16K tokens, not two thirds."""


def key_format(name: str) -> KeyFormat:
    """A key format by name. Errors: SynthError."""
    try:
        return FORMATS[name]
    except KeyError:
        raise SynthError(f"unknown key format {name!r}; known: {', '.join(FORMATS)}") from None


def draw(form: KeyFormat, rng: Random, count: int) -> list[str]:
    """`count` different keys, in random order."""
    keys: dict[str, None] = {}
    while len(keys) < count:
        keys.setdefault(form.one(rng))
    return list(keys)


def stray(text: str, form: KeyFormat, expected: Counter[str]) -> bool:
    """Whether any key occurs in a text otherwise than so many times."""
    found = form.occurrences(text, expected)
    return any(found[key] != times for key, times in expected.items())
