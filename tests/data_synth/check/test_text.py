"""What is read out of a text: pure, so by property and against plain references."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_synth.check.needles import resolve
from data_synth.check.text import (
    Span,
    contains_words,
    count_whole,
    normalised,
    read_links,
    read_passages,
    sentence_ends_at,
    standing_among,
    take_out,
)

PLAIN = st.text(st.characters(exclude_characters="{}", exclude_categories=["Cs"]), max_size=30)
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.lists(st.tuples(PLAIN, ANY, ANY, st.booleans()), max_size=6), PLAIN)
def test_every_link_is_read_back_wherever_it_stands(parts: list[tuple[str, str, str, bool]], end: str) -> None:
    text, wanted = "", []
    for before, key, value, ascii in parts:
        text += before
        wanted.append((len(text), key, value))
        text += json.dumps({key: value}, ensure_ascii=ascii) + "."
    links, broken = read_links(text + end)
    assert [(link.start, link.key, link.value) for link in links] == wanted
    assert broken == []
    assert all(text[link.start] == "{" and text[link.end - 1] == "." for link in links)


@pytest.mark.parametrize(
    "text",
    ['{"a": "b"', '{"a": b}.', '{"a" "b"}.', '{"a": "b"}', '{"a": "b", "c": "d"}.', '{"a": 1}.', '{"a": ["b"]}.', '{"a": "x "y" z"}.'],
)  # fmt: skip
def test_what_only_looks_like_a_link_is_named_by_its_place(text: str) -> None:
    links, broken = read_links(f'one {text} two {{"k": "v"}}.')
    assert broken[:1] == [4]
    assert [(link.key, link.value) for link in links] == [("k", "v")]


@given(ANY, ANY)
def test_words_are_normalised_once_and_for_all(text: str, other: str) -> None:
    once = normalised(text)
    assert normalised(once) == once or not once.isascii()
    assert contains_words(normalised(f"{text} {other}"), once) or not once or not text.isascii() or not other.isascii()


def test_a_word_is_found_whole_only() -> None:
    assert normalised("The U.S., a  Nation!") == "us nation"
    assert contains_words("in us territory", "us territory")
    assert not contains_words("bus territory", "us territory")
    assert not contains_words("anything", "")
    assert count_whole("cat concat cat-like cat.", "cat") == 3


@given(
    st.lists(st.sampled_from(["ab12", "cd34", "ab1", "b1"]), max_size=4),
    st.lists(st.text("abcd1234 xyz.", max_size=12), max_size=6),
)
def test_keys_are_found_in_text_as_by_a_plain_search(keys: list[str], texts: list[str]) -> None:
    text = " ".join(texts)
    assert standing_among(text, keys) == [key for key in keys if re.search(rf"(?<![^\W_]){key}(?![^\W_])", text)]


@given(
    st.lists(st.tuples(st.text("ab. \n", max_size=9), st.text("xy", min_size=1, max_size=4)), max_size=5),
    st.text("ab. \n", max_size=5),
)
def test_what_was_put_in_with_a_space_before_is_taken_out_again(parts: list[tuple[str, str]], end: str) -> None:
    """As long as something stands before it: at the very beginning there is no space to take."""
    original, text, spans, places = "start", "start", [], []
    for piece, inserted in parts:
        original, text = original + piece, text + piece + " "
        places.append(len(original))
        spans.append(Span(len(text), len(text) + len(inserted)))
        text += inserted
    assert take_out(text + end, spans, "before") == (original + end, places)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("One. Two! Three", {0, 4, 5, 9, 10, 15}),
        ("A 3.5 is. not. Yet", {0, 14, 15, 18}),
        ('He said "No." Then left.', {0, 13, 14, 24}),
        ("Title\nText here", {0, 5, 6, 15}),
        ("e.g.this", {0, 8}),
        ("Up. “Down”", {0, 3, 4, 10}),
    ],
)
def test_sentences_and_lines_end_where_a_reader_would_say(text: str, places: set[int]) -> None:
    assert {place for place in range(len(text) + 1) if sentence_ends_at(text, place)} == places


def test_passages_are_read_in_the_order_of_their_numbers() -> None:
    text = "x\n\nPassage 1:\na\nPassage 3:\nb\n\nPassage 2:\nc Passage 3:\n"
    assert [text[h.start : h.end] for h in read_passages(text)] == ["Passage 1:\n", "Passage 2:\n"]


@given(
    st.dictionaries(st.sampled_from("ABCDE"), st.sampled_from(["A", "B", "C", "D", "E", "12", "34"])),
    st.sampled_from("ABCDE"),
)
def test_a_variable_has_the_number_at_the_end_of_its_assignments(assigned: dict[str, str], name: str) -> None:
    seen = [name]
    while seen[-1] in assigned and assigned[seen[-1]] not in seen:
        seen.append(assigned[seen[-1]])
    wanted = seen[-1] if seen[-1].isdigit() else None
    assert resolve(assigned, name) == wanted
