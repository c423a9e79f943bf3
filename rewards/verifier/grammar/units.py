r"""Units, with or without `\text{…}`: what is a unit, and which are the same.

A word after a number is a unit; a letter or two may be variables as well, and are told by the other side.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from rewards.verifier.grammar.names import FUNCTIONS, GREEK
from rewards.verifier.grammar.trees import Unread
from rewards.verifier.grammar.words import FUNCTION_WORDS, HEDGES, is_product

_TABLE = """
length m 1 meter metre
length km 1000 kilometer kilometre kms
length cm 1/100 centimeter centimetre cms
length mm 1/1000 millimeter millimetre
length nm 1/1000000000 nanometer nanometre
length in 127/5000 inch inche
length ft 381/1250 foot feet
length yd 1143/1250 yard
length mi 201168/125 mile
mass g 1 gram gm
mass kg 1000 kilogram kgs kilo
mass mg 1/1000 milligram
mass lb 45359237/100000 pound
mass oz 45359237/1600000 ounce
mass ton 1000000 tonne
time s 1 second sec
time ms 1/1000 millisecond
time min 60 minute
time h 3600 hour hr
time day 86400
time week 604800
time month 2629746
time year 31556952 yr
money dollar 1 usd buck
money cent 1/100
euro euro 1 eur
rupee rupee 1 rs
volume L 1 l liter litre
volume mL 1/1000 ml milliliter millilitre
volume gal 1 gallon
volume qt 1/4 quart
volume pt 1/8 pint
current A 1 ampere amp
force N 1 newton
energy J 1 joule
energy kJ 1000 kilojoule
energy kWh 3600000
power W 1 watt
power kW 1000 kilowatt
voltage V 1 volt
pressure Pa 1 pascal
frequency Hz 1 hertz
temperature celsius 1 °c
fahrenheit fahrenheit 1 °f
kelvin K 1 kelvin
angle degree 1 ° deg
radian rad 1 radian
morning am 1
afternoon pm 1
"""
"""What is measured, the unit's sign, how many of the first it is, other names. A plural's s is taken off before."""


@dataclass(frozen=True)
class Unit:
    """A unit: as it was called, and, where it is a known one, its size and the powers of what it measures."""

    name: str
    size: Fraction = Fraction(1)
    measures: tuple[tuple[str, int], ...] | None = None


def _table() -> dict[str, tuple[str, Fraction, str]]:
    found = {}
    for line in _TABLE.strip().splitlines():
        measured, sign, size, *names = line.split()
        for name in (sign, *names):
            found[name] = (measured, Fraction(size), sign)
    return found


_KNOWN = _table()
PERCENT = frozenset(("percent", "pct", "percentage", "%"))
_SHORT = frozenset(name for name in _KNOWN if len(name) == 1 and name.isalpha()) - {"V", "A", "K"}
"""Letters that are units where they stand, after a space, behind a number and nothing else."""
_MPH = {"mph": "mi/h", "kph": "km/h", "kmph": "km/h", "kmh": "km/h", "fps": "ft/s", "mps": "m/s", "sqft": "ft^2"}
_AREAS = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}
_GROUP = r"\\(?:text|textbf|textit|textrm|textnormal|mathrm|mathbf|mathit|mbox|operatorname)\s*"
_WORDS = _GROUP + r"\{((?:[^{}\\$]|\\cdot(?![A-Za-z]))*(?:\{-?[0-9]\}[^{}\\$]*)?)\}"
_POWER = r"(?:\s*\^\s*(?:-?[0-9]|\{-?[0-9]\}))?"
_OVER = r"\s*(?:/|\\cdot(?![A-Za-z])|\\times(?![A-Za-z]))?\s*"
_DRESSED = re.compile(rf"(?<=[0-9A-Za-z)}}\]!°])\s*((?:{_WORDS}{_POWER}{_OVER})+)$")
_QUOTIENT = re.compile(rf"\\frac\s*\{{\s*({_WORDS}{_POWER})\s*\}}\s*\{{\s*({_WORDS}{_POWER})\s*\}}$")
_PIECE = re.compile(rf"{_WORDS}({_POWER})|(/)|\\(?:cdot|times)")
_BARE = re.compile(
    r"(?:[0-9)}\]°]|\\pi(?![A-Za-z]))(\s*)"
    r"([A-Za-z][A-Za-z .']*(?:\^\{?-?[0-9]\}?|[23](?![0-9]))?(?:\s*/\s*[A-Za-z]+(?:\^\{?[0-9]\}?)?)?)$"
)
_ORDINAL = re.compile(r"(?<=[0-9])\s*\^?\s*\{?\s*(?:" + _GROUP + r"\{\s*)?(st|nd|rd|th)\s*\}{0,2}$")
_DEGREES = re.compile(r"°\s*(?:" + _GROUP + r"\{\s*)?([CF])?\s*\}?$")
_APPLIED = re.compile("|".join(FUNCTIONS))
_ALLOWED = re.compile(r"(?:[A-Za-z .°/~'^{}()-]|(?<=[A-Za-z^{-])[0-9])*")
_CLOCK = re.compile(r"\b([ap])\.\s?m\b\.?")
_HEAT = re.compile(r"(?:degrees?|deg|°)\s*([cf])(?:elsius|ahrenheit)?\b", re.IGNORECASE)
_TOKEN = re.compile(r"([A-Za-z°]+)\.?(?:\s*\^?\s*\{?(-?[0-9])\}?)?|(/)|.")
_QUANTITY = re.compile(rf"([0-9]{{1,18}}(?:\.[0-9]{{1,18}})?)\s*(?:{_GROUP}\{{([A-Za-z .]+)\}}|([A-Za-z]+))\.?\s*,?\s*")
_QUANTITIES = re.compile(rf"(?:{_QUANTITY.pattern}){{2,4}}")
COMPOUND = "+"
"""The name of a unit of what is measured in several: it is no plain number."""
_RAISED = re.compile(r"(?<=[A-Za-z])\s+(squared|cubed)$")
_CHANGE = frozenset([
    "hundred", "thousand", "million", "billion", "trillion", "dozen", "hundreds", "thousands", "millions", "billions",
    "trillions", "dozens", "tens", "power", "score", "half", "halves", "third", "thirds",
    "fourths", "quarter", "quarters", "fifths", "sixths", "eighths", "tenths", "hundredths", "thousandths", "squared",
    "cubed", "factorial", "plus", "minus", "negative", "below", "times", "over",
])  # fmt: skip
"""Words that make another value of the number before them."""
_SCALES = frozenset(("k", "M", "B", "bn", "mn"))
"""Thousands, millions and billions."""


@dataclass(frozen=True)
class Cut:
    """An answer without its unit. `letters`: how the unit reads as variables, where it may be some."""

    rest: str
    unit: Unit | None = None
    letters: str | None = None


def cut(text: str) -> Cut:
    """Take a closing unit off. Errors: Unread where words follow that say more than a unit does."""
    last = text[-1:]
    if last in "0123456789)]" and (len(text) < 3 or not (text[-2] in "^-" or text[-2].isalpha())) and last != "":
        return Cut(text)
    degrees = _DEGREES.search(text) if "°" in text and not _APPLIED.search(text) else None
    if degrees and degrees.start():
        return Cut(text[: degrees.start()].rstrip(), unit_of({"C": "celsius", "F": "fahrenheit"}.get(degrees[1], "°")))
    ordinal = _ORDINAL.search(text)
    if ordinal and _suits(text[: ordinal.start()], ordinal[1]):
        return Cut(text[: ordinal.start()])
    if r"\frac" in text and last == "}":
        text = _QUOTIENT.sub(lambda found: f"{found[1]}/{found[3]}", text)
    dressed = _DRESSED.search(text) if "\\" in text else None
    return _without_bare(text) if dressed is None else _without_dressed(text, dressed)


def compound(text: str) -> tuple[Fraction, Unit] | None:
    """The sum that `6 ft 2 in` is, in the first unit of what is measured; None for anything else."""
    if not _QUANTITIES.fullmatch(text):
        return None
    found = [(Fraction(number), unit_of(dressed or bare)) for number, dressed, bare in _QUANTITY.findall(text)]
    measures = found[0][1].measures
    if measures is None or any(unit.measures != measures for _, unit in found):
        return None
    return sum((number * unit.size for number, unit in found), Fraction(0)), Unit(COMPOUND, measures=measures)


def _suits(digits: str, ending: str) -> bool:
    """Whether a number has this ending: 21st, 12th."""
    teen = digits[-2:-1] == "1"
    return ending == ("th" if teen else {"1": "st", "2": "nd", "3": "rd"}.get(digits[-1:], "th"))


def _without_dressed(text: str, found: re.Match[str]) -> Cut:
    name = " ".join((m[1] or "") + (m[2] or "") + (m[3] or "") for m in _PIECE.finditer(found[1]))
    name = name.replace("\\cdot", " ").strip()
    name = _raised(name)
    words = set(re.findall("[a-z]+", name.lower()))
    if not _ALLOWED.fullmatch(name) or words & (HEDGES | _CHANGE) or name in _SCALES:
        raise Unread
    if name.lower() in PERCENT:
        return Cut(text)
    if len(name) == 1 and "\\math" in found[1] and name not in _KNOWN:
        return Cut(f"{text[: found.start()]} {name}")
    return Cut(text[: found.start()].rstrip(), unit_of(name) if name else None)


def _without_bare(text: str) -> Cut:
    found = _BARE.search(text)
    if found is None:
        return Cut(text)
    name = _raised(found[2].strip())
    words = re.findall("[A-Za-z]+", name)
    small = {word.lower() for word in words}
    if small & _CHANGE:
        raise Unread
    if small & (HEDGES | FUNCTION_WORDS | GREEK) or words[-1].lower() in PERCENT:
        return Cut(text)
    rest, unit = text[: found.start(2)].rstrip(), unit_of(name)
    spaced = bool(found[1]) or rest[-1:] in "}°"
    if spaced and any(map(_is_noun, words)) and all(_is_noun(word) or len(word) > 1 for word in words):
        return Cut(rest, unit)
    if unit.measures is not None and (len(words[0]) > 1 or len(words) > 1 or (found[1] and words[0] in _SHORT)):
        return Cut(rest, unit, None if any(len(word) > 4 for word in words) else name)
    return Cut(text)


def _raised(name: str) -> str:
    """`cm squared` as `cm^2`."""
    return _RAISED.sub(lambda found: "^2" if found[1] == "squared" else "^3", name)


def _is_noun(word: str) -> bool:
    """Whether it can only be a word: of three letters or more, and no product of letters."""
    return len(word) > 2 and not word.isupper() and not is_product(word) and word.lower() not in _MPH


def _sign(word: str) -> str:
    """A unit's name as the table has it."""
    for name in (word, word.lower(), word.lower().removesuffix("s"), word.lower().removesuffix("es")):
        if name in _KNOWN:
            return name
    return word


@lru_cache(maxsize=1024)
def unit_of(name: str) -> Unit:
    """What a unit's name says: `cm^2`, `square cm`, `miles per hour`, `m/s^2`, `apples`."""
    plain = _CLOCK.sub(r"\1m", " ".join(name.replace("~", " ").split()))
    plain = _HEAT.sub(r"°\1", plain)
    powers: dict[str, int] = {}
    size, sign, area = Fraction(1), 1, 1
    text = _MPH.get(plain.lower(), plain)
    for match in _TOKEN.finditer(re.sub(r"\bper\b", "/", text)):
        word, power, slash = match.groups()
        if slash:
            sign = -1
        if word is None:
            continue
        if word.lower() in _AREAS:
            area = _AREAS[word.lower()]
            continue
        key = _sign(word)
        if key not in _KNOWN:
            return Unit(plain)
        measured, factor, _ = _KNOWN[key]
        exponent = sign * (int(power) if power else 1) * area
        area = 1
        size *= factor**exponent
        powers[measured] = powers.get(measured, 0) + exponent
    measures = tuple(sorted((what, power) for what, power in powers.items() if power))
    return Unit(plain, size, measures or None)
