"""What the engine samples side by side is what `generate` gives one row at a time, whatever a model keeps of a row."""

import re
from pathlib import Path

import pytest
import torch
from hybrids import FAMILIES, OTHERS, prompts, small_model
from torch import Tensor
from transformers import (
    LlamaConfig,
    LogitsProcessor,
    LogitsProcessorList,
    PretrainedConfig,
    PreTrainedModel,
    RecurrentGemmaConfig,
    RwkvConfig,
)

from rl.doctor.examination import Asked, examine
from rl.errors import UserError
from rl.evaluation.engines import EngineChoice, open_answerer
from rl.models import load_tokenizer, resolve_model
from rl.rollouts import Ask, Sampling
from rl.rollouts.rows import PROVEN
from rl.rollouts.streams import uniform
from rl.rollouts.transformers import generate
from rl.run.dry_run import dry_run

BUDGETS = (7, 3, 5, 7, 1, 6)
GREEDY, SAMPLED = Sampling(temperature=0.0), Sampling(temperature=0.8)


class Drawn(LogitsProcessor):  # type: ignore[misc]
    """Has `generate` take the token that a rollout's own stream draws from its scores."""

    def __init__(self, seed: int, prompt: int) -> None:
        self.seed, self.prompt = torch.tensor([seed]), prompt

    def __call__(self, ids: Tensor, scores: Tensor) -> Tensor:
        cumulated = (scores / SAMPLED.temperature).softmax(-1).cumsum(-1)
        point = uniform(self.seed, torch.tensor([ids.size(1) - self.prompt])) * cumulated[:, -1].double()
        token = torch.searchsorted(cumulated, point.to(cumulated).unsqueeze(1), right=True)
        return torch.full_like(scores, -torch.inf).scatter(1, token, 0.0)


def alone(model: PreTrainedModel, prompt: list[int], budget: int, seed: int | None) -> list[int]:
    """By transformers' own loop, the row by itself."""
    ids = torch.tensor([prompt])
    processors = LogitsProcessorList([] if seed is None else [Drawn(seed, len(prompt))])
    written = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        logits_processor=processors,
        do_sample=False,
        max_new_tokens=budget,
        eos_token_id=None,
        pad_token_id=0,
    )
    return written[0, len(prompt) :].tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", [*FAMILIES, *OTHERS])
def test_rows_that_end_at_different_lengths_are_those_of_generate_one_by_one(kind: str) -> None:
    model, given = small_model(kind), prompts()
    for sampling in (GREEDY, SAMPLED):
        asks = Ask.each(given, BUDGETS, sampling, seeds=range(100, 106), logprobs=True)
        greedy = sampling is GREEDY
        expected = [alone(model, list(ask.prompt), ask.budget, None if greedy else ask.seed) for ask in asks]
        for size in (None, 3):  # all at once; and prompts that join rows which run
            completions = generate(model, asks, size)
            assert [list(completion.token_ids) for completion in completions] == expected
        for ask, completion in zip(asks, completions, strict=True):
            ids = torch.tensor([[*ask.prompt, *completion.token_ids]])
            with torch.no_grad():
                logits = model(input_ids=ids).logits[0, len(ask.prompt) - 1 : -1] / (sampling.temperature or 1.0)
            logps = logits.log_softmax(-1).gather(1, torch.tensor(completion.token_ids)[:, None])[:, 0]
            assert torch.allclose(torch.tensor(completion.logprobs), logps, atol=1e-4)


@pytest.mark.parametrize(
    ("config", "why"),
    [
        (RecurrentGemmaConfig(), "its state lies in the model itself"),
        (RwkvConfig(), "its state is no cache of transformers"),
        (LlamaConfig(layer_types=["linear_attention", "full_attention"], num_hidden_layers=2), "LinearAttentionLayer"),
    ],
)
def test_a_model_that_is_not_proven_is_refused_by_name_in_dry_run_doctor_and_evaluation(
    config: PretrainedConfig, why: str, tmp_path: Path
) -> None:
    folder = tmp_path / "odd"
    load_tokenizer(resolve_model("demo")).save_pretrained(folder)
    config.save_pretrained(folder)  # no weights: it is refused before they are looked for
    recipe = tmp_path / "odd.yaml"
    recipe.write_text(
        f"{{name: odd, model: {folder}, data: {{train: {{source: demo, options: {{n: 16}}}}}}, rewards: [correct], "
        "budget: {name: constant, tokens: 8}, trainer: {num_generations: 4, per_device_train_batch_size: 8}}"
    )
    said = f"is a {config.model_type}, whose rows side by side are not known to give what each gives alone: .*{why}"
    with pytest.raises(UserError, match=said):
        dry_run(str(recipe))
    with pytest.raises(UserError, match=said):
        open_answerer("odd", str(folder), load_tokenizer(str(folder)), EngineChoice("transformers"), 16)
    found = examine(Asked(recipe=str(recipe), out=tmp_path / "run", step=False))
    assert [f.status for f in found if re.search(said, f.what)] == ["FAIL"]


def test_all_families_that_are_called_proven_are() -> None:
    assert sorted(PROVEN) == sorted(FAMILIES)
