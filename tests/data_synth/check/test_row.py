"""Right rows pass; each way of spoiling one is caught under its own name."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synth_rows import SYSTEM, Plan, PlannedLink, Raw, needle_row, plan, render, write_tokenizer

from data_synth.check.file import count_tokens
from data_synth.check.parsed import parse
from data_synth.check.row import Limits, check_row
from data_synth.check.rows import Row


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_tokenizer(tmp_path_factory.mktemp("tokenizer"))


def faults(raw: Raw, limits: Limits | None = None) -> set[str]:
    row = Row.of(raw, "row")
    (tokens,) = count_tokens([row], None)
    return {fault.check for fault in check_row(parse(row), tokens, limits or Limits())}


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("shape", [(6, 4, 3), (1, 1, 0), (2, 7, 1), (8, 2, 7)])
def test_a_right_row_has_no_fault(seed: int, shape: tuple[int, int, int], tokenizer: str) -> None:
    chains, hops, answerable = shape
    assert faults(render(plan(seed, chains, hops, answerable, filler=8), tokenizer)) == set()


def test_a_right_row_without_chains_has_no_fault(tokenizer: str) -> None:
    assert faults(render(plan(1, task="multihop"), tokenizer)) == set()


def true_links(p: Plan) -> list[PlannedLink]:
    return sorted((k for k in p.links if k.key in p.chain), key=lambda k: k.hop)


def other_links(p: Plan, skip: int = 0) -> list[PlannedLink]:
    chain = sorted({k.chain for k in p.links if k.key not in p.chain})[skip]
    return sorted((k for k in p.links if k.chain == chain), key=lambda k: k.hop)


def duplicate_key(p: Plan) -> None:
    other_links(p)[1].key = true_links(p)[1].key


def cut_true_link(p: Plan) -> None:
    p.links.remove(true_links(p)[2])


def cut_other_link(p: Plan) -> None:
    p.links.remove(other_links(p)[-1])


def swap_ends(p: Plan) -> None:
    a, b = true_links(p)[-1], other_links(p)[-1]
    a.value, b.value = b.value, a.value


def swap_middles(p: Plan) -> None:
    a, b = true_links(p)[1], other_links(p)[1]
    a.value, b.value = b.value, a.value


def merge(p: Plan) -> None:
    other_links(p)[1].value = true_links(p)[2].key


def one_question_twice(p: Plan) -> None:
    other_links(p)[-1].value = other_links(p, 1)[-1].value


def circle(p: Plan) -> None:
    links = other_links(p)
    links[-1].value = links[0].key


def circle_of_its_own(p: Plan) -> None:
    link = other_links(p)[0]
    p.links.append(dataclasses.replace(link, key="0badc0de", value="0badc0de", place=0))


def leak_in_closing(p: Plan) -> None:
    p.closing += f" It is not {p.questions[0][1].upper()}, or is it?"


def leak_in_question(p: Plan) -> None:
    question, answer, can = p.questions[0]
    p.questions[0] = (f"{question} Near {answer}?", answer, can)
    true_links(p)[-1].value = p.questions[0][0]


def short_answer(p: Plan) -> None:
    p.questions[0] = (p.questions[0][0], ".in", True)


def second_copy(p: Plan) -> None:
    p.closing += f" {p.questions[0][0].upper()}"


def broken_json(p: Plan) -> None:
    link = true_links(p)[-1]
    link.text = f'{{"{link.key}": "{link.value}"}}'  # the question's quotes are not escaped


def no_json(p: Plan) -> None:
    link = other_links(p)[0]
    link.text = json.dumps({link.key: link.value})[:-1]


def two_pairs(p: Plan) -> None:
    link = other_links(p)[0]
    link.text = json.dumps({link.key: link.value, "00000000": "11111111"})


def in_a_number(p: Plan) -> None:
    link = p.links[0]
    link.document = next(i for i, text in enumerate(p.documents) if "3.5" in text)
    link.place = p.documents[link.document].index("3.5") + 2


def in_a_word(p: Plan) -> None:
    p.links[0].place = (
        p.documents[p.links[0].document].index(" is ") + 2 if " is " in p.documents[p.links[0].document] else 2
    )


def in_a_sentence(p: Plan) -> None:
    text = p.documents[p.links[0].document]
    p.links[0].place = text.index(" ", text.index("\n"))


def key_in_a_document(p: Plan) -> None:
    p.documents[0] += f"\nSee also {other_links(p)[2].key}."


def wrong_start(p: Plan) -> None:
    p.closing = p.closing.replace(p.start, other_links(p)[0].key)


def wrong_start_everywhere(p: Plan) -> None:
    p.closing = p.closing.replace(p.start, other_links(p)[0].key)
    p.start = other_links(p)[0].key


def start_in_the_middle(p: Plan) -> None:
    p.closing = p.closing.replace(p.start, p.chain[1])
    p.start = p.chain[1]


def two_starts(p: Plan) -> None:
    p.closing += f" Not from {other_links(p)[0].key}."


def equal_answers(p: Plan) -> None:
    question, _, can = p.questions[2]
    p.questions[2] = (question, p.questions[0][1].upper(), can)


def equal_questions(p: Plan) -> None:
    link, again = other_links(p)[-1], p.questions[0][0].replace("?", "")
    p.questions = [(again if q == link.value else q, a, can) for q, a, can in p.questions]
    link.value = again


def document_twice(p: Plan) -> None:
    p.documents.append(p.documents[p.gold[0]])


def no_gold(p: Plan) -> None:
    p.gold = []


def wrong_hop(p: Plan) -> None:
    p.links[0].hop, p.links[1].hop = p.links[1].hop, p.links[0].hop


def wrong_chain(p: Plan) -> None:
    for link in other_links(p):
        link.chain = p.links[0].chain


SPOILED: list[tuple[Callable[[Plan], None], set[str]]] = [
    (duplicate_key, {"duplicate-key"}),
    (cut_true_link, {"walk"}),
    (cut_other_link, {"dangling"}),
    (swap_ends, {"walk"}),
    (swap_middles, {"walk"}),
    (merge, {"merge"}),
    (one_question_twice, {"merge"}),
    (circle, {"cycle"}),
    (circle_of_its_own, {"cycle"}),
    (leak_in_closing, {"leak"}),
    (leak_in_question, {"leak"}),
    (short_answer, {"short-answer"}),
    (second_copy, {"question-once"}),
    (broken_json, {"json"}),
    (no_json, {"json"}),
    (two_pairs, {"json"}),
    (in_a_number, {"sentence"}),
    (in_a_word, {"sentence"}),
    (in_a_sentence, {"sentence"}),
    (key_in_a_document, {"key-collision"}),
    (wrong_start, {"start-key", "walk"}),
    (wrong_start_everywhere, {"walk"}),
    (start_in_the_middle, {"start-key", "walk"}),
    (two_starts, {"start-key"}),
    (equal_answers, {"distractor-answers"}),
    (equal_questions, {"distractors"}),
    (document_twice, {"document-twice"}),
    (no_gold, {"gold"}),
    (wrong_hop, {"links"}),
    (wrong_chain, {"links"}),
]


@pytest.mark.parametrize(("spoil", "names"), SPOILED, ids=[spoil.__name__ for spoil, _ in SPOILED])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_each_way_of_spoiling_a_row_is_caught_and_named(
    spoil: Callable[[Plan], None], names: set[str], seed: int, tokenizer: str
) -> None:
    spoiled = plan(seed)
    spoil(spoiled)
    assert names <= faults(render(spoiled, tokenizer))


def rewritten(raw: Raw, change: Callable[[str], str]) -> Raw:
    """The row with another user turn, and everything else as it was."""
    system, user = raw["prompt"]
    return {**raw, "prompt": [system, {**user, "content": change(user["content"])}]}


@pytest.mark.parametrize(("target", "name"), [(-1, "over-budget"), (9, "fill")])
def test_the_budget_is_held_by_counting_again(target: int, name: str, tokenizer: str) -> None:
    right = render(plan(1), tokenizer)
    assert faults({**right, "target": right["n_tokens"] + target}) == {name}
    assert faults({**right, "target": right["n_tokens"] + target}, Limits(fill=0)) == {name} - {"fill"}


def test_a_count_that_is_not_the_text_s_is_caught(tokenizer: str) -> None:
    right = render(plan(1), tokenizer)
    assert faults({**right, "n_tokens": right["n_tokens"] - 1}) == {"count"}


def test_an_altered_document_is_caught(tokenizer: str) -> None:
    right = render(plan(1), tokenizer)
    assert faults(rewritten(right, lambda text: text.replace("is a river", "is a bayou", 1))) == {"intact"}
    assert faults(rewritten(right, lambda text: text.replace("Nobody knew why. ", "Nobody knew why.", 1))) >= {"intact"}


@pytest.mark.parametrize("shift", [(1, 1), (-1, 0), (0, 1), (0, -1)])
@pytest.mark.parametrize("which", [0, 3, -1])
def test_wrong_offsets_of_a_document_are_caught(shift: tuple[int, int], which: int, tokenizer: str) -> None:
    right = render(plan(1), tokenizer)
    right["documents"][which] = dict(right["documents"][which])
    right["documents"][which]["char_start"] += shift[0]
    right["documents"][which]["char_end"] += shift[1]
    assert faults(right) & {"offsets", "intact"}


def test_wrong_offsets_of_gold_documents_and_links_are_caught(tokenizer: str) -> None:
    right = render(plan(1), tokenizer)
    moved = [{**g, "char_start": g["char_start"] + 1} for g in right["gold_docs"]]
    assert faults({**right, "gold_docs": moved}) == {"gold"}
    links = [{**k, "char_offset": k["char_offset"] + (i == 3)} for i, k in enumerate(right["links"])]
    assert faults({**right, "links": links}) == {"links"}
    assert faults({**right, "links": right["links"][1:]}) == {"links"}


@pytest.mark.parametrize(
    ("columns", "name"),
    [
        ({"chain": ["00000000"] * 4}, "walk"),
        ({"start_key": "00000000"}, "start-key"),
        ({"start_key": None}, "start-key"),
        ({"question": "Who?"}, "walk"),
        ({"id": "x"}, "columns"),
        ({"task": "chains"}, "columns"),
        ({"reward_model": {"style": "rule", "ground_truth": "else"}}, "columns"),
        ({"distractors": []}, "dangling"),
    ],
)
def test_a_column_that_says_something_else_than_the_text_is_caught(columns: Raw, name: str, tokenizer: str) -> None:
    assert name in faults(render(plan(1), tokenizer, **columns))


def test_an_alias_in_the_question_is_a_leak_too(tokenizer: str) -> None:
    assert faults(render(plan(1), tokenizer, aliases=["the Region"])) == {"leak"}


def test_an_answer_in_the_system_turn_is_a_leak(tokenizer: str) -> None:
    right = render(plan(1), tokenizer)
    told = [{"role": "system", "content": f"{SYSTEM} Say {right['answer']}."}, right["prompt"][1]]
    assert "leak" in faults({**right, "prompt": told})


def test_the_answer_in_another_document_is_a_fault_only_if_asked_for(tokenizer: str) -> None:
    elsewhere = plan(1)
    elsewhere.documents[next(i for i in range(9) if i not in elsewhere.gold)] += (
        f"\nNot in {elsewhere.questions[0][1]}."
    )
    assert faults(render(elsewhere, tokenizer)) == set()
    assert faults(render(elsewhere, tokenizer), Limits(strict_leak=True)) == {"strict-leak"}


@given(st.integers(0, 10**6), st.characters(codec="utf-8", exclude_categories=["Zs", "Cc", "Cs"]))
@settings(max_examples=150, deadline=None)
def test_no_character_of_the_documents_or_links_can_be_changed_unseen(
    tokenizer: str, place: int, character: str
) -> None:
    right = render(plan(1), tokenizer)
    first, last = right["documents"][0]["char_start"], right["documents"][-1]["char_end"]
    place = first + place % (last - first)
    heads = [k["char_offset"] for k in right["links"] if k["hop"] == 0]
    # Nothing else names the first key of a distractor's chain.
    unknown = any(head + 2 <= place < head + 10 for head in heads)
    if character != right["prompt"][1]["content"][place] and not unknown:
        assert faults(rewritten(right, lambda text: text[:place] + character + text[place + 1 :]))


@given(st.integers(0, 10**6), st.integers(1, 400))
@settings(max_examples=50, deadline=None)
def test_nothing_can_be_cut_out_unseen_and_no_text_is_too_broken_to_read(tokenizer: str, place: int, size: int) -> None:
    right = render(plan(1), tokenizer)
    first, last = right["documents"][0]["char_start"], right["documents"][-1]["char_end"]
    place = first + place % (last - first)
    assert faults(rewritten(right, lambda text: text[:place] + text[place + size :]))
    assert faults({**right, "documents": right["documents"][: place % 9]})


def test_links_in_a_prompt_of_another_task_are_a_fault(tokenizer: str) -> None:
    assert "links" in faults(render(plan(1), tokenizer, task="multihop", question="x"))


def test_a_second_evidence_is_a_fault_only_if_asked_for(tokenizer: str) -> None:
    twice = plan(1)
    person, town = (twice.documents[g].partition("\n")[0] for g in twice.gold)
    other = next(i for i in range(9) if i not in twice.gold)
    twice.documents[other] += f"\nIn the town of {town} they still speak of {person}."
    assert faults(render(twice, tokenizer)) == set()
    assert faults(render(twice, tokenizer), Limits(strict_leak=True)) == {"second-evidence"}


RULER = "One of the special magic numbers for {} is: {}.", "VAR {} = {}.", "VAR {} = VAR {}."
FILED = "The number filed under {} is {}.", "Variable {} is set to {}.", "Variable {} is set to the value of {}."
NEEDLE_ROWS = [
    ("niah-single", ["red-fox 1234567"], "What is the number for red-fox?", "1234567"),
    ("niah-multikey", ["red-fox 1234567", "old-hen 7654321"], "What is the number for red-fox?", "1234567"),
    ("niah-multivalue", ["red-fox 1234567", "red-fox 7654321"], "What are the numbers for red-fox?", "1234567, 7654321"),
    ("niah-multiquery", ["red-fox 1234567", "old-hen 7654321"], "What are the numbers for red-fox and old-hen?", "1234567, 7654321"),
]  # fmt: skip


@pytest.mark.parametrize("phrases", [RULER, FILED])
@pytest.mark.parametrize(("task", "needles", "closing", "answer"), NEEDLE_ROWS)
def test_needles_must_give_the_answer(
    task: str, needles: list[str], closing: str, answer: str, phrases: tuple[str, ...], tokenizer: str
) -> None:
    def found(said: list[str], answer: str, task: str = task, closing: str = closing) -> set[str]:
        return faults(needle_row(1, tokenizer, task, said, closing, answer))

    said = [phrases[0].format(*needle.split()) for needle in needles]
    assert found(said, answer) == set()
    assert found(said, "7654322") == {"needles"}
    assert found(said, ", ".join(reversed(answer.split(", ")))) == ({"needles"} if "," in answer else set())
    assert found([*said, said[0]], answer) == {"needles"}
    assert found(said[1:], answer) == {"needles"}
    assert "leak" in found(said, answer, closing=f"{closing} 1234567?")
    assert found(said, answer, "niah-multivalue" if task != "niah-multivalue" else "niah-multiquery") == {"needles"}


@pytest.mark.parametrize("phrases", [RULER, FILED])
def test_variables_must_give_the_answer(phrases: tuple[str, ...], tokenizer: str) -> None:
    def found(answer: str, *assigned: str) -> set[str]:
        said = [phrases[2 - value.isdigit()].format(name, value) for name, value in map(str.split, assigned)]
        return faults(needle_row(1, tokenizer, "variable-tracking", said, "Which variables hold 12345?", answer))

    right = ("AB 12345", "CD AB", "EF CD", "GH 54321")
    assert found("AB, CD, EF", *right) == set()
    assert found("AB, CD", *right) == {"needles"}
    assert found("AB, EF, CD", *right) == {"needles"}
    assert found("AB, CD, EF, GH", *right) == {"needles"}
    assert found("AB, CD, EF", *right[:3], "AB 54321") == {"needles"}
    assert found("AB, CD, EF", *right[:3], "GH GH") == {"needles"}
    assert found("CD, EF", *right[1:]) == {"needles"}
