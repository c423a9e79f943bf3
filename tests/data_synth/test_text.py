"""Where sentences end, and answers as rewards compare them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_synth.keys import FORMATS, draw
from data_synth.settings import row_rng
from data_synth.text import mentions, normalised, paragraphs, sentence_ends


@pytest.mark.parametrize(
    ("body", "pieces"),
    [
        ("One. Two.", ["One.", " Two."]),
        ("It grew by 3.5 percent. Then it fell", ["It grew by 3.5 percent.", " Then it fell"]),
        ("Dr. Smith met J. R. Jones in St. Gall.", ["Dr. Smith met J. R. Jones in St. Gall."]),
        ("What? Yes! no. of items\nmore", ["What?", " Yes! no. of items", "\nmore"]),
        ("e.g. the first", ["e.g. the first"]),
    ],
)
def test_links_may_stand_only_where_a_sentence_or_a_line_ends(body: str, pieces: list[str]) -> None:
    text = f"A title. With a stop\n{body}"
    ends = sentence_ends(text)
    cuts = [text.index("\n") + 1, *ends]
    assert [text[a:b] for a, b in zip(cuts, ends, strict=False)] == pieces
    assert ends[-1] == len(text)


@given(st.text(alphabet='aA. \n?!3"'))
def test_ends_are_inside_the_text_and_after_the_title(text: str) -> None:
    text = f"Title\n{paragraphs(text)}"
    ends = sentence_ends(text)
    assert ends == sorted(set(ends))
    assert all(6 <= end <= len(text) and not text[end - 1].isspace() for end in ends)


def test_answers_are_compared_without_case_articles_and_punctuation() -> None:
    assert normalised('The "Big"  Apple.') == "big apple"
    assert mentions("He saw the big, apple!", "The Big Apple")
    assert not mentions("Nobel", "no")


@given(st.sampled_from(sorted(FORMATS)), st.integers(0, 50))
def test_keys_are_all_different_and_counted_wherever_they_stand(name: str, seed: int) -> None:
    form = FORMATS[name]
    keys = draw(form, row_rng(seed, name, 0), 20)
    assert len(set(keys)) == 20
    found = form.occurrences(f"x{keys[0]} 9{keys[1]}9 {keys[2]}, {keys[2]}", keys)
    assert (found[keys[0]], found[keys[1]], found[keys[2]]) == (1, 1, 2)
