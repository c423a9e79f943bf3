"""One synthetic row on the terminal: its chain, documents and answer made visible for a reader."""

from __future__ import annotations

import re

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from data_synth.check.parsed import Parsed, Passage
from data_synth.check.text import title_of

LINK, TRUE_LINK, GOLD, ANSWER, HEADER = "dim", "bold black on green", "on grey15", "bold black on yellow", "bold"


def shown(parsed: Parsed, full: bool = False) -> Group:
    """The row's facts, and its user turn: true links green, other links dim, gold documents shaded, answers yellow.

    Without `full`, documents that hold neither gold nor a link of the true chain are one line each.
    """
    return Group(_facts(parsed), Panel(_prompt(parsed, full), title="user turn"))


def _facts(parsed: Parsed) -> Table:
    row = parsed.row
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style=HEADER, no_wrap=True)
    table.add_column()
    facts = {
        "id": row.id,
        "task": row.task,
        "tokens": f"{row.n_tokens} of {row.target} ({row.tokenizer})",
        "question": row.question,
        "answer": " | ".join([row.answer, *row.aliases]),
        "chain": " → ".join(row.chain),
        "gold": ", ".join(f"{title_of(parsed.passages[i].text)} (passage {i + 1})" for i in parsed.gold),
        "distractors": ", ".join(f"{d.answer}{' *' if d.answerable else ''}" for d in row.distractors),
    }
    for name, value in facts.items():
        if value:
            table.add_row(name, Text(value))
    return table


def _prompt(parsed: Parsed, full: bool) -> Text:
    text = _marked(parsed)
    if full:
        return text
    parts, done = Text(), 0
    true = [link.start for link in parsed.links if link.key in parsed.row.chain]
    for number, passage in enumerate(parsed.passages):
        span = passage.span
        if number not in parsed.gold and not any(span.start <= place < span.end for place in true):
            parts.append_text(text[done : span.start])
            parts.append(_summary(passage), style=LINK)
            done = span.end
    parts.append_text(text[done:])
    return parts


def _summary(passage: Passage) -> str:
    links = f", {len(passage.places)} links" if passage.places else ""
    return f"[{title_of(passage.text)[:60]} … {len(passage.text)} characters{links}]"


def _marked(parsed: Parsed) -> Text:
    text = Text(parsed.text)
    for place in parsed.gold:
        text.stylize(GOLD, parsed.passages[place].span.start, parsed.passages[place].span.end)
    for link in parsed.links:
        text.stylize(TRUE_LINK if link.key in parsed.row.chain else LINK, link.start, link.end)
    for needle in parsed.needles:
        text.stylize(TRUE_LINK, needle.start, needle.end)
    if parsed.row.start_key:
        text.highlight_regex(re.escape(parsed.row.start_key), TRUE_LINK)
    for answer in (parsed.row.answer, *parsed.row.aliases):
        if answer.strip():
            text.highlight_regex(rf"(?i)(?<!\w){re.escape(answer)}(?!\w)", ANSWER)
    return text
