"""Prefixes and split budgets by the transformers engine, against a loop of one row and whole prompts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import pytest
import torch
from split_rollouts import by_hand, facts
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rewards import Problem
from rl.evaluation import encode_prompts
from rl.rollouts import Ask, Completion, Sampling, TransformersEngine, generate
from rl.rollouts.ask import Thinking
from rl.rollouts.partial import PartialRollout
from rl.rollouts.streams import uniform
from rl.thinking import closing_of, end_of


@pytest.fixture
def asked(tokenizer: PreTrainedTokenizerBase, problems: list[Problem]) -> list[Ask]:
    """Of all kinds."""
    prompts = encode_prompts(tokenizer, problems[:8])
    end = end_of(tokenizer, None)
    closing = closing_of(tokenizer, "\n</think>\n", end)
    begun, over = (tuple(tokenizer(text)["input_ids"]) for text in ("<think>\n", "<think>\n</think>"))
    kinds = [
        ((), None),
        (begun, None),
        ((), Thinking(8, 20, end, closing)),
        ((), Thinking(40, 5, end, closing)),
        (begun, Thinking(14, 12, end, closing)),
        (over, Thinking(2, 11, end, closing)),
        (begun, Thinking(1, 9, end, closing)),
    ]
    return [
        Ask(prompts[i % 8], 16 if split is None else 3 + sum(split[:2]), 77 + i, Sampling(), [tokenizer.eos_token_id], True, forced, split)
        for i, (forced, split) in enumerate(3 * kinds)
    ]  # fmt: skip


@torch.no_grad()
def next_of(model: PreTrainedModel, ask: Ask, ids: Sequence[int]) -> int:
    logits = model(torch.tensor([[*ask.prompt, *ids]])).logits[0, -1].float()
    cumulated = logits.softmax(-1).cumsum(-1)
    point = uniform(torch.tensor([ask.seed]), torch.tensor([len(ids)])) * cumulated[-1].double()
    return int(torch.searchsorted(cumulated, point.float(), right=True))


def test_rollouts_are_those_of_one_row_whatever_runs_beside_them(model: PreTrainedModel, asked: list[Ask]) -> None:
    naive = [facts(by_hand(ask, lambda ask, ids: next_of(model, ask, ids))) for ask in asked]
    assert {stop for _, stop, _ in naive} == {"eos", "length", "closed"}
    for size in (None, 5, 1):
        assert [facts(completion) for completion in generate(model, asked, size)] == naive
    assert [facts(completion) for completion in generate(model, asked[::-1], 3)] == naive[::-1]


@pytest.mark.parametrize("size", [None, 4])
def test_rollouts_that_were_paused_and_gone_on_with_are_those_that_nobody_paused(
    model: PreTrainedModel, asked: list[Ask], size: int | None
) -> None:
    engine, round_ = TransformersEngine(batch_size=size), 0
    rollouts = [PartialRollout(ask) for ask in asked]

    def ended() -> list[Completion]:
        return [each.completion for each in rollouts if each.completion is not None]

    while (before := len(ended())) < len(rollouts):
        engine.load_weights(lambda: nullcontext(model), round_)
        engine.advance(rollouts, partial(lambda least: len(ended()) >= least, before + 5))
        round_ += 1
    straight = generate(model, asked, size)
    assert [facts(each) for each in ended()] == [facts(each) for each in straight]
    for each, whole in zip(ended(), straight, strict=True):
        torch.testing.assert_close(
            torch.tensor(each.logprobs), torch.tensor(whole.logprobs), atol=1e-5, rtol=1e-5, equal_nan=True
        )
    several = [each for each in ended() if each.segments]
    assert len(several) > 3, "hardly any was paused"
    for each in several:
        versions, ends = zip(*each.segments, strict=True)
        assert versions[0] == each.weight_version
        assert list(versions) == sorted(set(versions))
        assert list(ends) == sorted(set(ends))
        assert ends[-1] == len(each.token_ids)


def test_log_probs_are_the_models_and_nan_where_tokens_were_forced(model: PreTrainedModel, asked: list[Ask]) -> None:
    for ask, completion in zip(asked[:8], generate(model, asked[:8]), strict=True):
        ids = torch.tensor([[*ask.prompt, *completion.token_ids]])
        with torch.no_grad():
            logits = model(ids).logits[0, len(ask.prompt) - 1 : -1].float()
        own = logits.log_softmax(-1).gather(1, ids[0, len(ask.prompt) :].unsqueeze(1)).squeeze(1)
        forced = torch.zeros_like(own, dtype=torch.bool)
        for start, end in completion.forced:
            forced[start:end] = True
        found = torch.tensor(completion.logprobs)
        assert torch.equal(found.isnan(), forced)
        torch.testing.assert_close(found[~forced], own[~forced], atol=1e-4, rtol=0)
        assert math.isnan(found[0]) == bool(ask.prefix)


def test_a_thinking_budget_that_is_not_reached_changes_nothing(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, asked: list[Ask]
) -> None:
    plain = [replace(ask, prefix=(), thinking=None, budget=40) for ask in asked]
    end = end_of(tokenizer, None)
    split = [replace(ask, thinking=Thinking(40, 40, end, (0,)), budget=81) for ask in plain]
    whole, parts = generate(model, plain), generate(model, split)
    ended = [(one, other) for one, other in zip(whole, parts, strict=True) if one.stop == "eos"]
    assert len(ended) > 4
    assert all(one == other for one, other in ended)


def test_the_engine_says_which_weights_drew_a_rollout_of_several_pieces(
    model: PreTrainedModel, asked: list[Ask]
) -> None:
    from contextlib import nullcontext

    engine = TransformersEngine()
    entered = []
    engine.load_weights(lambda: entered.append(1) or nullcontext(model), 6)  # type: ignore[func-returns-value]
    found: list[Completion] = engine.generate(asked[:4])
    assert [completion.weight_version for completion in found] == [6] * 4
    assert len(entered) == 1
