"""A plain maker of long-context rows, so that the checker is tested without what builds them for real."""

from __future__ import annotations

import hashlib
import json
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tokenizers import Tokenizer, models, pre_tokenizers

Raw = dict[str, Any]

SYLLABLES = ("ba", "do", "ke", "li", "mu", "na", "po", "ri", "su", "te", "vo", "za")
TRADES = ("bakery", "foundry", "library", "shipyard", "theatre", "vineyard")
OPENING = "Please read the following text.\n\n"
SYSTEM = "Think inside <think> and give the final answer in a box."


@dataclass
class PlannedLink:
    """A link, the document it goes into, and after how many of its characters."""

    key: str
    value: str
    document: int
    place: int
    chain: int
    hop: int
    text: str | None = None
    """What stands there in place of the right JSON."""


@dataclass
class Plan:
    """A row before it is written out; tests spoil it here, so that nothing else is wrong."""

    seed: int
    documents: list[str]
    gold: list[int]
    questions: list[tuple[str, str, bool]]
    """Question, answer, answerable; the first is the true one."""
    links: list[PlannedLink]
    chain: list[str]
    start: str
    closing: str
    task: str = "keychain"
    split: str = "train"


def word(lot: random.Random) -> str:
    return "".join(lot.choice(SYLLABLES) for _ in range(4)).capitalize()


def plan(
    seed: int, chains: int = 6, hops: int = 4, answerable: int = 3, filler: int = 3, task: str = "keychain"
) -> Plan:
    """Two documents for the true question and for each answerable distractor, filler, links at sentence ends."""
    lot = random.Random(f"plan {seed}")
    questions: list[tuple[str, str, bool]] = []
    marked: list[tuple[str, bool]] = []
    names = {word(lot) for _ in range(6 * (chains + filler))}
    name = iter(sorted(names, key=lambda n: lot.random()))
    for number in range(chains):
        person, town, answer, trade = next(name), next(name), next(name), lot.choice(TRADES)
        questions.append(
            (f'In which region is the town where {person} opened the "{trade}"?', answer, number <= answerable)
        )
        if number <= answerable:
            marked.append(
                (f"{person}\n{person} opened a {trade} in {town}. It cost 3.5 pounds. Nobody knew why.\n", number == 0)
            )
            marked.append(
                (
                    f"{town}\n{town} is a town. It lies in the region of {answer}. The winters are long there.\n",
                    number == 0,
                )
            )
    for _ in range(filler):
        other = next(name)
        marked.append(
            (
                f"{other}\n{other} is a river. Fish live in it! Who would not like that?\nIt is {lot.randrange(90)} miles long.",
                False,
            )
        )
    lot.shuffle(marked)
    documents = [text.rstrip("\n") for text, _ in marked]
    gold = [place for place, (_, true) in enumerate(marked) if true]
    if task == "multihop":
        closing = f"Answer this question: {questions[0][0]}"
        return Plan(seed, documents, gold, questions[:1], [], [], "", closing, task)
    keys = [[f"{lot.getrandbits(32):08x}" for _ in range(hops)] for _ in range(chains)]
    order = lot.sample(range(chains), chains)
    spots = [(d, p) for d, text in enumerate(documents) for p in sentence_ends(text)]
    pairs = [
        (keys[chain][hop], keys[chain][hop + 1] if hop + 1 < hops else questions[number][0], chain, hop)
        for number, chain in enumerate(order)
        for hop in range(hops)
    ]
    links = [
        PlannedLink(k, v, *spot, c, h) for (k, v, c, h), spot in zip(pairs, lot.sample(spots, len(pairs)), strict=True)
    ]
    true = keys[order[0]]
    closing = f"One question is right. Follow the keys from {true[0]}, find it first, then answer it."
    return Plan(seed, documents, gold, questions, links, true, true[0], closing)


def sentence_ends(text: str) -> list[int]:
    return [m.start() for m in re.finditer(r"(?<=[.?!])(?= [A-Z])|$|(?=\n)", text)]


def render(given: Plan, tokenizer: str, target: int | None = None, **columns: Any) -> Raw:
    """The row of a plan; the target is its own length unless told. `columns` replace whole columns."""
    content, documents, links = OPENING, [], []
    for number, text in enumerate(given.documents):
        content += f"Passage {number + 1}:\n"
        start, done = len(content), 0
        for link in sorted((k for k in given.links if k.document == number), key=lambda k: k.place):
            content += text[done : link.place] + " "
            links.append({"char_offset": len(content), "chain": link.chain, "hop": link.hop})
            content += (link.text or json.dumps({link.key: link.value}, ensure_ascii=False)) + "."
            done = link.place
        content += text[done:]
        documents.append(
            {
                "doc_id": f"doc-{given.seed}-{number}",
                "char_start": start,
                "char_end": len(content),
                "digest": digest(text),
            }
        )
        content += "\n\n"
    content += given.closing
    prompt = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": content}]
    tokens = len(Tokenizer.from_file(tokenizer).encode("\n".join(m["content"] for m in prompt)).ids)
    question, answer, _ = given.questions[0]
    row = {
        "id": hashlib.sha256(content.encode()).hexdigest()[:16],
        "task": given.task,
        "prompt": prompt,
        "answer": answer,
        "aliases": [],
        "question": question,
        "start_key": given.start or None,
        "chain": given.chain,
        "distractors": [{"question": q, "answer": a, "answerable": can} for q, a, can in given.questions[1:]],
        "documents": documents,
        "gold_docs": [{k: documents[g][k] for k in ("doc_id", "char_start", "char_end")} for g in given.gold],
        "links": links,
        "n_tokens": tokens,
        "target": target or tokens,
        "tokenizer": tokenizer,
        "reward_model": {"style": "rule", "ground_truth": answer},
        "extra_info": {"index": given.seed, "split": given.split},
    }
    return {**row, **columns}


def needle_row(seed: int, tokenizer: str, task: str, needles: list[str], closing: str, answer: str) -> Raw:
    """A row whose first documents each hold a needle or an assignment after their first sentence."""
    made = plan(seed, task="multihop")
    made.task, made.closing, made.gold = task, closing, []
    made.questions = [(closing, answer, True)]
    for number, needle in enumerate(needles):
        text = made.documents[number]
        place = text.index(". ") + 1
        made.documents[number] = f"{text[:place]} {needle}{text[place:]}"
    return render(made, tokenizer)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_tokenizer(folder: Path) -> str:
    """A tokenizer for which every word and every run of punctuation is one token."""
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    return str(folder / "tokenizer.json")


def write_parquet(path: Path, rows: list[Raw]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path
