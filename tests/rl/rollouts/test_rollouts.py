from typing import Any

import pytest
import torch
from transformers import (
    GenerationConfig,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

import rl.rollouts.transformers as engine
from rewards import Problem
from rl.evaluation import encode_prompts
from rl.rollouts import Ask, Completion, Sampling, generate


@pytest.fixture
def prompts(tokenizer: PreTrainedTokenizerBase, problems: list[Problem]) -> list[list[int]]:
    ragged = sorted(problems, key=lambda p: len(str(p.prompt)))[:: len(problems) // 8][:8]
    return encode_prompts(tokenizer, ragged)


def test_greedy_completions_equal_those_of_transformers(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: list[list[int]]
) -> None:
    assert len({len(p) for p in prompts}) > 1
    ours = generate(
        model, Ask.each(prompts, [70] * 8, Sampling(temperature=0), eos_ids=[tokenizer.eos_token_id], seeds=range(8))
    )
    config = GenerationConfig(
        max_new_tokens=70, do_sample=False, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    for prompt, completion in zip(prompts, ours, strict=True):
        theirs = model.generate(torch.tensor([prompt]), generation_config=config)[0, len(prompt) :].tolist()
        assert list(completion.token_ids) == theirs
        assert completion.stop == ("eos" if theirs[-1] == tokenizer.eos_token_id else "length")


@pytest.mark.parametrize("thin_at", [0.0, 0.5, 1.0])
def test_thinning_the_batch_changes_no_completion(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: list[list[int]],
    thin_at: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run() -> list[Completion]:
        budgets = [5, 90, 20, 90, 33, 1, 90, 60]
        return generate(
            model, Ask.each(prompts, budgets, Sampling(temperature=0), eos_ids=[tokenizer.eos_token_id], seeds=range(8))
        )

    expected = run()
    monkeypatch.setattr(engine, "THIN_AT", thin_at)
    assert run() == expected


def test_every_rollout_stops_at_its_own_budget(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: list[list[int]]
) -> None:
    budgets = [1, 2, 3, 5, 8, 13, 21, 300]
    done = generate(
        model, Ask.each(prompts, budgets, Sampling(), eos_ids=[tokenizer.eos_token_id], seeds=range(8)), batch_size=3
    )
    for completion, budget in zip(done, budgets, strict=True):
        ended = completion.token_ids[-1] == tokenizer.eos_token_id
        assert (completion.stop == "eos") == ended
        assert len(completion.token_ids) == budget or (ended and len(completion.token_ids) < budget)
        assert tokenizer.eos_token_id not in completion.token_ids[:-1]


def test_completions_are_a_function_of_the_seed(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: list[list[int]]
) -> None:
    def run(seed: int) -> list[Completion]:
        return generate(
            model,
            Ask.each(prompts, [40] * 8, Sampling(), eos_ids=[tokenizer.eos_token_id], seeds=range(seed, seed + 8)),
        )

    first = run(3)
    torch.rand(7)  # the global generator plays no part
    assert run(3) == first
    assert run(4) != first


@pytest.mark.parametrize("batch_size", [1, 2, 3, 5, 8])
def test_a_completion_does_not_depend_on_what_runs_beside_it(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: list[list[int]], batch_size: int
) -> None:
    budgets = [5, 90, 20, 90, 33, 1, 90, 60]
    alone = [
        generate(model, Ask.each([prompt], [budget], Sampling(), eos_ids=[tokenizer.eos_token_id], seeds=[seed]))[0]
        for seed, (prompt, budget) in enumerate(zip(prompts, budgets, strict=True))
    ]
    together = generate(
        model,
        Ask.each(prompts, budgets, Sampling(), eos_ids=[tokenizer.eos_token_id], seeds=range(8)),
        batch_size=batch_size,
    )
    assert together == alone


def test_a_place_that_falls_free_is_taken_by_the_next_prompt(
    model: PreTrainedModel, prompts: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    forward = model.forward

    def spy(*args: object, **kwargs: Any) -> Any:
        steps.append(len(kwargs["input_ids"]))
        return forward(*args, **kwargs)

    monkeypatch.setattr(model, "forward", spy)
    # One of 40 tokens and seven of 10: in places for two, the seven follow one another beside the long one.
    generate(
        model, Ask.each(prompts, [40, *[10] * 7], Sampling(temperature=0), eos_ids=[], seeds=range(8)), batch_size=2
    )
    # 9 tokens after a prompt's own step: 4 short ones beside the long one, then 3 in the places of two.
    assert sum(steps) == 40 + 7 * 10
    assert len(steps) < 40 + 3 * 10


def test_a_cache_with_a_window_is_never_joined(prompts: list[list[int]]) -> None:
    config = MistralConfig(
        vocab_size=500, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, sliding_window=16,
    )  # fmt: skip
    torch.manual_seed(0)
    windowed = MistralForCausalLM(config).eval()
    alone = [generate(windowed, Ask.each([p], [20], Sampling(), eos_ids=[], seeds=[7]))[0] for p in prompts]
    together = generate(windowed, Ask.each(prompts, [20] * 8, Sampling(), eos_ids=[], seeds=[7] * 8), batch_size=3)
    assert together == alone


def test_sampled_tokens_have_the_models_frequencies(model: PreTrainedModel, prompts: list[list[int]]) -> None:
    prompt = prompts[0]
    sampling = Sampling(temperature=5.0, top_k=4)
    done = generate(model, Ask.each([prompt] * 4000, [1] * 4000, sampling, eos_ids=[], seeds=range(4000)))
    logits = model(torch.tensor([prompt])).logits[0, -1] / 5.0
    top = logits.topk(4)
    expected = dict(zip(top.indices.tolist(), top.values.softmax(0).tolist(), strict=True))
    counts = {token: sum(c.token_ids[0] == token for c in done) / 4000 for token in expected}
    assert sum(counts.values()) == 1.0
    for token, share in expected.items():
        assert abs(counts[token] - share) < 5 * (share * (1 - share) / 4000) ** 0.5


def test_no_prompts_give_no_completions(model: PreTrainedModel) -> None:
    assert generate(model, Ask.each([], [], Sampling(), eos_ids=[1], seeds=[])) == []


def test_asks_that_are_sampled_differently_may_stand_in_one_call(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: list[list[int]]
) -> None:
    end = tokenizer.eos_token_id
    asks = [
        Ask(prompts[0], 30, 1, Sampling(), [end]),
        Ask(prompts[1], 40, 2, Sampling(temperature=0), [end], logprobs=True),
        Ask(prompts[2], 20, 3, Sampling(), []),
        Ask(prompts[3], 50, 4, Sampling(), [end]),
    ]
    together = generate(model, asks)
    assert together == [generate(model, [ask])[0] for ask in asks]
    assert [bool(completion.logprobs) for completion in together] == [False, True, False, False]
