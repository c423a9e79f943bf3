"""The chains of links: each key once, each chain followable, one question behind the start key."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from data_synth.check.parsed import Parsed
from data_synth.check.text import count_whole, standing_among


class Fault(NamedTuple):
    """One thing that is wrong with a row: the name of the check, and what was found."""

    check: str
    reason: str


def chain_faults(parsed: Parsed) -> Iterator[Fault]:
    """Everything about the links of a `keychain` row, from the text alone and then against the columns."""
    for place in parsed.broken[:1]:
        yield Fault("json", f"{parsed.text[place : place + 60]!r} at character {place} is no link")
    yield from _graph(parsed)
    yield from _start(parsed)
    yield from _collisions(parsed)
    yield from _columns(parsed)


def _graph(parsed: Parsed) -> Iterator[Fault]:
    following = parsed.following
    for key, count in Counter(link.key for link in parsed.links).items():
        if count > 1:
            yield Fault("duplicate-key", f"key {key} is given {count} times")
    for value, count in Counter(link.value for link in parsed.links).items():
        if count > 1:
            what = f"key {value} is" if value in following else f"question {value!r} is"
            yield Fault("merge", f"{what} the value of {count} links")
    walks = {head: walk(following, head) for head in heads(parsed)}
    reached = {key for keys, _ in walks.values() for key in keys}
    circling = [key for key in following if key not in reached] + [h for h, (_, end) in walks.items() if end is None]
    if circling:
        yield Fault("cycle", f"the links from key {circling[0]} run in a circle")
    hops = len(parsed.row.chain)
    wrong = [(head, len(keys)) for head, (keys, end) in walks.items() if end is not None and len(keys) != hops]
    if wrong:
        yield Fault("hops", f"the chain from {wrong[0][0]} has {wrong[0][1]} links, not {hops}")
    known = {parsed.row.question, *(d.question for d in parsed.row.distractors)}
    ends = [end for _, end in walks.values() if end is not None]
    astray = [end for end in ends if end not in known]
    if astray:
        yield Fault("dangling", f"a chain ends in {astray[0]!r}, which is no question of this row")
    missing = [question for question in known if question not in ends]
    if missing:
        yield Fault("dangling", f"no chain ends in {missing[0]!r}")


def _start(parsed: Parsed) -> Iterator[Fault]:
    """The key that the closing paragraph names, and where it leads."""
    row = parsed.row
    named = standing_among(parsed.foot, parsed.following)
    times = sum(count_whole(parsed.foot, key) for key in named)
    if len(named) != 1 or times != 1:
        yield Fault("start-key", f"the closing paragraph names {len(named)} keys, {times} times, not one once")
    if row.start_key not in named:
        yield Fault("start-key", f"the closing paragraph names {', '.join(named) or 'none'}, the row {row.start_key}")
    for start in named[:1]:
        keys, end = walk(parsed.following, start)
        if end != row.question:
            yield Fault("walk", f"from {start} one comes to {end!r} after {len(keys)} links, not to the question")
        if tuple(keys) != row.chain:
            yield Fault("walk", f"from {start} the keys are {', '.join(keys)}, the row has {', '.join(row.chain)}")
        if start in parsed.following.values():
            yield Fault("start-key", f"{start} is not the first key of its chain")


def _collisions(parsed: Parsed) -> Iterator[Fault]:
    """A key stands where it is given, where it is the value, and the first one in the closing paragraph."""
    prose = parsed.prose[: -len(parsed.foot)] if parsed.foot else parsed.prose
    found = standing_among("\n".join([prose, *parsed.questions]), parsed.following)
    if found:
        yield Fault("key-collision", f"key {found[0]} stands outside the links too")


def _columns(parsed: Parsed) -> Iterator[Fault]:
    """The column `links` must say of each link where it stands, and its chain and hop."""
    listed = {offset: (chain, hop) for offset, chain, hop in parsed.row.links}
    at = {link.start: link for link in parsed.links}
    if len(listed) != len(parsed.row.links) or listed.keys() != at.keys():
        odd = sorted(listed.keys() ^ at.keys())[:1]
        yield Fault("links", f"{len(at)} links in the text, {len(listed)} listed; they differ at character {odd}")
        return
    places = {link.key: listed[start] for start, link in at.items()}
    chains = defaultdict(set)
    for head in heads(parsed):
        keys, _ = walk(parsed.following, head)
        for hop, key in enumerate(keys):
            if places[key][1] != hop:
                yield Fault("links", f"key {key} is hop {hop} of its chain, listed as {places[key][1]}")
                return
            chains[head].add(places[key][0])
    numbers = [number for found in chains.values() for number in found]
    if len(numbers) != len(chains) or len(set(numbers)) != len(chains):
        yield Fault("links", "the listed numbers of the chains are not one a chain")
    outside = len(at) - sum(len(passage.places) for passage in parsed.passages)
    if outside:
        yield Fault("links", f"{outside} links stand in no document")


def heads(parsed: Parsed) -> list[str]:
    """The keys that no link leads to."""
    values = {link.value for link in parsed.links}
    return [key for key in parsed.following if key not in values]


def walk(following: dict[str, str], start: str) -> tuple[list[str], str | None]:
    """The keys looked up from `start`, and the value at the end; None in a circle."""
    keys: dict[str, None] = {}
    place = start
    while place in following:
        if place in keys:
            return list(keys), None
        keys[place] = None
        place = following[place]
    return list(keys), place
