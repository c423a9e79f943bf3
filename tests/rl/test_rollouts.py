import pytest
import torch
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

import rl.rollouts.transformers as engine
from rewards import Problem
from rl.evaluation import encode_prompts
from rl.rollouts import Sampling, generate


@pytest.fixture
def prompts(tokenizer: PreTrainedTokenizerBase, problems: list[Problem]) -> list[list[int]]:
    ragged = sorted(problems, key=lambda p: len(str(p.prompt)))[:: len(problems) // 8][:8]
    return encode_prompts(tokenizer, ragged)


def test_greedy_completions_equal_those_of_transformers(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: list[list[int]]
) -> None:
    assert len({len(p) for p in prompts}) > 1
    ours = generate(model, prompts, [70] * 8, Sampling(temperature=0), eos_ids=[tokenizer.eos_token_id], seed=0)
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
    def run() -> list[engine.Completion]:
        budgets = [5, 90, 20, 90, 33, 1, 90, 60]
        return generate(model, prompts, budgets, Sampling(temperature=0), eos_ids=[tokenizer.eos_token_id], seed=0)

    expected = run()
    monkeypatch.setattr(engine, "THIN_AT", thin_at)
    assert run() == expected


def test_every_rollout_stops_at_its_own_budget(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: list[list[int]]
) -> None:
    budgets = [1, 2, 3, 5, 8, 13, 21, 300]
    done = generate(model, prompts, budgets, Sampling(), eos_ids=[tokenizer.eos_token_id], seed=1, batch_size=3)
    for completion, budget in zip(done, budgets, strict=True):
        ended = completion.token_ids[-1] == tokenizer.eos_token_id
        assert (completion.stop == "eos") == ended
        assert len(completion.token_ids) == budget or (ended and len(completion.token_ids) < budget)
        assert tokenizer.eos_token_id not in completion.token_ids[:-1]


def test_completions_are_a_function_of_the_seed(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: list[list[int]]
) -> None:
    def run(seed: int) -> list[engine.Completion]:
        return generate(model, prompts, [40] * 8, Sampling(), eos_ids=[tokenizer.eos_token_id], seed=seed)

    first = run(3)
    torch.rand(7)  # the global generator plays no part
    assert run(3) == first
    assert run(4) != first


def test_sampled_tokens_have_the_models_frequencies(model: PreTrainedModel, prompts: list[list[int]]) -> None:
    prompt = prompts[0]
    sampling = Sampling(temperature=5.0, top_k=4)
    done = generate(model, [prompt] * 4000, [1] * 4000, sampling, eos_ids=[], seed=0)
    logits = model(torch.tensor([prompt])).logits[0, -1] / 5.0
    top = logits.topk(4)
    expected = dict(zip(top.indices.tolist(), top.values.softmax(0).tolist(), strict=True))
    counts = {token: sum(c.token_ids[0] == token for c in done) / 4000 for token in expected}
    assert sum(counts.values()) == 1.0
    for token, share in expected.items():
        assert abs(counts[token] - share) < 5 * (share * (1 - share) / 4000) ** 0.5


def test_no_prompts_give_no_completions(model: PreTrainedModel) -> None:
    assert generate(model, [], [], Sampling(), eos_ids=[1], seed=0) == []
