"""What stands in a prompt: links, passages, sentence ends, words. Knows nothing of how prompts are made."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

_PAIRS = json.JSONDecoder(object_pairs_hook=lambda pairs: pairs)
_PASSAGE = re.compile(r"^Passage (\d+):\n", re.MULTILINE)
_ARTICLES = {"a", "an", "the"}
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_SENTENCE_END = re.compile(r"[.?!][\"'”’)\]]*\Z")
_OPENERS = "\"'“‘(["
_SLOT = re.compile(r"(?<=[.?!])[\"'”’)\]]*\s+|\n")
_NEAR = 80
"""Characters around a place that tell whether a sentence ends there."""


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` (exclusive) of the user turn."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Link:
    """One `{"key": "value"}.` in the text, the full stop included in its span."""

    start: int
    end: int
    key: str
    value: str


def read_links(text: str) -> tuple[list[Link], list[int]]:
    """The links in text order, and the offsets of what begins like one and is none.

    A link is a JSON object of one pair of strings, followed by a full stop.
    """
    links: list[Link] = []
    broken: list[int] = []
    place = text.find('{"')
    while place >= 0:
        try:
            pairs, end = _PAIRS.raw_decode(text, place)
        except ValueError:
            pairs, end = None, place + 2
        if _is_link(pairs) and text[end : end + 1] == ".":
            ((key, value),) = pairs
            links.append(Link(place, end + 1, key, value))
            end += 1
        else:
            broken.append(place)
        place = text.find('{"', end)
    return links, broken


def _is_link(pairs: Any) -> bool:
    return isinstance(pairs, list) and len(pairs) == 1 and all(isinstance(part, str) for part in pairs[0])


def read_passages(text: str) -> list[Span]:
    """The headers `Passage 1:`, `Passage 2:`, … in order; a passage's text begins where its header ends."""
    headers: list[Span] = []
    for match in _PASSAGE.finditer(text):
        if int(match[1]) == len(headers) + 1:
            headers.append(Span(match.start(), match.end()))
    return headers


def normalised(text: str) -> str:
    """Lower-cased words without punctuation and articles, one space between."""
    words = text.lower().translate(_PUNCTUATION).split()
    return " ".join(word for word in words if word not in _ARTICLES)


def contains_words(text: str, part: str) -> bool:
    """Whether `part` stands in `text` as whole words; both normalised, an empty part never."""
    return bool(part) and f" {part} " in f" {text} "


def count_whole(text: str, part: str) -> int:
    """How often `part` stands in `text` and is not part of a longer word or number."""
    count, place = 0, text.find(part)
    while place >= 0:
        end = place + len(part)
        if not (text[place - 1 : place].isalnum() or text[end : end + 1].isalnum()):
            count += 1
        place = text.find(part, place + 1)
    return count


def standing_among(text: str, words: Iterable[str]) -> list[str]:
    """Those of `words` that stand in the text as whole words.

    Only runs of characters that the words are made of are searched: with hexadecimal keys hardly any.
    """
    wanted = [word for word in words if word]
    if not wanted:
        return []
    alphabet = re.escape("".join(sorted(set("".join(wanted)))))
    runs = "\n".join(re.findall(f"[{alphabet}]{{{min(map(len, wanted))},}}", text))
    return [word for word in wanted if word in runs and count_whole(text, word)]


def take_out(text: str, spans: Sequence[Span], side: str) -> tuple[str, list[int]]:
    """The text without `spans`, and where in it each of them stood.

    `side` says which white space went in with an insertion: `before`, `after` or `none`.
    """
    parts: list[str] = []
    places: list[int] = []
    done = length = 0
    for span in spans:
        start, end = span.start, span.end
        if side == "before" and start > done and text[start - 1].isspace():
            start -= 1
        if side == "after" and text[end : end + 1].isspace():
            end += 1
        start = max(start, done)
        parts.append(text[done:start])
        length += start - done
        places.append(length)
        done = end
    parts.append(text[done:])
    return "".join(parts), places


def sentence_ends_at(text: str, place: int) -> bool:
    """Whether a sentence or a line ends at `place` (white space on either side of it does not count).

    A sentence ends with one of `.?!`, then white space, then anything but a small letter.
    """
    before, after = text[max(0, place - _NEAR) : place].rstrip(" "), text[place : place + _NEAR].lstrip(" ")
    if not before or not after or before.endswith("\n") or after.startswith("\n"):
        return True
    apart = text[place - 1].isspace() or text[place].isspace()
    follows = after.lstrip(_OPENERS)[:1]
    return apart and bool(_SENTENCE_END.search(before)) and not follows.islower() and follows not in (",", ";", ":")


def slot_ends(text: str) -> list[int]:
    """Where the white space after each sentence or line ends, in order, and the end of the text."""
    return [match.end() for match in _SLOT.finditer(text)] + [len(text)]


def title_of(document: str) -> str:
    """A document's first line."""
    return document.partition("\n")[0].strip()
