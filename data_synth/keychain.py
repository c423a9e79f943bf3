"""KeyChain: a question that must be found before it can be answered (LoongRL, arXiv 2510.19363, section 3).

Chains of links run through the documents. Each link leads from a key to the next key, the last one of a chain
to a question. The prompt names the first key of one chain; the questions of all others are distractors, some
of which the documents answer just as well, so that no question can be told to be the right one by what
the documents are about.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from random import Random
from typing import Any

from data_synth.corpus import Corpus, Question, told
from data_synth.errors import SynthError
from data_synth.frames import keychain_frame
from data_synth.keys import KeyFormat, draw, key_format, stray
from data_synth.packing import Frame, Packed, Reject, Shelf, fixed_tokens, frame_tokens, pack
from data_synth.rows import Built
from data_synth.settings import Settings
from data_synth.text import normalised
from data_synth.tokens import Tokenizer

ANSWERABLE = 7
"""Answerable distractors of a row, where there are as many chains and the target has room for them."""

_RUNS = re.compile(r"[0-9]{1,3}|[^0-9]+")
_RESERVE = 12
"""One token in so many, and room for a document at least, is kept for filling when distractors get theirs."""


@dataclass(frozen=True)
class Chains:
    """All chains of a prompt. `keys[c]` are a chain's keys in the order of lookup, `ends[c]` its question."""

    keys: Sequence[Sequence[str]]
    ends: Sequence[str]
    true: int

    @property
    def start(self) -> str:
        """The key that the prompt names."""
        return self.keys[self.true][0]

    def links(self) -> list[dict[str, str]]:
        """Every link, chain by chain and hop by hop."""
        return [
            {key: value}
            for keys, end in zip(self.keys, self.ends, strict=True)
            for key, value in zip(keys, [*keys[1:], end], strict=True)
        ]


