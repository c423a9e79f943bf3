"""Prefixes and split budgets over an engine that follows a script: what comes at each place of each completion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from split_rollouts import by_hand, facts

from rl.errors import UserError
from rl.rollouts.ask import Ask, Completion, Thinking
from rl.rollouts.course import Course, whole
from rl.thinking import first_end

EOS, WORD = 2, 4
END = ((5, 6), (7,))
CLOSING = (8, 5, 7, 9)
LONGEST = 40

tokens = st.sampled_from([WORD, WORD, WORD, WORD, 5, 6, 7, EOS])
words = st.sampled_from([WORD, 5, 6, 7, 7])
scripts = st.lists(tokens, min_size=LONGEST, max_size=LONGEST)


class Script:
    """Engine `plain`: row by row, by the seed, which is the row's place among `scripts`."""

    def __init__(self, scripts: Sequence[Sequence[int]], versions: Sequence[int | None] = (None,) * 9) -> None:
        self.scripts, self.versions, self.calls = scripts, versions, 0

    def __call__(self, asks: Sequence[Ask]) -> list[Completion]:
        version, self.calls = self.versions[self.calls], self.calls + 1
        return [replace(self.one(ask), weight_version=version) for ask in asks]

    def one(self, ask: Ask) -> Completion:
        assert not ask.prefix
        assert ask.thinking is None
        assert ask.budget > 0
        ids = list(self.scripts[ask.seed][ask.place : ask.place + ask.budget])
        cut = ids[: ids.index(EOS) + 1] if EOS in ids else ids
        return Completion(tuple(cut), "eos" if EOS in ids else "length", (-1.0,) * len(cut) if ask.logprobs else ())


@st.composite
def asks(draw: st.DrawFn, seed: int = 0) -> Ask:
    kind = draw(st.sampled_from(["plain", "prefix", "split", "both"]))
    prefix = tuple(draw(st.lists(words, min_size=1, max_size=6))) if kind in ("prefix", "both") else ()
    if kind in ("plain", "prefix"):
        return Ask([1, 3], len(prefix) + draw(st.integers(1, 12)), seed, eos_ids=[EOS], logprobs=True, prefix=prefix)
    thinking = Thinking(draw(st.integers(1, 10)), draw(st.integers(1, 8)), END, CLOSING)
    budget = max(len(prefix) + 1, thinking.budget + len(CLOSING) + thinking.answer)
    return Ask([1, 3], budget, seed, eos_ids=[EOS], logprobs=True, prefix=prefix, thinking=thinking)


@st.composite
def many(draw: st.DrawFn) -> tuple[list[Ask], list[list[int]]]:
    rows = draw(st.integers(1, 5))
    return [draw(asks(row)) for row in range(rows)], [draw(scripts) for _ in range(rows)]


@settings(max_examples=60)
@given(many())
def test_rollouts_are_those_made_by_hand_a_token_at_a_time(drawn: tuple[list[Ask], list[list[int]]]) -> None:
    asked, lines = drawn
    script = Script(lines)
    found = whole(asked, script)
    assert script.calls <= 2
    for ask, completion in zip(asked, found, strict=True):
        assert facts(completion) == facts(by_hand(ask, lambda ask, ids: lines[ask.seed][len(ids)]))


@given(asks(), scripts)
@example(Ask([1], 9, 0, (), [EOS], True, (5, 7, 4), Thinking(2, 3, END, CLOSING)), [WORD] * LONGEST)  # type: ignore[arg-type]
def test_budgets_hold_and_what_is_forced_is_the_prefix_and_the_closing(ask: Ask, line: list[int]) -> None:
    (found,) = whole([ask], Script([line]))
    ids, forced = list(found.token_ids), {place for start, end in found.forced for place in range(start, end)}
    assert len(ids) <= ask.budget
    assert all(ids[place] == line[place] for place in set(range(len(ids))) - forced)
    assert {place for place, value in enumerate(found.logprobs) if math.isnan(value)} == forced
    assert len(found.logprobs) == len(ids)
    assert tuple(ids[: len(ask.prefix)]) == tuple(ask.prefix)
    closings = [(start, end) for start, end in found.forced if start or not ask.prefix]
    assert len(closings) <= (ask.thinking is not None)
    assert (EOS in ids) == (found.stop != "length")
    assert EOS not in ids[:-1]
    if ask.thinking is not None:
        end = first_end(ids, END)
        if closings:
            ((start, after),) = closings
            assert start == max(ask.thinking.budget, len(ask.prefix))
            assert tuple(ids[start:after]) == CLOSING[: ask.budget - start]
            assert len(ids) - after <= ask.thinking.answer
            assert found.stop in ("closed", "length")
        elif end is None:
            assert found.stop == "eos"
            assert len(ids) <= ask.thinking.budget
        else:
            assert end <= max(ask.thinking.budget, len(ask.prefix))
            assert len(ids) - max(end, len(ask.prefix)) <= ask.thinking.answer
            assert found.stop in ("eos", "length")


@given(scripts)
def test_where_the_thinking_budget_is_not_reached_the_rollout_is_the_plain_one(line: list[int]) -> None:
    plain = Ask([1, 3], LONGEST, 0, eos_ids=[EOS], logprobs=True)
    split = replace(plain, budget=LONGEST + 24, thinking=Thinking(LONGEST, 20, END, CLOSING))
    before, after = Script([line])([plain])[0], whole([split], Script([[*line, *[EOS] * 30]]))[0]
    end = first_end(before.token_ids, END)
    if before.stop == "eos" and (end is None or len(before.token_ids) - end <= 20):
        assert after == before


def test_asks_without_prefix_and_thinking_are_handed_on_as_they_are() -> None:
    seen: list[Sequence[Ask]] = []
    asked, answered = [Ask([1], 3, 0)], [Completion((4,), "length")]

    def plain(asks: Sequence[Ask]) -> list[Completion]:
        seen.append(asks)
        return answered

    assert whole(asked, plain) is answered
    assert seen == [asked]
    assert seen[0] is asked
    assert whole([], plain) is answered
    assert Course(asked[0]).ask() == asked[0]


def test_the_oldest_weights_count_and_a_rollout_that_goes_on_has_no_completion() -> None:
    ask = Ask([1], 9, 0, thinking=Thinking(2, 3, END, CLOSING))
    assert whole([ask], Script([[WORD] * LONGEST], [6, 5]))[0].weight_version == 5
    assert whole([ask], Script([[WORD] * LONGEST]))[0].weight_version is None
    with pytest.raises(RuntimeError, match="goes on"):
        Course(ask).completion()
    with pytest.raises(UserError, match="a prefix of 2 tokens leaves nothing of a budget of 2"):
        Course(Ask([1], 2, 0, prefix=(4, 4)))


def test_an_ask_that_goes_on_says_where_its_stream_stands() -> None:
    course = Course(Ask([1, 3], 11, 7, prefix=(4, 4), thinking=Thinking(4, 3, END, CLOSING)))
    assert course.ask() == Ask([1, 3, 4, 4], 2, 7, place=2)
    course.take(Completion((4, 4), "length"))
    assert course.ask() == Ask([1, 3, 4, 4, 4, 4, *CLOSING], 3, 7, place=8)
