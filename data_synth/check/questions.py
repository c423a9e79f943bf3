"""The questions of a row: all different, the true one said once, and its answer nowhere it should not be."""

from __future__ import annotations

from collections.abc import Iterator

from data_synth.check.chains import Fault
from data_synth.check.needles import parts_of
from data_synth.check.parsed import LINKED, QUESTIONS, Parsed
from data_synth.check.text import contains_words, normalised, title_of

SHORTEST = 3
"""Characters that a normalised answer has at least: fewer are inside too many words."""


def question_faults(parsed: Parsed, strict_leak: bool = False) -> Iterator[Fault]:
    """Distractors, copies of the question, leaks.

    `strict_leak`: the answer, or a second evidence, outside the gold documents is one.
    """
    if parsed.row.task in QUESTIONS:
        yield from _distractors(parsed)
        yield from _copies(parsed)
    yield from _leaks(parsed)
    if strict_leak and parsed.row.task in QUESTIONS:
        yield from _strict(parsed)


def _distractors(parsed: Parsed) -> Iterator[Fault]:
    row = parsed.row
    questions = [normalised(row.question), *(normalised(d.question) for d in row.distractors)]
    if len(set(questions)) != len(questions):
        twice = next(q for i, q in enumerate(questions) if q in questions[:i])
        yield Fault("distractors", f"two questions are alike: {twice!r}")
    answers = [normalised(row.answer), *(normalised(d.answer) for d in row.distractors if d.answerable)]
    if len(set(answers)) != len(answers):
        twice = next(a for i, a in enumerate(answers) if a in answers[:i])
        yield Fault("distractor-answers", f"two answerable questions have the answer {twice!r}")


def _copies(parsed: Parsed) -> Iterator[Fault]:
    """The true question stands once: as the value of a link, or in the closing paragraph."""
    row = parsed.row
    question = normalised(row.question)
    others = [content for _, content in row.messages if content is not row.user]
    texts = [*parsed.words, *map(normalised, (*others, parsed.head, parsed.foot, *(k.value for k in parsed.links)))]
    said = sum(f" {text} ".count(f" {question} ") for text in texts)
    if said != 1:
        yield Fault("question-once", f"the question stands in the prompt {said} times")
    if row.task != LINKED and row.question not in parsed.foot:
        yield Fault("question-once", "the closing paragraph does not ask the question")


def _leaks(parsed: Parsed) -> Iterator[Fault]:
    row = parsed.row
    linked = row.task in QUESTIONS
    golds = [row.answer, *row.aliases] if linked else parts_of(row.answer)
    if linked and len(normalised(row.answer)) < SHORTEST:
        yield Fault("short-answer", f"the answer {row.answer!r} has fewer than {SHORTEST} characters that count")
    others = [content for _, content in row.messages if content is not row.user]
    places = {"question": row.question, "opening": "\n".join([*others, parsed.head]), "closing paragraph": parsed.foot}
    for name, text in places.items():
        words = normalised(text)
        for gold in golds:
            found = normalised(gold)
            if len(found) >= SHORTEST and contains_words(words, found):
                yield Fault("leak", f"the answer {gold!r} stands in the {name}")
                return


def _strict(parsed: Parsed) -> Iterator[Fault]:
    names = [document.doc_id for document in parsed.row.documents]
    for place in answer_places(parsed)[1][:1]:
        yield Fault("strict-leak", f"the answer stands in document {names[place]}, which is not gold")
    for gold, other in second_evidence(parsed)[:1]:
        yield Fault("second-evidence", f"document {names[other]} may stand in for the gold one {names[gold]}")


def answer_places(parsed: Parsed) -> tuple[list[int], list[int]]:
    """The gold documents, and the others, in which the answer stands as whole words."""
    answer = normalised(parsed.row.answer)
    if len(answer) < SHORTEST:
        return [], []
    gold = set(parsed.gold)
    places = [place for place, words in enumerate(parsed.words) if contains_words(words, answer)]
    return [p for p in places if p in gold], [p for p in places if p not in gold]


def second_evidence(parsed: Parsed) -> list[tuple[int, int]]:
    """Gold documents and others that may stand in for them: without the first, a hop might still be made.

    A document is what leads from its title to another gold document's title, or to the answer. Another
    document that names both may say the same.
    """
    titles = {place: normalised(title_of(parsed.passages[place].text)) for place in parsed.gold}
    answer = normalised(parsed.row.answer)
    found: list[tuple[int, int]] = []
    for place, title in titles.items():
        steps = {*titles.values(), answer if len(answer) >= SHORTEST else ""} - {title, ""}
        leads = [step for step in steps if contains_words(parsed.words[place], step)]
        found += [
            (place, other)
            for other, words in enumerate(parsed.words)
            if other not in titles and contains_words(words, title) and any(contains_words(words, x) for x in leads)
        ]
    return found
