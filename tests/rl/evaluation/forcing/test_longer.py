"""Thinking kept from ending: by hand with an engine that says what it is told, and at smaller caps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from transformers import PreTrainedTokenizerBase

from rewards import Problem
from rewards.verifier import MathVerifier
from rl.errors import UserError
from rl.evaluation import Protocol, at_cap
from rl.evaluation.forcing.asked import Longer
from rl.evaluation.forcing.ids import Ids, concrete
from rl.evaluation.forcing.longer import lengthened
from rl.evaluation.sampling import Answerer, evaluate
from rl.rollouts import Ask, Completion

END, WAIT, EOS = 5, 9, 2
IDS = Ids(((END,),), True, wait=(WAIT, WAIT))


def ask(budget: int = 20) -> Ask:
    return Ask([1], budget, 7, eos_ids=[EOS])


def says(*answers: Sequence[int]) -> tuple[list[list[Ask]], object]:
    """An engine that gives the first ask of each call the next of these answers after its prefix."""
    calls: list[list[Ask]] = []

    def generate(asks: Sequence[Ask]) -> list[Completion]:
        calls.append(list(asks))
        whole = [[*each.prefix, *answers[len(calls) - 1]][: each.budget] for each in asks]
        return [Completion(ids, "eos" if ids[-1] == EOS else "length") for ids in whole]

    return calls, generate


def test_the_end_gives_way_as_often_as_it_may_and_the_rollout_goes_on_there() -> None:
    calls, generate = says([3, 3, END, 4, EOS], [3, END, 4, EOS], [END, 4, 4, EOS])
    (found,) = lengthened(generate, [ask()], Longer(2), IDS)  # type: ignore[arg-type]
    assert list(found.token_ids) == [3, 3, WAIT, WAIT, 3, WAIT, WAIT, END, 4, 4, EOS]
    assert [[tuple(each.prefix) for each in call] for call in calls] == [
        [()], [(3, 3, WAIT, WAIT)], [(3, 3, WAIT, WAIT, 3, WAIT, WAIT)],
    ]  # fmt: skip
    assert {(each.budget, each.seed) for call in calls for each in call} == {(20, 7)}


@pytest.mark.parametrize(
    ("answer", "longer"),
    [
        ([3, 3, END, 4, EOS], Longer(1, minimum=3)),  # thought for long enough
        ([3, 3, 4, EOS], Longer(1)),  # never ended its thinking
    ],
)
def test_what_need_not_go_on_is_left_as_it_is_and_every_rank_asks_as_often(answer: list[int], longer: Longer) -> None:
    calls, generate = says(answer, [])
    (found,) = lengthened(generate, [ask()], longer, IDS)  # type: ignore[arg-type]
    assert list(found.token_ids) == answer
    assert [len(call) for call in calls] == [1, 0]


def test_what_is_forced_is_cut_at_the_cap() -> None:
    _, generate = says([3, 3, END], [])
    (found,) = lengthened(generate, [ask(3)], Longer(1), IDS)  # type: ignore[arg-type]
    assert (list(found.token_ids), found.stop) == ([3, 3, WAIT], "length")


def test_thinking_made_longer_is_longer_and_at_a_smaller_cap_the_beginning_of_itself(
    answerer: Answerer, tokenizer: PreTrainedTokenizerBase, problems: list[Problem], verifier: MathVerifier
) -> None:
    protocol = concrete(Protocol(cap=200, samples=2, longer=Longer(2, minimum=60)), tokenizer)
    full = evaluate(answerer, problems, verifier, protocol)
    plain = evaluate(answerer, problems, verifier, replace(protocol, longer=None))
    waited = [row for row in full.rows if "Wait" in row["completion"]]
    early = [r for r in plain.rows if r["completion"].startswith("<think>") and r["completion"].find("</think>") > 0]
    assert len(waited) > 2
    assert len(early) >= len(waited)
    assert [r for r in full.rows if r not in waited] == [
        own for own, r in zip(plain.rows, full.rows, strict=True) if r not in waited
    ]
    assert full.tokens.mean > plain.tokens.mean
    by_id = {problem.id: problem for problem in problems}
    for cap in (30, 50, 90):
        sampled = evaluate(answerer, problems, verifier, replace(protocol, cap=cap)).rows
        assert at_cap(full.rows, cap, by_id, tokenizer, verifier, "judge") == sampled


def test_counts_below_one_are_refused() -> None:
    for wrong in ({"times": 0}, {"minimum": 0}):
        with pytest.raises(UserError, match="must be at least 1, not 0"):
            Longer(**wrong)
