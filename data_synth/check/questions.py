"""The questions of a row: all different, the true one said once, and its answer nowhere it should not be."""

from __future__ import annotations

from collections.abc import Iterator

from data_synth.check.chains import Fault
from data_synth.check.needles import parts_of
from data_synth.check.parsed import LINKED, QUESTIONS, Parsed
from data_synth.check.text import contains_words, normalised

SHORTEST = 3
"""Characters that a normalised answer has at least: fewer are inside too many words."""


def question_faults(parsed: Parsed, strict_leak: bool = False) -> Iterator[Fault]:
    """Distractors, copies of the question, leaks. `strict_leak`: the answer outside the gold documents is one."""
    if parsed.row.task in QUESTIONS:
        yield from _distractors(parsed)
        yield from _copies(parsed)
    yield from _leaks(parsed)
    if strict_leak and parsed.row.task in QUESTIONS and (elsewhere := answer_places(parsed)[1]):
        name = parsed.row.documents[elsewhere[0]].doc_id
        yield Fault("strict-leak", f"the answer stands in document {name}, which is not gold")


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


def answer_places(parsed: Parsed) -> tuple[list[int], list[int]]:
    """The gold documents, and the others, in which the answer stands as whole words."""
    answer = normalised(parsed.row.answer)
    if len(answer) < SHORTEST:
        return [], []
    gold = set(parsed.gold)
    places = [place for place, words in enumerate(parsed.words) if contains_words(words, answer)]
    return [p for p in places if p in gold], [p for p in places if p not in gold]
