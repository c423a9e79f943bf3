"""Thinking closed at budgets: from one sampling, and what a loop by hand, or an engine's own split budget, gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rewards import Problem
from rewards.verifier import MathVerifier
from rl.errors import UserError
from rl.evaluation import Evaluation, Protocol, encode_prompts
from rl.evaluation.forcing.asked import Forced
from rl.evaluation.forcing.ids import concrete
from rl.evaluation.forcing.places import place_of, places_at
from rl.evaluation.forcing.points import Closing
from rl.evaluation.sampling import Answerer, evaluate
from rl.rollouts import generate
from rl.rollouts.ask import Thinking
from rl.thinking import closing_of, end_of

FORCED = Forced((12, 40, 90), answer=20, name="custom", closing="\n{end}\n", fresh_line=True)
THINKS = Protocol(cap=160, samples=2, seed=3, prefix="{begin}", forced=FORCED)
Points = Callable[..., tuple[Evaluation, dict[int, Evaluation]]]


@pytest.fixture
def measured(answerer: Answerer, tokenizer: PreTrainedTokenizerBase, problems: list[Problem], verifier: MathVerifier) -> Points:  # fmt: skip
    """The plain evaluation and those at budgets."""

    def measure(
        protocol: Protocol = THINKS, out: Path | None = None, batch: int = 99, plain: Evaluation | None = None
    ) -> tuple[Evaluation, dict[int, Evaluation]]:
        protocol = concrete(protocol, tokenizer)
        plain = plain or evaluate(answerer, problems, verifier, protocol.plain())
        closing = Closing(problems, verifier, protocol, tokenizer, answerer.name, lambda: answerer, out, batch)
        return plain, closing.points(plain)

    return measure


def test_one_sampling_of_the_thinking_serves_all_budgets(measured: Points, watched: Any) -> None:
    plain, points = measured()
    first, *others = watched.calls
    assert [ask.budget for ask in first] == [THINKS.cap] * len(plain.rows)
    closed = {budget: [r for r in point.rows if r["closing"]] for budget, point in points.items()}
    assert [len(call) for call in others] == [len(closed[budget]) for budget in FORCED.budgets]
    assert len(closed[12]) > len(closed[40]) > len(closed[90]) > 0
    # Beyond it nothing but answers is asked for.
    assert {ask.budget - len(ask.prefix) for call in others for ask in call} == {FORCED.answer}
    for budget, call in zip(FORCED.budgets, others, strict=True):
        prefixes = sorted(tuple(ask.prefix[:budget]) for ask in call)
        assert prefixes == sorted(tuple(r["token_ids"][:budget]) for r in closed[budget])


def test_what_had_ended_within_a_budget_keeps_its_answer_cut_at_the_answers_budget(
    measured: Points, tokenizer: PreTrainedTokenizerBase
) -> None:
    plain, points = measured()
    end = tokenizer.convert_tokens_to_ids("</think>")
    kinds = set()
    for budget, point in points.items():
        for row, whole in zip(point.rows, plain.rows, strict=True):
            ids = whole["token_ids"]
            thinking = ids.index(end) + 1 if end in ids else len(ids)
            assert (row["problem_id"], row["sample"]) == (whole["problem_id"], whole["sample"])
            assert row["force_at"] == budget
            if thinking > budget:
                assert row["token_ids"][:budget] == ids[:budget]
                assert row["closing"] in ("\n</think>\n", "</think>\n")
                assert row["closing"].startswith("\n") != tokenizer.decode(ids[:budget]).endswith("\n")
                closing = tokenizer(row["closing"])["input_ids"]
                assert row["token_ids"][budget : budget + len(closing)] == closing
                assert row["length"] == budget + len(closing) + row["answered"]
                assert row["stop"] == ("closed" if row["token_ids"][-1] == tokenizer.eos_token_id else "length")
                assert row["stop"] == "closed" or row["answered"] == FORCED.answer
            else:
                assert row["token_ids"] == ids[: thinking + FORCED.answer]
                assert (row["closing"], row["thinking"]) == (None, thinking)
                assert row["stop"] == ("eos" if len(row["token_ids"]) == len(ids) else "length")
            assert row["length"] == len(row["token_ids"])
            kinds.add((row["closing"], row["stop"]))
    assert len(kinds) >= 5


def test_greedy_answers_are_those_of_a_loop_by_hand(
    measured: Points, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, problems: list[Problem]
) -> None:
    closing = tokenizer("</think>")["input_ids"]
    forced = Forced((12, 40), answer=20)
    _, points = measured(replace(THINKS, temperature=0.0, samples=1, forced=forced))

    def greedy(ids: list[int], tokens: int) -> list[int]:
        with torch.no_grad():
            found = model.generate(
                torch.tensor([ids]), do_sample=False, max_new_tokens=tokens, eos_token_id=tokenizer.eos_token_id,
                pad_token_id=0, attention_mask=torch.ones(1, len(ids), dtype=torch.long),
            )  # fmt: skip
        return [int(id) for id in found[0, len(ids) :]]

    closed = 0
    for prompt, *rows in zip(encode_prompts(tokenizer, problems), *(points[b].rows for b in (12, 40)), strict=True):
        begun = tokenizer("<think>\n")["input_ids"]
        thought = [*begun, *greedy([*prompt, *begun], 40 - len(begun))]
        for budget, row in zip((12, 40), rows, strict=True):
            if closing[0] not in thought[:budget]:
                before = [*thought[:budget], *closing]
                assert row["token_ids"] == [*before, *greedy([*prompt, *before], 20)]
                closed += 1
    assert closed > 8


def test_sampled_answers_are_those_of_a_split_budget_whatever_runs_beside_them(
    measured: Points, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, watched: Any
) -> None:
    _, points = measured(replace(THINKS, temperature=0.8, forced=Forced((90,), answer=40)))
    end = end_of(tokenizer, None)
    thinking = Thinking(90, 40, end, closing_of(tokenizer, None, end))
    asks = [replace(ask, budget=131, thinking=thinking) for ask in watched.calls[0]]
    split = sorted((list(each.token_ids), each.stop) for each in generate(model, asks, 3))
    assert split == sorted((row["token_ids"], row["stop"]) for row in points[90].rows)
    assert {"closed", "eos"} <= {stop for _, stop in split}


def test_killed_after_a_batch_it_goes_on_and_asks_nothing_twice(
    measured: Points, answerer: Answerer, watched: Any, tmp_path: Path
) -> None:
    out = tmp_path / "a.parquet"
    plain, whole = measured()
    closed = [len(call) for call in watched.calls[1:]]
    watched.calls.clear()
    # The first budget in batches of four, and the second is begun.
    watched.last = -(-closed[0] // 4) + 1
    with pytest.raises(type(watched).killed):
        measured(out=out, batch=4, plain=plain)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-at-12.parquet", "a-at-40.parquet.parts"]
    watched.last = 99
    _, points = measured(out=out, batch=4, plain=plain)
    assert {budget: point.rows for budget, point in points.items()} == {b: point.rows for b, point in whole.items()}
    asked = [(tuple(ask.prompt), tuple(ask.prefix), ask.seed) for ask in watched.asks]
    assert len(asked) == len(set(asked)) == sum(closed)
    assert list(places_at(out)) == [12, 40, 90]
    assert len(list(tmp_path.iterdir())) == 3
    # Counted again, and at a further budget: what is there is not asked for.
    watched.calls.clear()
    _, again = measured(replace(THINKS, forced=replace(FORCED, budgets=(12, 25, 90))), out, 99, plain)
    assert {(budget, again[budget].rows == whole[budget].rows) for budget in (12, 90)} == {(12, True), (90, True)}
    assert len(watched.calls) == 1
    assert Evaluation.load(place_of(out, 25)).rows == again[25].rows


def test_another_closing_in_the_same_place_is_refused(measured: Points, tmp_path: Path) -> None:
    forced = replace(FORCED, budgets=(12,))
    plain, _ = measured(replace(THINKS, forced=forced), tmp_path / "a.parquet")
    for other in (replace(forced, closing="{end}"), replace(forced, answer=19)):
        with pytest.raises(UserError, match=r"a-at-12.parquet was begun under another protocol \(forced "):
            measured(replace(THINKS, forced=other), tmp_path / "a.parquet", 99, plain)


def test_completions_that_do_not_think_are_answers_and_nothing_is_closed(measured: Points) -> None:
    plain, points = measured(replace(THINKS, prefix="<short>\n", forced=Forced((12,), answer=20)))
    assert {row["closing"] for row in points[12].rows} == {None}
    assert {row["thinking"] for row in points[12].rows} == {0}
    assert [row["token_ids"] for row in points[12].rows] == [row["token_ids"][:20] for row in plain.rows]
