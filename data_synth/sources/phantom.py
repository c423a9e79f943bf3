"""`phantom`: a made-up world of people, firms, towns and works, seeded and of any size.

Every shard is built from a world of its own, so there is no end to the questions and memory does not
grow with their number. Whether a name is of the train or the test split is decided by the name itself:
the splits of any two seeds share no subject.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from random import Random

from data_synth.corpus import Corpus, Document, Split, document, in_split
from data_synth.facts import HOPS, Composer, Reader, Relation

RELATIONS = (
    Relation(
        "birthplace",
        ("{s} was born in {o}.", "{s} came into the world in {o}.", "The birthplace of {s} is {o}."),
        "the birthplace of {}",
        "Where is {}?",
    ),
    Relation(
        "teacher",
        ("{s} learned the trade from {o}.", "{s} was taught by {o}.", "The teacher of {s} was {o}."),
        "the teacher of {}",
        "Who was {}?",
    ),
    Relation(
        "employer",
        ("{s} works for {o}.", "{s} earns a living at {o}.", "The employer of {s} is {o}."),
        "the employer of {}",
        "Which firm is {}?",
    ),
    Relation(
        "pastime",
        ("{s} spends free days on {o}.", "The favourite pastime of {s} is {o}."),
        "the favourite pastime of {}",
        "What is {}?",
    ),
    Relation(
        "seat",
        ("{s} has its seat in {o}.", "{s} is run from {o}.", "The seat of {s} is {o}."),
        "the seat of {}",
        "Which town is {}?",
    ),
    Relation(
        "founder",
        ("{s} was founded by {o}.", "{s} was set up by {o}.", "The founder of {s} was {o}."),
        "the founder of {}",
        "Who was {}?",
    ),
    Relation(
        "product",
        ("{s} is known for making {o}.", "The main product of {s} is {o}."),
        "the main product of {}",
        "What is {}?",
    ),
    Relation(
        "mayor",
        ("{s} has elected {o} as mayor.", "The mayor of {s} is {o}."),
        "the mayor of {}",
        "Who is {}?",
    ),
    Relation(
        "river",
        ("{s} lies on the banks of {o}.", "The river at {s} is {o}."),
        "the river at {}",
        "What is the name of {}?",
    ),
    Relation(
        "crest",
        ("{s} bears {o} on its crest.", "The crest of {s} shows {o}."),
        "the crest of {}",
        "What is shown on {}?",
    ),
    Relation(
        "author",
        ("{s} was written by {o}.", "The author of {s} is {o}."),
        "the author of {}",
        "Who is {}?",
    ),
    Relation(
        "library",
        ("{s} is kept in {o}.", "The town that keeps {s} is {o}."),
        "the town that keeps {}",
        "What is {}?",
    ),
)

BY_NAME = {relation.name: relation for relation in RELATIONS}
READER = Reader(RELATIONS, ("He", "She", "It"))

_ONSETS = ("b", "br", "d", "dr", "f", "g", "gr", "h", "k", "l", "m", "n", "p", "r", "s", "st", "t", "tr", "v", "z")
_VOWELS = ("a", "e", "i", "o", "u", "a", "e", "o", "ai", "ou")
_CODAS = ("", "", "", "", "l", "n", "r", "s", "m")
_TOWN_ENDS = ("ford", "wick", "holm", "mouth", "stead", "bury")
_FIRM_ENDS = ("Works", "Mills", "Foundry", "Brothers", "Trading", "Workshops")
_WORK_HEADS = ("The Ballad of", "A Winter in", "Letters from", "The Garden of", "Songs of", "The Fall of")
_COLOURS = ("silver", "golden", "scarlet", "green", "black", "white", "blue", "copper", "grey", "purple")
_BEASTS = ("heron", "otter", "stag", "pike", "raven", "hound", "adder", "lynx", "owl", "salmon", "hare", "boar")
_STUFFS = ("brass", "walnut", "porcelain", "wool", "leather", "glass", "tin", "linen", "amber", "clay", "steel")
_WARES = ("lanterns", "clocks", "buttons", "violins", "kettles", "saddles", "lenses", "gloves", "bells", "chairs")
_PASTIMES = ("collecting", "mending", "painting", "trading", "polishing", "sketching")
_JOBS = ("surveyor", "bookbinder", "pilot", "chemist", "gardener", "printer", "weaver", "clerk", "physician")
_SEASONS = ("spring", "summer", "autumn", "winter")
_ASIDES = {
    "person": (
        "A cousin in {town} still keeps a portrait from those years.",
        "Neighbours remember long evenings of cards and not much else.",
        "An old letter mentions a visit to {town} in {season}, which came to nothing.",
        "For {number} years the same grey coat did good service.",
        "Nobody in the family has ever learned to swim.",
    ),
    "firm": (
        "In {season} the gates open an hour later than usual.",
        "A plan to move to {town} was dropped after {number} meetings.",
        "There are {number} people on the payroll, most of them part-time.",
        "Visitors are shown around on the first Monday of the month.",
        "An inspector from {town} found nothing to complain about.",
    ),
    "town": (
        "The market is held on Thursdays, except in {season}.",
        "The road to {town} was paved {number} years ago.",
        "There are {number} houses inside the old wall.",
        "A bell is rung whenever the ferry is late.",
        "Traders from {town} have a corner of the square to themselves.",
    ),
    "work": (
        "The first edition ran to {number} copies.",
        "A reading in {town} was called off because of the weather.",
        "Critics thought the middle part too long.",
        "It has {number} chapters, the last of them very short.",
        "A pirated copy turned up in {town} one {season}.",
    ),
}


@dataclass(frozen=True)
class Phantom:
    """Worlds of `size` documents, with up to `questions` questions each."""

    seed: int = 0
    split: Split = "train"
    size: int = 800
    questions: int = 1200
    hops: Sequence[int] = HOPS
    terse: bool = False
    """Whether documents state facts and nothing else, for prompts of a few hundred tokens."""
    name: str = field(default="phantom", init=False)
    licence: str = field(default="Apache-2.0", init=False)
    attribution: str = field(default="Lengthwise's phantom world (made up)", init=False)
    capacity: int | None = field(default=None, init=False)

    @property
    def fingerprint(self) -> str:
        """The settings that a world is a function of, and the version of its prose."""
        hops = ",".join(map(str, self.hops))
        kind = "/terse" if self.terse else ""
        return f"phantom-1/{self.seed}/{self.split}/{self.size}/{self.questions}/{hops}{kind}"

    def corpus(self, shard: int, shards: int) -> Corpus:
        """The world of one shard."""
        digest = blake2b(f"{self.fingerprint}/{shard}".encode(), digest_size=16).digest()
        rng = Random(int.from_bytes(digest, "big"))
        documents = _World(rng, self.split, self.size, self.terse).documents()
        facts = [fact for i, d in enumerate(documents) for fact in READER.read(d.text, i)]
        questions = Composer(RELATIONS, facts, self.hops).questions(rng, self.questions)
        return Corpus(documents, questions, range(len(questions)))


class _World:
    def __init__(self, rng: Random, split: Split, size: int, terse: bool) -> None:
        self.rng, self.split, self.terse = rng, split, terse
        self.taken: set[str] = set()
        firms, towns, works = size // 5, size // 6, size // 8
        self.people = [self.name(self.person) for _ in range(size - firms - towns - works)]
        self.towns = [self.name(lambda: self.syllables(1, 2) + rng.choice(_TOWN_ENDS)) for _ in range(towns)]
        self.firms = [self.name(lambda: f"{self.syllables(2, 3)} {rng.choice(_FIRM_ENDS)}") for _ in range(firms)]
        self.works = [self.name(lambda: f"{rng.choice(_WORK_HEADS)} {self.syllables(2, 3)}") for _ in range(works)]

    def person(self) -> str:
        return f"{self.syllables(2, 2)} {self.syllables(2, 3)}"

    def syllables(self, least: int, most: int) -> str:
        count = self.rng.randint(least, most)
        pick = self.rng.choice
        return "".join(pick(_ONSETS) + pick(_VOWELS) + pick(_CODAS) for _ in range(count)).capitalize()

    def name(self, draw: Callable[[], str]) -> str:
        while True:
            name = draw()
            if name not in self.taken and in_split(f"phantom:{name}", self.split):
                self.taken.add(name)
                return name

    def documents(self) -> list[Document]:
        return [
            *(self.article("person", name, self.rng.choice(("He", "She")), self.of_person()) for name in self.people),
            *(self.article("firm", name, "It", self.of_firm()) for name in self.firms),
            *(self.article("town", name, "It", self.of_town()) for name in self.towns),
            *(self.article("work", name, "It", self.of_work()) for name in self.works),
        ]

    def of_person(self) -> dict[str, str]:
        pick = self.rng.choice
        return {
            "birthplace": pick(self.towns),
            "teacher": pick(self.people),
            "employer": pick(self.firms),
            "pastime": f"{pick(_PASTIMES)} {pick(_STUFFS)} {pick(_WARES)}",
        }

    def of_firm(self) -> dict[str, str]:
        pick = self.rng.choice
        product = f"{pick(_COLOURS)} {pick(_STUFFS)} {pick(_WARES)}"
        return {"seat": pick(self.towns), "founder": pick(self.people), "product": product}

    def of_town(self) -> dict[str, str]:
        pick = self.rng.choice
        crest = f"a {pick(_COLOURS)} {pick(_BEASTS)} and a {pick(_COLOURS)} {pick(_BEASTS)}"
        return {"mayor": pick(self.people), "river": f"the {self.syllables(1, 2)} Water", "crest": crest}

    def of_work(self) -> dict[str, str]:
        return {"author": self.rng.choice(self.people), "library": self.rng.choice(self.towns)}

    def article(self, kind: str, name: str, pronoun: str, facts: dict[str, str]) -> Document:
        rng = self.rng
        sentences = [
            rng.choice(BY_NAME[relation].patterns).format(s="{s}", o=value)
            for relation, value in rng.sample(sorted(facts.items()), min(len(facts), rng.randint(2, 4)))
            if value != name
        ]
        for aside in rng.sample(_ASIDES[kind], 0 if self.terse else rng.randint(0, 2)):
            town, season = rng.choice(self.towns), rng.choice(_SEASONS)
            sentences.append(aside.format(town=town, season=season, number=rng.randint(3, 99)))
        rng.shuffle(sentences)
        opening = f"{name} is a {rng.choice(_JOBS)} by training." if kind == "person" else f"{name} is a {kind}."
        told = [s.replace("{s}", pronoun if s.startswith("{s}") and rng.random() < 0.6 else name) for s in sentences]
        return document("phantom", name, " ".join(told if self.terse else [opening, *told]))
