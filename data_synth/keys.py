"""The keys that chains are made of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from data_synth.errors import SynthError


@dataclass(frozen=True)
class KeyFormat:
    """How keys look: groups of so many hexadecimal digits, joined by hyphens."""

    name: str
    groups: tuple[int, ...]
    upper: bool

    def draw(self, rng: Random, count: int) -> list[str]:
        """`count` different keys, in random order."""
        keys: dict[str, None] = {}
        while len(keys) < count:
            keys.setdefault(self._one(rng))
        return list(keys)

    def _one(self, rng: Random) -> str:
        digits = f"{rng.getrandbits(4 * sum(self.groups)):0{sum(self.groups)}x}"
        parts, start = [], 0
        for size in self.groups:
            parts.append(digits[start : start + size])
            start += size
        key = "-".join(parts)
        return key.upper() if self.upper else key

    def occurrences(self, text: str) -> Counter[str]:
        """How often everything that looks like a key, also within longer runs of digits, occurs in a text."""
        digits = "0-9A-F" if self.upper else "0-9a-f"
        length = len(self._one(Random(0)))
        letters = digits if len(self.groups) == 1 else f"{digits}-"
        runs: list[str] = re.findall(f"[{letters}]{{{length},}}", text)
        return Counter(run[i : i + length] for run in runs for i in range(len(run) - length + 1))


FORMATS = {
    f.name: f
    for f in (
        KeyFormat("hex8", (8,), True),
        KeyFormat("hex32", (32,), True),
        KeyFormat("uuid36", (8, 4, 4, 4, 12), False),
    )
}
"""Key formats by name. hex8 is the one that LoongRL's released training files used: the shortest, so that
links take about a quarter of the text at 64 chains of 4 links in 16K tokens, not two thirds."""


def key_format(name: str) -> KeyFormat:
    """A key format by name. Errors: SynthError."""
    try:
        return FORMATS[name]
    except KeyError:
        raise SynthError(f"unknown key format {name!r}; known: {', '.join(FORMATS)}") from None


def stray(text: str, form: KeyFormat, expected: Iterable[str]) -> bool:
    """Whether any key occurs in a text otherwise than `expected` lists it (once for each occurrence)."""
    wanted = Counter(expected)
    found = form.occurrences(text)
    return any(found[key] != times for key, times in wanted.items())
