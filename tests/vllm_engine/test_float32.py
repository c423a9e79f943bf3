"""One engine in this process, in float32: what it samples is the model's, token by token."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from rl.rollouts import Ask, Sampling, TransformersEngine
from rl.rollouts.check import FLOAT32_TOLERANCE, WeightCheck, distance, logprobs_of


def test_it_refuses_to_sample_before_it_has_weights(engine: Any, prompts: Any, eos: Any) -> None:
    if engine.health().version is None:
        assert not engine.health().ready
        with pytest.raises(RuntimeError, match="load_weights comes before"):
            engine.generate(Ask.each(prompts, [4] * 4, Sampling(), eos_ids=eos, seeds=range(4)))


def test_logprobs_agree_after_each_sync_and_only_then(
    engine: Any, model: Any, prompts: Any, eos: Any, perturb: Any, lend: Any
) -> None:
    for version in range(3):
        engine.load_weights(lend(model), version)
        completions = engine.generate(
            Ask.each(prompts, [40] * 4, Sampling(), eos_ids=eos, seeds=range(version, version + 4), logprobs=True)
        )
        for prompt, completion in zip(prompts, completions, strict=True):
            with torch.no_grad():
                own = logprobs_of(model, prompt, completion)
            assert float((own - torch.tensor(completion.logprobs)).abs().max()) <= 1e-4
            assert completion.weight_version == version
        perturb(model)
        assert distance(engine, lend(model), prompts, eos, 8) > 100 * FLOAT32_TOLERANCE
    assert engine.health().version == 2


@pytest.fixture
def synced(engine: Any, model: Any, lend: Any) -> Any:
    engine.load_weights(lend(model), 7)
    return engine


def test_each_completion_ends_with_eos_or_at_its_own_budget(synced: Any, prompts: Any, eos: Any) -> None:
    budgets = [1, 3, 17, 400] * 8
    done = synced.generate(Ask.each(prompts * 8, budgets, Sampling(), eos_ids=eos, seeds=range(32)))
    assert {c.stop for c in done} == {"eos", "length"}
    for completion, budget in zip(done, budgets, strict=True):
        assert len(completion.token_ids) <= budget
        assert (completion.token_ids[-1] in eos) == (completion.stop == "eos")
        assert not set(eos) & set(completion.token_ids[:-1])
        assert completion.stop == "eos" or len(completion.token_ids) == budget
        assert completion.logprobs == ()


def test_what_is_drawn_is_a_function_of_the_seed(synced: Any, prompts: Any, eos: Any) -> None:
    def drawn(rows: Any, seeds: Any) -> list[tuple[int, ...]]:
        return [
            c.token_ids for c in synced.generate(Ask.each(rows, [30] * len(rows), Sampling(), eos_ids=eos, seeds=seeds))
        ]

    seeds = [2**62 - 1, 5, 6, 7]
    together = drawn(prompts, seeds)
    assert together == drawn(prompts, seeds) == drawn(prompts[::-1], seeds[::-1])[::-1]
    assert len(set(drawn([prompts[0]] * 8, range(8)))) > 1


def test_other_ends_than_those_named_are_tokens_like_any_other(synced: Any, prompts: Any, eos: Any) -> None:
    done = synced.generate(Ask.each(prompts, [200] * 4, Sampling(), eos_ids=[], seeds=range(4)))
    assert all(c.stop == "length" and len(c.token_ids) == 200 for c in done)
    assert any(set(eos) & set(c.token_ids) for c in done)


def test_greedy_completions_are_those_of_the_transformers_engine(
    synced: Any, model: Any, prompts: Any, eos: Any
) -> None:
    ask: Any = {"eos_ids": eos, "seeds": range(4), "logprobs": True}
    theirs = synced.generate(Ask.each(prompts, [60] * 4, Sampling(temperature=0), **ask))
    ours = TransformersEngine(model).generate(Ask.each(prompts, [60] * 4, Sampling(temperature=0), **ask))
    assert [c.token_ids for c in theirs] == [c.token_ids for c in ours]


@pytest.mark.parametrize(
    "sampling", [Sampling(0.7), Sampling(1.0, top_p=0.8), Sampling(1.3, top_k=5), Sampling(min_p=0.1)]
)
def test_logprobs_are_of_the_distribution_that_was_drawn_from(
    sampling: Sampling, synced: Any, model: Any, prompts: Any, eos: Any
) -> None:
    """The transformers engine draws the same prompts; where a prefix agrees, so must the next token's log-prob."""
    ask: Any = {"eos_ids": eos, "seeds": range(64), "logprobs": True}
    rows = [prompts[0]] * 64
    ours = {
        c.token_ids[0]: c.logprobs[0]
        for c in TransformersEngine(model).generate(Ask.each(rows, [1] * 64, sampling, **ask))
    }
    theirs = {c.token_ids[0]: c.logprobs[0] for c in synced.generate(Ask.each(rows, [1] * 64, sampling, **ask))}
    shared = ours.keys() & theirs.keys()
    assert shared
    for token in shared:
        assert theirs[token] == pytest.approx(ours[token], abs=1e-4)


def test_a_group_computes_its_prompt_once_and_the_cache_forgets_old_weights(
    synced: Any, model: Any, prompts: Any, eos: Any, perturb: Any, lend: Any
) -> None:
    long = (prompts[0] * 20)[:440]
    before = synced.generate(Ask.each([long] * 4, [4] * 4, Sampling(), eos_ids=eos, seeds=range(4), logprobs=True))
    perturb(model)
    synced.load_weights(lend(model), 8)
    after = synced.generate(Ask.each([long] * 4, [4] * 4, Sampling(), eos_ids=eos, seeds=range(4), logprobs=True))
    with torch.no_grad():
        own = logprobs_of(model, long, after[0])
    assert float((own - torch.tensor(after[0].logprobs)).abs().max()) <= 1e-4
    assert before[0].logprobs != after[0].logprobs


def test_nothing_asked_is_nothing_sampled(synced: Any, eos: Any) -> None:
    assert synced.generate(Ask.each([], [], Sampling(), eos_ids=eos, seeds=[])) == []


def test_the_check_passes_where_weights_arrived(synced: Any, model: Any, prompts: Any, eos: Any, lend: Any) -> None:
    check = WeightCheck(every=5, half=False)
    assert check.due(0)
    check(synced, lend(model), prompts, eos, step=0)
    assert not check.due(4)
    assert check.due(5)
