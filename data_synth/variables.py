"""Variable tracking: which variables have a value that was handed on from one to the next.

The task is RULER's (arXiv 2404.06654, section 3): chains of assignments, spread over the text in their order.
"""

from __future__ import annotations

from itertools import pairwise
from random import Random
from string import ascii_uppercase

from data_synth.corpus import Corpus
from data_synth.errors import SynthError
from data_synth.frames import question_frame
from data_synth.packing import Packed, Shelf, fixed_tokens, holding, pack
from data_synth.rows import Built
from data_synth.settings import Settings
from data_synth.tokens import Tokenizer

_LETTERS = 5
_LOW, _HIGH = 10**4, 10**5


class VariableTracking:
    """Builds rows of the task `variable-tracking`: chains of one number and `hops` copies of it."""

    asks = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.chains, self.length = settings.all_chains, settings.hops + 1

    def check(self, tokenizer: Tokenizer, corpus: Corpus) -> None:
        """Refuse a target that the assignments alone fill. Errors: SynthError."""
        frame = question_frame(self.settings.prompt_style, _question(_LOW))
        least = fixed_tokens(tokenizer, frame, [_copied("ABCDE", "FGHIJ")] * (self.chains * self.length))
        if least >= self.settings.tokens:
            raise SynthError(
                f"{self.settings.tokens} tokens cannot hold {self.chains} chains of {self.length} variables, which "
                f"alone take about {least}; raise --tokens or lower --chains or --hops"
            )

    def build(self, shelf: Shelf, rng: Random, question: int) -> Built:
        """One row's parts; there is no question to take from the corpus. Raises Reject."""
        names = _names(rng, self.chains * self.length)
        values = rng.sample(range(_LOW, _HIGH), self.chains)
        chains = [names[i : i + self.length] for i in range(0, len(names), self.length)]
        sentences = [
            [_set(chain[0], value), *(_copied(new, old) for old, new in pairwise(chain))]
            for chain, value in zip(chains, values, strict=True)
        ]
        turns = [chain for chain in range(self.chains) for _ in range(self.length)]
        rng.shuffle(turns)
        waiting = [iter(chain) for chain in sentences]
        inserts = [next(waiting[chain]) for chain in turns]
        text = _question(values[0])
        frame = question_frame(self.settings.prompt_style, text)
        packed = pack(
            shelf,
            rng,
            self.settings.tokens,
            frame,
            [],
            inserts,
            ordered=True,
            accept=lambda packed: _alone(packed, chains, values),
        )
        gold = holding(packed, [at for at, chain in zip(packed.inserted, turns, strict=True) if chain == 0])
        return Built(frame, packed, text, ", ".join(chains[0]), gold, chain=chains[0])


def _question(value: int) -> str:
    return (
        f"Which variables have the value {value}? Give all of them in the order in which they are set, with commas "
        "between."
    )


def _names(rng: Random, count: int) -> list[str]:
    names: dict[str, None] = {}
    while len(names) < count:
        names.setdefault("".join(rng.choices(ascii_uppercase, k=_LETTERS)))
    return list(names)


def _set(name: str, value: int) -> str:
    return f"Variable {name} is set to {value}."


def _copied(name: str, other: str) -> str:
    return f"Variable {name} is set to the value of {other}."


def _alone(packed: Packed, chains: list[list[str]], values: list[int]) -> bool:
    """Whether names and values stand in their assignments only, and the asked value in the question too."""
    count = packed.user.count
    return all(count(name) == 1 + (name != chain[-1]) for chain in chains for name in chain) and all(
        count(str(value)) == 1 + (value == values[0]) for value in values
    )
