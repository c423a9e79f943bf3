"""What tests of long-context rows share: building them, and reading them back from their text."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from data_synth.corpus import Document
from data_synth.facts import Relation
from data_synth.settings import Settings
from data_synth.shards import Report, make_plan, rows

LINK = re.compile(r' (\{"(?:[^"\\]|\\.)*": "(?:[^"\\]|\\.)*"\})\.')


def build(task: str = "keychain", tokens: int = 2048, n: int = 20, **options: Any) -> list[dict[str, Any]]:
    """Rows of all shards, without files."""
    return list(_built(task, tokens, n, tuple(sorted(options.items()))))


@lru_cache
def _built(task: Any, tokens: int, n: int, options: tuple[tuple[str, Any], ...]) -> list[dict[str, Any]]:
    plan = make_plan(Settings(task, tokens, n, **dict(options)))
    return [row for shard in range(plan.settings.shards) for row in rows(plan, shard, Report())]


def user(row: dict[str, Any]) -> str:
    return str(row["prompt"][-1]["content"])


def links(text: str) -> dict[str, str]:
    """Every link of a text, by its key."""
    pairs = [pair for found in LINK.finditer(text) for pair in json.loads(found[1]).items()]
    assert len({key for key, _ in pairs}) == len(pairs)
    return dict(pairs)


def walk(row: dict[str, Any]) -> list[str]:
    """What the lookups from the start key give, one after the other."""
    table, found = links(user(row)), [row["start_key"]]
    while found[-1] in table:
        found.append(table[found[-1]])
    return found


def without_links(text: str) -> str:
    return LINK.sub("", text)


ASK = re.compile(
    r"(?:What is the name of|What is shown on|(?:Who|What|Where|Which|Which \w+) (?:is|was|are)(?: the date of)?) (.+)\?"
)


def looked_up(question: str, documents: Sequence[Document], relations: Sequence[Relation]) -> tuple[str, list[str]]:
    """The naive way to an answer: unwrap the question from the outside, then find each sentence about its subject."""
    about: dict[str, str] = {}
    for document in documents:
        title, body = document.text.split("\n", 1)
        about[title] = f"{about.get(title, '')} {body}"
    phrases = [(r, re.compile(re.escape(r.phrase).replace(r"\{\}", "(.+)"))) for r in relations]
    asked = ASK.fullmatch(question)
    assert asked, question
    here, steps = asked[1], list[Relation]()
    while here not in about:
        relation, found = next((r, f) for r, form in phrases if (f := form.fullmatch(here)))
        steps.append(relation)
        here = found[1]
    visited = []
    for relation in reversed(steps):
        visited.append(here)
        subject = f"(?:{re.escape(here)}|He|She|It)"
        forms = [
            re.escape(p).replace(r"\{s\}", subject).replace(r"\{o\}", "((?:(?![.] ).)+?)") for p in relation.patterns
        ]
        hits = {hit for form in forms for hit in re.findall(f"(?:^|(?<=[.] )| ){form}(?= |$)", about[here])}
        assert len(hits) == 1, (relation.name, here, hits)
        here = hits.pop()
    return here, visited
