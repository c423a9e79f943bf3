"""The made-up world: its answers follow from its documents, its splits share nothing."""

import pytest
from synthetic import looked_up

from data_synth.facts import Composer, Fact, Reader, Relation
from data_synth.settings import row_rng
from data_synth.sources.phantom import READER, RELATIONS, Phantom


def test_answers_are_what_the_documents_say() -> None:
    corpus = Phantom(seed=3, size=400, questions=200).corpus(0, 1)
    assert len({d.text.split("\n")[0] for d in corpus.documents}) == len(corpus.documents) == 400
    assert len(corpus.questions) == 200
    for question in corpus.questions:
        found, visited = looked_up(question.text, corpus.documents, RELATIONS)
        assert found == question.answer
        assert [corpus.documents[g].text.split("\n")[0] for g in question.gold] == visited


def test_questions_take_two_to_four_documents() -> None:
    corpus = Phantom(questions=300).corpus(0, 1)
    assert {len(set(q.gold)) for q in corpus.questions} == {2, 3, 4}
    assert {len(q.gold) for q in Phantom(questions=50, hops=(3,)).corpus(0, 1).questions} == {3}


def test_a_world_is_a_function_of_its_seed_and_shard() -> None:
    one, again = Phantom(seed=1).corpus(2, 3), Phantom(seed=1).corpus(2, 9)
    assert one.documents == again.documents
    assert one.questions == again.questions
    assert not {d.id for d in one.documents} & {d.id for d in Phantom(seed=1).corpus(0, 3).documents}


def test_train_and_test_share_no_subject_whatever_the_seed() -> None:
    subjects = [
        {d.text.split("\n")[0] for seed in range(4) for d in Phantom(seed=seed, split=split).corpus(0, 1).documents}
        for split in ("train", "test")
    ]
    assert not subjects[0] & subjects[1]


def test_a_fact_stated_twice_is_not_asked_for() -> None:
    relation = Relation("mayor", ("{s} has {o} as mayor.",), "the mayor of {}", "Who is {}?")
    facts = [Fact("Aton", "mayor", "Bela", 0), Fact("Bela", "mayor", "Caro", 1), Fact("Bela", "mayor", "Dora", 2)]
    assert Composer([relation], facts, (2,)).questions(row_rng(0, "", 0), 5) == []
    (question,) = Composer([relation], facts[:2], (2,)).questions(row_rng(0, "", 0), 5)
    assert question.text == "Who is the mayor of the mayor of Aton?"
    assert question.answer == "Caro"
    assert question.gold == (0, 1)


@pytest.mark.parametrize(
    ("body", "objects"),
    [
        ("Aton has Bela as mayor. It has Caro as mayor.", ["Bela", "Caro"]),
        ("Caro has Bela as mayor. Aton has no mayor.", []),
        ("Aton is a town.\nAton has Bela as mayor.", ["Bela"]),
    ],
)
def test_a_reader_finds_only_facts_about_the_title(body: str, objects: list[str]) -> None:
    relation = Relation("mayor", ("{s} has {o} as mayor.",), "the mayor of {}", "Who is {}?")
    facts = list(Reader([relation], ("It",)).read(f"Aton\n{body}", 5))
    assert [fact.object for fact in facts] == objects
    assert all((fact.subject, fact.document) == ("Aton", 5) for fact in facts)


def test_a_terse_world_states_facts_and_nothing_else() -> None:
    for document in Phantom(terse=True, size=300).corpus(0, 1).documents:
        sentences = document.text.split("\n", 1)[1].removesuffix(".").split(". ")
        assert len(list(READER.read(document.text, 0))) == len(sentences)