class KeyChain:
    """Builds rows of the task `keychain`."""

    asks = True

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.chains, self.hops = settings.all_chains, settings.hops
        self.wanted = min(ANSWERABLE, self.chains - 1) if settings.answerable is None else settings.answerable
        self.form: KeyFormat = key_format(settings.key)

    def check(self, tokenizer: Tokenizer, corpus: Corpus) -> None:
        """Refuse settings by which no row could be built. Errors: SynthError."""
        if len(corpus.questions) < self.chains:
            raise SynthError(
                f"the source has {len(corpus.questions)} questions for {self.chains} chains, each of which ends in "
                "one of its own; lower --chains or give more questions"
            )
        rng = Random(0)
        picked = rng.sample(range(len(corpus.questions)), self.chains)
        chains = self._chains(rng, [corpus.questions[i].text for i in picked])
        least = fixed_tokens(tokenizer, self._frame(chains.start), _texts(chains))
        if least >= self.settings.tokens:
            raise SynthError(
                f"{self.settings.tokens} tokens cannot hold {self.chains} chains of {self.hops} links, which alone "
                f"take about {least}; raise --tokens or lower --chains or --hops"
            )

    def build(self, shelf: Shelf, rng: Random, question: int) -> Built:
        """One row's parts. Raises Reject."""
        corpus = shelf.corpus
        asked = corpus.questions[question]
        if told(asked):
            raise Reject("the answer stands in the question")
        others = self._distractors(corpus, rng, asked)
        order = [asked, *others]
        rng.shuffle(order)
        chains = self._chains(rng, [q.text for q in order], order.index(asked))
        frame, texts = self._frame(chains.start), _texts(chains)
        fixed = frame_tokens(shelf.tokenizer, frame) + _link_tokens(shelf, chains)
        core, answerable = self._core(shelf, asked, others, self.settings.tokens - fixed)
        packed = pack(
            shelf,
            rng,
            self.settings.tokens,
            frame,
            core,
            texts,
            excluded=[g for q in others for g in q.gold],
            accept=lambda packed: _sound(packed, chains, asked.text, self.form),
            fixed=fixed,
        )
        return Built(
            frame,
            packed,
            asked.text,
            asked.answer,
            asked.gold,
            asked.aliases,
            chains.start,
            chains.keys[chains.true],
            [_described(q, q in answerable) for q in order if q is not asked],
            [
                {"char_offset": offset, "chain": i // self.hops, "hop": i % self.hops}
                for i, offset in enumerate(packed.inserted)
            ],
        )

    def _chains(self, rng: Random, ends: Sequence[str], true: int = 0) -> Chains:
        keys = draw(self.form, rng, len(ends) * self.hops)
        return Chains([keys[i : i + self.hops] for i in range(0, len(keys), self.hops)], ends, true)

    def _frame(self, start: str) -> Frame:
        return keychain_frame(self.settings.prompt_style, start)

    def _distractors(self, corpus: Corpus, rng: Random, asked: Question) -> list[Question]:
        """Questions of other texts, of other documents, and with answers that a reward tells from the true one.

        First come as many as may be made answerable that take as many documents as the true one: whoever
        guesses by how much of a question the documents cover must not see a difference.
        """
        total = len(corpus.questions)
        seen = {normalised(asked.text)}
        like: list[Question] = []
        unlike: list[Question] = []
        for i in rng.sample(range(total), min(total, 4 * self.chains + 100)):
            if len(like) + len(unlike) >= self.chains - 1 and len(like) >= self.wanted:
                break
            other, text = corpus.questions[i], normalised(corpus.questions[i].text)
            if text not in seen and set(other.gold) != set(asked.gold) and not _alike(other, asked):
                seen.add(text)
                (like if len(other.gold) == len(asked.gold) else unlike).append(other)
        chosen = [*like, *unlike][: self.chains - 1]
        if len(chosen) < self.chains - 1:
            raise Reject("too few distractors with other answers")
        return chosen

    def _core(
        self, shelf: Shelf, asked: Question, others: Sequence[Question], room: int
    ) -> tuple[list[int], list[Question]]:
        """The documents that must be in the prompt, and the distractors that they answer."""
        core = dict.fromkeys(asked.gold)
        lengths = [shelf.tokens(index) for index in core]
        room -= sum(lengths) + max(self.settings.tokens // _RESERVE, *lengths)
        chosen, answerable = 0, _answered(others, core)
        for other in others:
            if chosen == self.wanted:
                break
            wider = core | dict.fromkeys(other.gold)
            needed = sum(shelf.tokens(index) for index in wider if index not in core)
            if needed > room:
                break
            found = _answered(others, wider)
            if not any(_alike(a, b) for a, b in combinations(found, 2)):
                room -= needed
                core, answerable = wider, found
                chosen += 1
        if self.settings.answerable is not None and chosen < self.wanted:
            raise Reject("the documents of its answerable distractors do not fit")
        if any(_alike(a, b) for a, b in combinations(answerable, 2)):
            raise Reject("two of its distractors have the same documents and one answer")
        return list(core), answerable


def _answered(questions: Sequence[Question], documents: Mapping[int, None]) -> list[Question]:
    """The questions that these documents answer, whether put there for them or for others."""
    return [question for question in questions if all(g in documents for g in question.gold)]


def _alike(one: Question, other: Question) -> bool:
    """Whether an answer to one might pass for an answer to the other."""
    return any(
        a in b or b in a
        for a in map(normalised, (one.answer, *one.aliases))
        for b in map(normalised, (other.answer, *other.aliases))
    )


def _described(question: Question, answerable: bool) -> dict[str, Any]:
    return {"question": question.text, "answer": question.answer, "answerable": answerable}


def _texts(chains: Chains) -> list[str]:
    return [f"{json.dumps(link, ensure_ascii=False)}." for link in chains.links()]


def _link_tokens(shelf: Shelf, chains: Chains) -> int:
    """About how many tokens all links take, by their parts, each of which is counted once for all samples.

    Exact where a vocabulary cuts texts between letters, marks and up to three digits, as those of GPT do.
    """
    keys = [[sum(map(shelf.said, _RUNS.findall(key))) for key in chain] for chain in chains.keys]
    twice = sum(sum(chain) + sum(chain[1:]) for chain in keys)
    ends = [shelf.said(f" {json.dumps(end, ensure_ascii=False)}}}.") for end in chains.ends]
    links = sum(map(len, chains.keys))
    marks = links * shelf.said(' {"') + links * shelf.said('":')
    values = (links - len(ends)) * (shelf.said(' "') + shelf.said('"}.'))
    return twice + marks + values + sum(ends)


def _sound(packed: Packed, chains: Chains, question: str, form: KeyFormat) -> bool:
    """Whether every link reads back as it was meant, and no key and not the question stands anywhere else."""
    decode = json.JSONDecoder().raw_decode
    links = chains.links()
    read = [decode(packed.user, offset)[0] for offset in packed.inserted]
    times = Counter(key for keys in chains.keys for key in (*keys, *keys[1:]))
    times[chains.start] += 1
    return read == links and packed.user.count(question) <= 1 and not stray(packed.user, form, times)
