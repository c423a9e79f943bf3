"""Needles in a haystack: numbers filed under names, put between the sentences of unrelated documents.

The four tasks are RULER's (arXiv 2404.06654, section 3): one needle, several of which one is asked for, several
under one name, and several that are all asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from data_synth.corpus import Corpus
from data_synth.errors import SynthError
from data_synth.frames import question_frame
from data_synth.packing import Packed, Shelf, fixed_tokens, holding, pack
from data_synth.rows import Built
from data_synth.settings import Settings
from data_synth.tokens import Tokenizer

_FIRST = (
    *("amber", "brisk", "calm", "dusty", "eager", "faint", "gentle", "hollow", "icy", "jolly", "keen", "lofty"),
    *("mellow", "narrow", "olive", "plain", "quiet", "rapid", "sandy", "tidy", "upper", "vivid", "woven", "young"),
)
_SECOND = (
    *("anchor", "basket", "candle", "dagger", "easel", "feather", "goblet", "hammer", "inkpot", "jacket", "kettle"),
    *("ladder", "mirror", "needle", "orchard", "pillow", "quill", "ribbon", "saddle", "teapot", "umbrella", "violin"),
)
MOST = len(_FIRST) * len(_SECOND)
_LOW, _HIGH = 10**6, 10**7


class Needles:
    """Builds rows of the tasks `niah-single`, `niah-multikey`, `niah-multivalue` and `niah-multiquery`."""

    asks = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.kind = settings.task.removeprefix("niah-")
        self.count = 1 if self.kind == "single" else settings.needles
        if self.count > MOST:
            raise SynthError(f"--needles {self.count}: there are names for {MOST}")

    def check(self, tokenizer: Tokenizer, corpus: Corpus) -> None:
        """Refuse a target that the needles alone fill. Errors: SynthError."""
        frame = question_frame(self.settings.prompt_style, self._question([f"{_FIRST[0]}-{_SECOND[0]}"] * self.count))
        least = fixed_tokens(tokenizer, frame, [_needle(f"{_FIRST[0]}-{_SECOND[0]}", _LOW)] * self.count)
        if least >= self.settings.tokens:
            raise SynthError(
                f"{self.settings.tokens} tokens cannot hold {self.count} needles, which alone take about {least}; "
                "raise --tokens or lower --needles"
            )

    def build(self, shelf: Shelf, rng: Random, question: int) -> Built:
        """One row's parts; there is no question to take from the corpus. Raises Reject."""
        names = [f"{_FIRST[i % len(_FIRST)]}-{_SECOND[i // len(_FIRST)]}" for i in rng.sample(range(MOST), self.count)]
        if self.kind == "multivalue":
            names = names[:1] * self.count
        values = rng.sample(range(_LOW, _HIGH), self.count)
        asked = {"single": [0], "multikey": [0]}.get(self.kind, list(range(self.count)))
        text = self._question([names[i] for i in asked])
        frame = question_frame(self.settings.prompt_style, text)
        packed = pack(
            shelf,
            rng,
            self.settings.tokens,
            frame,
            [],
            [_needle(name, value) for name, value in zip(names, values, strict=True)],
            accept=lambda packed: _alone(packed, names, values, len(asked)),
        )
        if self.kind == "multivalue":
            asked.sort(key=lambda i: packed.inserted[i])
        answer = ", ".join(str(values[i]) for i in asked)
        return Built(frame, packed, text, answer, holding(packed, [packed.inserted[i] for i in asked]))

    def _question(self, names: Sequence[str]) -> str:
        if self.kind == "multivalue":
            return (
                f"Which numbers are filed under {names[0]}? Give all {len(names)} of them in the order in which they "
                "occur, with commas between."
            )
        if self.kind == "multiquery" and len(names) > 1:
            return (
                f"Which numbers are filed under {', '.join(names[:-1])} and {names[-1]}? Give them in this order, "
                "with commas between."
            )
        return f"Which number is filed under {names[0]}?"


def _needle(name: str, value: int) -> str:
    return f"The number filed under {name} is {value}."


def _alone(packed: Packed, names: Sequence[str], values: Sequence[int], asked: int) -> bool:
    """Whether every value stands in its needle only, and every name in needles and the question only."""
    named = {name: packed.user.count(name) for name in names}
    in_question = 1 if len(named) == 1 else asked
    return all(packed.user.count(str(value)) == 1 for value in values) and sum(named.values()) == (
        len(names) + in_question
    )
