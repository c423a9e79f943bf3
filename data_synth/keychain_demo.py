"""The embedded long-context task: KeyChain rows of a few hundred tokens, and traces that solve them.

The rows are what the synthesizer makes of a terse `phantom` world: two chains of two links with word keys, behind
the right one a question that takes two passages. The demonstrator follows the chain, copies the question, and looks
up one fact after the other. Everything here is a pure function of its seed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, Literal, get_args

from data_synth.corpus import Corpus, Question
from data_synth.settings import Settings
from data_synth.shards import Report, make_plan, rows
from data_synth.sources.phantom import READER, RELATIONS, Phantom

Split = Literal["train", "validation", "test"]
MODEL = Path(__file__).with_name("keychain_model")
"""The tokenizer that counts the tokens of a row, made for these texts."""
MOST = 10_000
"""Problems that one call gives at most."""

_SHARD = 128
_STOP = re.compile(r"\.(?= |$)")
_LINK = re.compile(r' \{"[^}]*\}\.')
_RELATIONS = {relation.name: relation for relation in RELATIONS}


@dataclass(frozen=True)
class Named:
    """Phantom worlds of which only questions for a person, firm or town that has a document are asked.

    A name is of the train or the test split by itself, so no answer and no question is in both. Of the test split,
    validation asks one part and test another, told by hashes of question and answer.
    """

    phantom: Phantom
    part: Split

    name = Phantom.name
    licence = Phantom.licence
    attribution = Phantom.attribution
    capacity = None

    @property
    def fingerprint(self) -> str:
        """The worlds' and the part's."""
        return f"{self.phantom.fingerprint}/named/{self.part}"

    def corpus(self, shard: int, shards: int) -> Corpus:
        """The world of one shard."""
        world = self.phantom.corpus(shard, shards)
        titles = {document.text.partition("\n")[0] for document in world.documents}
        questions = [question for question in world.questions if question.answer in titles]
        own = [i for i, question in enumerate(questions) if self._asks(question)]
        return Corpus(world.documents, questions, own)

    def _asks(self, question: Question) -> bool:
        wanted = int(self.part == "test")
        return self.part == "train" or all(_half(text) == wanted for text in (question.text, question.answer))


def _half(text: str) -> int:
    return blake2b(text.encode(), digest_size=1).digest()[0] % 2


def keychain_rows(split: Split, n: int, seed: int, tokenizer: str = str(MODEL)) -> Iterator[dict[str, Any]]:
    """`n` rows as `lengthwise synth keychain` writes them, of 336 tokens by `tokenizer`."""
    if split not in get_args(Split):
        raise ValueError(f"split must be one of {', '.join(get_args(Split))}, not {split!r}")
    if not 0 <= n <= MOST:
        raise ValueError(f"n must lie in [0, {MOST}], not {n}")
    settings = Settings(
        task="keychain",
        tokens=336,
        n=MOST,
        seed=seed,
        source="phantom-terse",
        tokenizer=tokenizer,
        split="train" if split == "train" else "test",
        prompt_style="paper",
        chains=2,
        hops=2,
        key="word",
        question_hops=(2,),
        shard_rows=_SHARD,
    )
    plan = make_plan(settings)
    assert isinstance(plan.source, Phantom)
    source = Named(replace(plan.source, size=1200, questions=2400), split)
    config = settings.hashed(source.fingerprint, plan.tokenizer.fingerprint)
    plan = replace(plan, source=source, config=config)
    shards = (rows(plan, shard, Report()) for shard in range(settings.shards))
    return islice((row for shard in shards for row in shard), n)


def problems(split: Split = "train", n: int = 1024, seed: int = 0) -> list[dict[str, Any]]:
    """`n` rows of one split, with `difficulty`: the kind of fact that is asked for. Splits share no answer."""
    return [{**row, "difficulty": facts(row)[-1][0]} for row in keychain_rows(split, n, seed)]


def facts(row: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The facts by which a row's question is answered, in order: what is looked up, of whom, and what is found."""
    user = row["prompt"][-1]["content"]
    told = [
        (fact.relation, fact.subject, fact.object)
        for place in row["gold_docs"]
        for fact in READER.read(_LINK.sub("", user[place["char_start"] : place["char_end"]]), 0)
    ]
    for first in told:
        for second in told:
            if first[2] == second[1] and second[2] == row["answer"]:
                phrase = _phrase(second[0], _phrase(first[0], first[1]))
                if _RELATIONS[second[0]].ask.format(phrase) == row["question"]:
                    return [first, second]
    raise ValueError(f"row {row['id']}: its documents do not answer {row['question']!r}")


def _phrase(relation: str, subject: str) -> str:
    return _RELATIONS[relation].phrase.format(subject)


def solve(row: dict[str, Any]) -> str:
    """The trace of a demonstrator: `<think>`, the links, two passages as far as they matter, `</think>`, the answer.

    All but the answer is quoted as the prompt has it, so that what is to be learned, once a model can copy, is where to
    go on and when to stop.
    """
    keys = row["chain"]
    links = [f'{{"{key}": "{value}"}}.' for key, value in zip(keys, [*keys[1:], row["question"]], strict=True)]
    quoted = [_until(row, fact) for fact in facts(row)]
    chained = " ".join([f"starts at {keys[0]}.", *links])
    return "\n".join(["<think>", chained, *quoted, "</think>", f"\\boxed{{{row['answer']}}}"])


def hurry(row: dict[str, Any]) -> str:
    """The trace of a demonstrator who stops at the first title, and answers by its passage: mostly wrong."""
    lines = solve(row).split("\n")
    return "\n".join([*lines[:3], "</think>", f"\\boxed{{{facts(row)[0][2]}}}"])


def _until(row: dict[str, Any], fact: tuple[str, str, str]) -> str:
    """A gold document from its title to the sentence that states a fact."""
    user: str = row["prompt"][-1]["content"]
    for place in row["gold_docs"]:
        text = user[place["char_start"] : place["char_end"]]
        for end in _STOP.finditer(text):
            read = READER.read(_LINK.sub("", text[: end.end()]), 0)
            if any((found.relation, found.subject, found.object) == fact for found in read):
                return text[: end.end()]
    raise ValueError(f"row {row['id']}: no document states {fact}")


def excerpt(row: dict[str, Any]) -> list[dict[str, str]]:
    """The prompt of an easier task with the same trace: only the passages that matter, and where the chain starts."""
    user = row["prompt"][-1]["content"]
    own = [user.index(f'{{"{key}"') for key in row["chain"]]
    gold = {place["char_start"] for place in row["gold_docs"]}
    kept = [
        user[d["char_start"] : d["char_end"]]
        for d in row["documents"]
        if d["char_start"] in gold or any(d["char_start"] <= place < d["char_end"] for place in own)
    ]
    return [{"role": "user", "content": "\n\n".join([*kept, f"starts at {row['start_key']}."])}]
