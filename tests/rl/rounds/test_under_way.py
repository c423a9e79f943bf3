"""Rounds that close once enough groups are whole, by an engine whose rollouts have a long tail of lengths."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from itertools import count
from math import sqrt
from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curricula import Constant
from rewards import Problem
from rewards.length.truncation import Truncation
from rewards.verifier.exact import ExactMatch
from rl.errors import UserError
from rl.rollouts import Ask, Completion
from rl.rollouts.ask import Begun
from rl.rollouts.partial import Enough, PartialRollout, Told, advance
from rl.rounds.asking import Asker
from rl.rounds.budgets import Budgets
from rl.rounds.maker import RoundMaker, RoundSettings
from rl.rounds.partial.length_balance import LengthBalance
from rl.rounds.partial.under_way import shares
from rl.rounds.round import Round

PROBLEMS = [Problem(str(number), f"Say 1 ({number}).", "1") for number in range(40)]
LONGEST = 400


class Tailed:
    """Draws a token for all its rollouts at a time, whose lengths are those of `whole`, from weights `version`."""

    def __init__(self) -> None:
        self.version = 0
        self.began: list[int] = []
        """The length of each rollout that was begun."""

    def generate(self, asks: Sequence[Ask]) -> list[Completion]:
        raise AssertionError("nothing is asked for at once")

    def advance(self, rollouts: Sequence[PartialRollout], enough: Enough) -> None:
        self.began += [len(whole(each.ask)) for each in rollouts if each.begun is None and each.completion is None]
        advance(rollouts, self._sample, enough)

    def _sample(self, asks: Sequence[Ask], told: Told) -> list[Begun | None]:
        left = [whole(ask)[ask.place :] for ask in asks]
        for made in count(1):
            ended = [i for i, ids in enumerate(left) if len(ids) == made]
            answers = [Completion(left[i], "eos", [-1.0] * made, self.version) for i in ended]
            said = [told(i, answer) for i, answer in zip(ended, answers, strict=True)]
            if any(said) or made == max(map(len, left)):
                break
        return [None if len(ids) <= made else Begun(ids[:made], [-1.0] * made, ((self.version, made),)) for ids in left]


def whole(ask: Ask) -> list[int]:
    """All tokens of a rollout: some 20, in the mean 50."""
    draw = random.Random(ask.seed)
    length = min(LONGEST, 1 + int(draw.lognormvariate(3.0, 1.3)))
    return [*range(10, 9 + length), draw.choice([1, 2])]


def make_maker(engine: Tailed, **settings: object) -> RoundMaker:
    given = {"groups": 4, "size": 2, "oversample": 1.5, "max_staleness": 2, **settings}
    return RoundMaker(
        PROBLEMS,
        [Truncation()],
        Budgets(Constant(LONGEST)),
        ExactMatch(),
        Asker(engine, lambda prompts: [[1]] * len(prompts), logprobs=lambda step: True),
        lambda completions: [rf"\boxed{{{each.token_ids[-1]}}}" for each in completions],
        RoundSettings(**given),  # type: ignore[arg-type]
    )


def run(maker: RoundMaker, engine: Tailed, steps: range, end: int) -> list[Round]:
    rounds = []
    for step in steps:
        engine.version = step
        rounds.append(maker.make(step, end))
    return rounds


def said(round_: Round) -> list[tuple[object, ...]]:
    return [
        (r.problem_id, list(r.token_ids), list(r.logprobs), r.weight_version, r.segments) for r in round_.rollouts()
    ]


@pytest.mark.parametrize("staleness", [1, 2, 4])
def test_a_run_trains_on_what_it_began_each_rollout_once_and_none_too_old(staleness: int) -> None:
    engine = Tailed()
    rounds = run(make_maker(engine, max_staleness=staleness), engine, range(30), 30)
    lengths = [[r.length for r in each.rollouts()] for each in rounds]
    assert {len(each) for each in lengths} == {8}
    assert Counter(length for each in lengths for length in each) == Counter(engine.began)
    assert fmean(lengths[0]) < fmean(engine.began[:12]), "the first round closes by its short ones"
    ages = [each.step - r.weight_version for each in rounds for r in each.rollouts() if r.weight_version is not None]
    assert 0 < max(ages) <= staleness


def test_each_token_names_the_weights_that_drew_it() -> None:
    engine = Tailed()
    rounds = run(make_maker(engine), engine, range(10), 10)
    several = [(each.step, r) for each in rounds for r in each.rollouts() if r.segments]
    assert len(several) > 5
    for step, rollout in several:
        versions, ends = zip(*rollout.segments, strict=True)
        assert versions == tuple(range(rollout.weight_version or 0, versions[-1] + 1)), "it went on each round"
        assert versions[-1] <= step
        assert ends == tuple(sorted(set(ends)))
        assert ends[-1] == rollout.length
        assert list(rollout.token_ids[:-1]) == list(range(10, 9 + rollout.length)), (
            "no token is twice there, or left out"
        )


def test_a_run_goes_on_with_what_was_paused_as_if_nothing_had_stopped_it() -> None:
    engine, other = Tailed(), Tailed()
    unbroken = make_maker(engine)
    rounds = run(unbroken, engine, range(6), 12)
    state = json.loads(json.dumps(unbroken.state_dict()))
    assert len(state["under_way"]["groups"]) == 2
    assert any(each["begun"] for group in state["under_way"]["groups"] for each in group["rollouts"])
    expected = [said(each) for each in run(unbroken, engine, range(6, 12), 12)]
    resumed = make_maker(other)
    resumed.load_state_dict(state)
    assert [said(each) for each in run(resumed, other, range(6, 12), 12)] == expected
    assert len(rounds) + len(expected) == 12
    assert resumed.under_way is not None
    assert unbroken.under_way is not None
    assert resumed.under_way.lengths.state_dict() == unbroken.under_way.lengths.state_dict()


def test_dynamic_sampling_draws_from_what_is_under_way() -> None:
    engine = Tailed()
    rounds = run(make_maker(engine, dynamic=True, draws=3, size=4), engine, range(12), 12)
    assert {len(each.batch) for each in rounds} == {4}
    done = [r.length for each in rounds for scored in each.drawn for r in scored.group.rollouts]
    assert Counter(done) == Counter(engine.began), "whatever was begun was whole in some round"


def test_the_gap_of_lengths_is_that_of_a_round_to_what_it_began_once_that_is_whole() -> None:
    lengths = LengthBalance()
    for step in range(9):
        lengths.begin(step, 2)
        # 10 and 30 tokens each round; the longer trains a round later.
        lengths.close(step, [(step, 10), (step - 1, 30 + step)] if step else [(step, 10)])
        assert lengths.gap() is None
    lengths.begin(9, 1)
    lengths.close(9, [(9, 10), (8, 40)])
    # Rounds 1 to 8: (10 + 30 + n) / 2 - (10 + 31 + n) / 2 = -0.5 each, but for 8: 24 - 25 = -1. Round 9: 25 - 10.
    mean, error = lengths.gap() or (0.0, 0.0)
    assert mean == pytest.approx((7 * -0.5 - 1 + 15) / 9)
    assert error == pytest.approx(pstdev([*[-0.5] * 7, -1, 15]) / sqrt(8))
    assert (lengths.begun, lengths.ended) == (19, 19)


@pytest.mark.parametrize("seed", range(3))
def test_no_alarm_where_long_rollouts_train_later_and_one_where_lengths_grow_faster_than_they_train(seed: int) -> None:
    engine = Tailed()
    maker = make_maker(engine, seed=seed)
    run(maker, engine, range(60), 60)
    assert maker.under_way is not None
    mean, error = maker.under_way.lengths.gap() or (0.0, 0.0)
    assert abs(mean) < 2 * error
    growing = LengthBalance()
    for step in range(12):
        growing.begin(step, 4)
        late = [(step - 1, 40 + 20 * (step - 1))] if step else []
        growing.close(step, [*[(step, 10 + 5 * step)] * 3, *late])
    mean, error = growing.gap() or (0.0, 0.0)
    assert mean < -2 * error


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.data())
def test_ranks_bring_as_many_groups_as_the_others_or_all_they_hold(held: list[int], data: st.DataObject) -> None:
    wanted = data.draw(st.integers(0, sum(held)))
    found = shares(held, wanted)
    assert sum(found) == wanted
    assert all(each <= most for each, most in zip(found, held, strict=True))
    assert all(each == most or each >= max(found) - 1 for each, most in zip(found, held, strict=True))


def test_an_engine_that_cannot_pause_is_refused_and_so_are_rollouts_that_may_not_grow_old() -> None:
    class Plain:
        generate = Tailed.generate

    with pytest.raises(UserError, match="this engine cannot"):
        make_maker(Plain())  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"rollouts\.max_staleness 0 forbids"):
        make_maker(Tailed(), max_staleness=0)
