"""Which groups a round trains on, what is left over, and what is counted."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from makers import Rounds, group, rollout

from curricula.sampled import Sampled as SampledBudget
from curricula.stages import Stages
from rewards import Group, History, Problem
from rewards.length.hapo import Hapo
from rl.errors import UserError
from rl.folders.run import RunFolder
from rl.rounds.budgets import Budgets
from rl.rounds.metrics import round_metrics
from rl.rounds.records import records
from rl.rounds.round import Filled, Sampled, ScoredGroup
from rl.rounds.sampling import Acceptance, RoundSampling
from rl.rounds.scoring import varies

NOTHING = torch.zeros(0)


class World:
    """Groups that vary or not as a script says, numbered in the order in which they are drawn."""

    def __init__(self, script: Sequence[bool], wanted: int, most_draws: int) -> None:
        self.script = list(script)
        self.sampling = RoundSampling(wanted, most_draws)
        self.drawn = 0
        self.asked: list[int] = []
        self.budget = 9

    def draw(self, count: int, attempt: int) -> list[Sampled]:
        self.asked.append(count)
        found = []
        for _ in range(count):
            useful = self.script[self.drawn % len(self.script)]
            rollouts = (rollout(1, 1), rollout(2, float(not useful)))
            found.append(Sampled(group(*rollouts, id=str(self.drawn)), self.budget, self.step))
            self.drawn += 1
        return found

    def round(self, step: int, last: bool = False) -> Filled:
        self.step = step
        return self.sampling.fill(
            self.draw,
            lambda sampled: [ScoredGroup(s.group, NOTHING, NOTHING, s) for s in sampled],
            lambda scored: varies(scored, "raw"),
            lambda sampled: sampled.budget == self.budget,
            last,
        )


def ids(groups: Sequence[ScoredGroup]) -> list[int]:
    return [int(scored.group.problem.id) for scored in groups]


@given(
    script=st.lists(st.booleans(), min_size=1, max_size=40),
    wanted=st.integers(1, 8),
    most=st.integers(1, 4),
    rounds=st.integers(1, 6),
    changes=st.sets(st.integers(0, 5)),
)
def test_every_group_that_is_drawn_goes_to_one_place_once(
    script: list[bool], wanted: int, most: int, rounds: int, changes: set[int]
) -> None:
    world = World(script, wanted, most)
    seen: Counter[int] = Counter()
    for step in range(rounds):
        world.budget += step in changes
        filled = world.round(step, last=step == rounds - 1)
        seen.update(ids(list(filled.everything())))
        assert len(filled.batch) == wanted
        assert sum(not varies(s, "raw") for s in filled.batch) == filled.unfilled
        assert all(s.sampled.budget == world.budget for s in filled.batch)  # none trains under another's budget
        assert all(s.sampled.step >= step - 1 for s in filled.everything())  # none waits for more than a round
        assert filled.reused == sum(s.sampled.step < step and varies(s, "raw") for s in filled.batch)
        assert filled.varied == sum(varies(s, "raw") for s in filled.drawn)
        assert 1 <= filled.draws <= most
        assert filled.leftover == len(world.sampling.leftover) < wanted
        steps = [s.sampled.step for s in filled.visited()]
        assert steps == sorted(s.sampled.step for s in filled.everything())
    assert seen == Counter(range(world.drawn))  # the last round keeps nothing back
    assert max(world.asked) <= wanted


def test_a_refill_asks_for_what_is_missing_divided_by_the_share_that_varied() -> None:
    world = World([True, False, False, False], wanted=8, most_draws=3)
    filled = world.round(0)
    # 2 of 8 vary: 6 are missing, 6 / ((0.8 + 2) / (0.8 + 8)) = 18.9, and never more than 8.
    assert world.asked == [8, 8, 8]
    assert filled.unfilled == 2
    half = World([True, False], wanted=8, most_draws=3)
    half.round(0)
    # 4 of 8 vary: 4 are missing, 4 / ((0.8 + 4) / (0.8 + 8)) = 7.3.
    assert half.asked == [8, 8]
    good = World([True, True, True, False], wanted=8, most_draws=3)
    filled = good.round(0)
    # 6 of 8 vary: 2 / ((0.8 + 6) / (0.8 + 8)) = 2.6, of which all three vary.
    assert good.asked == [8, 3]
    assert (filled.leftover, filled.acceptance) == (1, pytest.approx((0.64 + 4.8 + 3) / (0.64 + 6.4 + 3)))
    # One was left over, so seven are missing: 7 / 0.84 = 8.3.
    assert (good.round(1).reused, good.asked[2]) == (1, 8)


@given(st.integers(1, 100), st.integers(0, 100), st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=50))
def test_a_draw_is_between_what_is_missing_and_a_batch(missing: int, more: int, seen: list[tuple[int, int]]) -> None:
    acceptance = Acceptance()
    for useful, flat in seen:
        acceptance.see(useful, useful + flat)
    assert 0 <= acceptance.rate <= 1
    assert missing <= acceptance.groups_for(missing, missing + more) <= missing + more


def test_what_never_varies_is_asked_for_in_whole_batches() -> None:
    acceptance = Acceptance()
    for _ in range(5000):
        acceptance.see(0, 8)
    assert acceptance.rate == 0
    assert acceptance.groups_for(3, 8) == 8


def test_leftovers_and_the_acceptance_rate_survive_a_checkpoint() -> None:
    problem = Problem("p", [{"role": "user", "content": "1+1=?"}], "2", {"difficulty": 3})
    rollouts = (replace(rollout(2, 1), token_ids=(5, 6), given={"g": None}), rollout(3, None, "length"))
    asked = replace(problem, prompt=[{"role": "user", "content": "1+1=? (9 tokens)"}])
    before = RoundSampling(4, 2)
    before.leftover = [Sampled(Group(asked, rollouts), 9, 6)]
    before.acceptance.see(1, 3)
    after = RoundSampling(4, 2)
    after.load_state_dict(json.loads(json.dumps(before.state_dict())), [problem])
    assert after.leftover == before.leftover
    assert after.acceptance.rate == before.acceptance.rate
    with pytest.raises(UserError, match=r"problem p, which data\.train no longer has"):
        RoundSampling(4, 2).load_state_dict(before.state_dict(), [])


@pytest.fixture
def with_leftovers(make_trainer: Any) -> Any:
    """A trainer whose model hardly changes, at a budget where three of four groups vary."""

    def make(**settings: Any) -> Any:
        return make_trainer(**{"dynamic_sampling": True, "max_steps": 10, "learning_rate": 1e-6, "seed": 2, **settings})

    return make


def test_a_leftover_trains_in_the_next_round_and_is_written_once(with_leftovers: Any, tmp_path: Path) -> None:
    run, rounds = RunFolder(tmp_path / "run"), Rounds()
    run.path.mkdir()

    def on_round(round_: Any) -> None:
        rounds.append(round_)
        run.write_rollouts(round_.number, records(round_))

    trainer = with_leftovers(rewards=[Hapo()], on_round=on_round)
    trainer.train()
    assert sum(round_.reused for round_ in rounds) > 0
    for before, after in pairwise(rounds):
        assert after.reused == before.leftover - after.stale
        waited = [s for s in after.everything() if s.sampled.step == before.step]
        assert len(waited) == before.leftover
        assert [w.group for w in waited if w in after.batch] == [w.sampled.group for w in waited if w in after.batch]
    rows = [row for path in sorted(run.rollouts.iterdir()) for row in pq.read_table(path).to_pylist()]
    assert len(rows) == 4 * sum(len(round_.drawn) for round_ in rounds)
    assert {row["step"] - row["weight_version"] for row in rows} == {0, 2}
    drawn = Counter(r.text for round_ in rounds for s in round_.drawn for r in s.group.rollouts)
    assert Counter(row["completion"] for row in rows) == drawn


def test_a_leftover_is_scored_and_observed_when_it_is_used(with_leftovers: Any, problems: list[Problem]) -> None:
    rounds = Rounds()
    trainer = with_leftovers(rewards=[Hapo()], on_round=rounds, problems_=problems[:6], max_steps=12)
    trainer.train()
    assert sum(round_.reused for round_ in rounds) > 0
    history = History()
    for round_ in rounds:
        for scored in round_.everything():
            assert scored.totals.tolist() == pytest.approx(Hapo()(scored.group, history))
        for scored in round_.visited():
            Hapo().observe(scored.group, history)
    assert trainer.rounds.history.state_dict() == history.state_dict()


@pytest.mark.parametrize(
    ("schedule", "moves"),
    [(Stages(tokens=[60, 59, 58, 57, 56, 55], interval=2), True), (SampledBudget(40, 60), False)],
)
def test_a_leftover_is_dropped_where_the_budget_has_moved(with_leftovers: Any, schedule: Any, moves: bool) -> None:
    rounds = Rounds()
    budget = Budgets(schedule, "{prompt} ({budget} tokens)")
    with_leftovers(on_round=rounds, budget=budget, max_steps=12).train()
    stale, reused = (sum(getattr(round_, kind) for round_ in rounds) for kind in ("stale", "reused"))
    assert (stale > 0, reused > 0) == (moves, not moves)
    for round_ in rounds:
        for scored in round_.batch:
            expected = budget.of(round_.step, scored.group.problem)
            assert {r.budget for r in scored.group.rollouts} == {expected}
            prompt = scored.group.problem.prompt
            assert isinstance(prompt, list)
            assert prompt[-1]["content"].endswith(f"({expected} tokens)")


def test_what_is_counted_adds_up(with_leftovers: Any) -> None:
    rounds = Rounds()
    trainer = with_leftovers(on_round=rounds)
    trainer.train()
    for round_ in rounds:
        metrics = round_metrics(round_, trainer.rounds.history)
        assert metrics["sampling/kept"] + metrics["sampling/all_right"] + metrics[
            "sampling/all_wrong"
        ] == pytest.approx(1)
        assert metrics["sampling/rounds"] == round_.draws
        assert metrics["sampling/unfilled"] == 4 - sum(varies(s, "raw") for s in round_.batch)
        assert metrics["sampling/leftover"] == round_.leftover
    logged = [line for line in trainer.state.log_history if "sampling/reused" in line]
    assert [line["sampling/reused"] for line in logged] == [round_.reused for round_ in rounds]
