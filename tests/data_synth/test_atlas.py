"""Real facts: answers follow from the documents, splits share no country, prose is clean."""

import re
from collections import Counter

import pytest
from synthetic import build, looked_up, user

from data_synth.errors import SynthError
from data_synth.settings import Settings
from data_synth.shards import make_plan
from data_synth.sources.atlas import RELATIONS, atlas, country_of
from data_synth.sources.factbook import clean


def test_answers_are_what_the_documents_say() -> None:
    source = atlas(1, "train", 400)
    facts = [d for d in source.documents if ":" not in d.text.split("\n")[0]]
    assert len(source.questions) == 400
    for question in source.questions[:150]:
        found, visited = looked_up(question.text, facts, RELATIONS)
        assert found == question.answer
        assert [source.documents[g].text.split("\n")[0] for g in question.gold] == visited


def test_there_are_questions_enough_and_no_answer_is_every_other_one() -> None:
    source = atlas(0, "train", 12500)
    assert len(source.questions) == 12500
    assert len({q.text for q in source.questions}) == 12500
    assert set(Counter(len(q.gold) for q in source.questions)) == {2, 3, 4}
    assert max(Counter(q.answer for q in source.questions).values()) <= 125


def test_train_and_test_share_no_country() -> None:
    train, test = ({country_of(d) for d in atlas(0, split, 0).documents} for split in ("train", "test"))
    assert not train & test
    assert 150 < len(train) < 220
    assert len(test) > 30


def test_prose_is_free_of_markup() -> None:
    documents = atlas(0, "all", 0).documents
    assert len(documents) > 9000
    assert len({d.id for d in documents}) == len(documents)
    for document in documents:
        assert not re.search(r"</?\w+>|&\w+;|\n\n|  ", document.text), document.text
    assert clean("<p>A &amp; B<br>next</p>") == "A & B\nnext"


def test_rows_say_whose_facts_they_are() -> None:
    (row, *_) = build(source="atlas", n=5)
    assert row["licence"] == "public domain"
    assert "Central Intelligence Agency" in row["attribution"]
    assert row["data_source"] == "lengthwise/keychain/atlas"
    assert row["n_tokens"] >= 0.995 * 2048
    assert user(row).startswith("Read the passages below.")


def test_more_rows_than_questions_is_refused() -> None:
    with pytest.raises(SynthError, match=r"too few questions: atlas has \d+ in split 'test' for 20000 rows"):
        make_plan(Settings("multihop", 1024, 20_000, source="atlas", split="test", question_hops=(2,)))
