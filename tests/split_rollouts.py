"""Rollouts with prefixes and split budgets, by hand: one row, one token at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rl.rollouts.ask import Ask, Completion, End

Draw = Callable[[Ask, Sequence[int]], int]
"""The next token of an ask's completion, of which these are there."""


def by_hand(ask: Ask, draw: Draw) -> Completion:
    """What an ask is to be answered with, log-probs apart."""
    ids, forced, thinking = list(ask.prefix), [(0, len(ask.prefix))] if ask.prefix else [], ask.thinking
    closed, room = False, None
    if thinking and any(ends(ids[:count], thinking.end) for count in range(len(ids) + 1)):
        room = thinking.answer
    while True:
        if thinking and room is None and len(ids) >= thinking.budget:
            closing = thinking.closing[: ask.budget - len(ids)]
            forced.append((len(ids), len(ids) + len(closing)))
            closed, room, ids = True, thinking.answer, [*ids, *closing]
        if room == 0 or len(ids) == ask.budget:
            return Completion(tuple(ids), "length", forced=tuple(forced))
        ids.append(draw(ask, ids))
        room = None if room is None else room - 1
        if ids[-1] in ask.eos_ids:
            return Completion(tuple(ids), "closed" if closed else "eos", forced=tuple(forced))
        if thinking and room is None and ends(ids, thinking.end):
            room = thinking.answer


def ends(ids: Sequence[int], end: End) -> bool:
    """Whether thinking ends with the last token."""
    tail = ids[-len(end) :]
    return len(tail) == len(end) and all(id in known for id, known in zip(tail, end, strict=True))


def facts(completion: Completion) -> tuple[list[int], str, object]:
    """What two rollouts are to have in common; log-probs may be NaN, which equals nothing."""
    return list(completion.token_ids), completion.stop, completion.forced
