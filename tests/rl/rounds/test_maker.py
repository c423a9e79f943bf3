"""Rounds without a model: an engine of chance, a verifier, and all that happens between them."""

import json
import random
from collections.abc import Sequence

import pytest

from curricula import Constant, ProblemOrder
from curricula.order import PassRateWindow
from rewards import History, Problem
from rewards.length.hapo import Hapo
from rewards.types import Prompt
from rewards.verifier.exact import ExactMatch
from rl.rollouts import Ask, Completion
from rl.rounds.asking import Asker
from rl.rounds.budgets import Budgets
from rl.rounds.maker import RoundMaker, RoundSettings
from rl.rounds.round import Round

PROBLEMS = [Problem(str(number), f"Say 1 ({number}).", "1") for number in range(24)]


class ByChance:
    """Thinks for up to 40 tokens, then says 1 or 2; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Ask] = []

    def generate(self, asks: Sequence[Ask]) -> list[Completion]:
        self.asked += asks
        found = []
        for ask in asks:
            draw = random.Random(ask.seed)
            ids = (*[0] * draw.randint(1, 40), 1 if draw.random() < 0.3 else 2)
            cut = ids[: ask.budget]
            found.append(Completion(cut, "eos" if cut == ids else "length"))
        return found


def encode(prompts: Sequence[Prompt]) -> list[list[int]]:
    return [[ord(sign) for sign in prompt if isinstance(sign, str)] for prompt in prompts]


def decode(completions: Sequence[Completion]) -> list[str]:
    return [rf"\boxed{{{completion.token_ids[-1]}}}" for completion in completions]


def make_maker(engine: ByChance, order: ProblemOrder | None = None, **settings: object) -> RoundMaker:
    given: dict[str, object] = {"groups": 4, "size": 8, "dynamic": True, "draws": 4, **settings}
    return RoundMaker(
        PROBLEMS,
        [Hapo()],
        Budgets(Constant(30)),
        ExactMatch(),
        Asker(engine, encode),
        decode,
        RoundSettings(**given),  # type: ignore[arg-type]
        order=order,
    )


def said(round_: Round) -> list[tuple[str, Sequence[int], float]]:
    """Of each rollout that trains its problem, its tokens and its advantage."""
    rollouts = zip(round_.rollouts(), round_.advantages.tolist(), strict=True)
    return [(rollout.problem_id, rollout.token_ids, advantage) for rollout, advantage in rollouts]


def test_ten_rounds_of_hapo_with_dynamic_sampling_take_an_engine_and_a_verifier() -> None:
    engine = ByChance()
    maker = make_maker(engine)
    rounds = [maker.make(step) for step in range(10)]
    assert [round_.number for round_ in rounds] == list(range(10))
    for round_ in rounds:
        assert round_.advantages.shape == (32,)
        assert round_.unfilled == 0
        for scored in round_.batch:
            assert len({rollout.raw_reward for rollout in scored.group.rollouts}) == 2
        rows = round_.advantages.view(4, 8)
        assert rows.mean(1).abs().max() < 1e-6
        assert rows.std(1) == pytest.approx([1.0] * 4, abs=1e-2)
    assert len(engine.asked) == 8 * sum(len(round_.drawn) for round_ in rounds)
    history = History()  # HAPO's own, by hand: every group is observed once, in the order it was sampled
    for round_ in rounds:
        for scored in round_.visited():
            Hapo().observe(scored.group, history)
    assert maker.history.state_dict() == history.state_dict()


def test_what_an_engine_is_asked_is_the_problems_prompt_with_its_budget_and_a_seed_of_its_own() -> None:
    engine = ByChance()
    make_maker(engine, dynamic=False).make(0)
    assert len(engine.asked) == 32
    assert {ask.budget for ask in engine.asked} == {30}
    assert len({ask.seed for ask in engine.asked}) == 32
    prompts = ["".join(map(chr, ask.prompt)) for ask in engine.asked]
    assert prompts == [prompt for prompt in dict.fromkeys(prompts) for _ in range(8)]
    assert set(prompts) <= {problem.prompt for problem in PROBLEMS}


@pytest.mark.parametrize("order", [None, PassRateWindow(0.0, 0.9)])
def test_rounds_go_on_from_a_state_as_if_nothing_had_stopped_them(order: ProblemOrder | None) -> None:
    unbroken, broken = make_maker(ByChance(), order), make_maker(ByChance(), order)
    expected = [said(unbroken.make(step)) for step in range(8)]
    assert [said(broken.make(step)) for step in range(4)] == expected[:4]
    resumed = make_maker(ByChance(), order)
    resumed.load_state_dict(json.loads(json.dumps(broken.state_dict())))
    assert [said(resumed.make(step)) for step in range(4, 8)] == expected[4:]


def test_the_last_round_of_a_run_keeps_nothing_for_a_next_one() -> None:
    kept = [make_maker(ByChance(), seed=seed).make(0).leftover for seed in range(8)]
    assert max(kept) > 0
    assert [make_maker(ByChance(), seed=seed).make(0, end=1).leftover for seed in range(8)] == [0] * 8
