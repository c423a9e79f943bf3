"""Plain questions over long context: KeyChain without its chains, as LoongRL mixes them in."""

from __future__ import annotations

from random import Random

from data_synth.corpus import Corpus, told
from data_synth.errors import SynthError
from data_synth.frames import question_frame
from data_synth.packing import Reject, Shelf, pack
from data_synth.rows import Built
from data_synth.settings import Settings
from data_synth.tokens import Tokenizer


class MultiHop:
    """Builds rows of the task `multihop`."""

    asks = True

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def check(self, tokenizer: Tokenizer, corpus: Corpus) -> None:
        """Refuse a source that asks nothing. Errors: SynthError."""
        if not corpus.questions:
            raise SynthError("the source has no questions of this split and of these hops")

    def build(self, shelf: Shelf, rng: Random, question: int) -> Built:
        """One row's parts. Raises Reject."""
        asked = shelf.corpus.questions[question]
        if told(asked):
            raise Reject("the answer stands in the question")
        frame = question_frame(self.settings.prompt_style, asked.text)
        packed = pack(shelf, rng, self.settings.tokens, frame, list(dict.fromkeys(asked.gold)))
        return Built(frame, packed, asked.text, asked.answer, asked.gold, asked.aliases)
