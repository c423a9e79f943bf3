"""Answers from a model on this machine, by the same engine that training samples with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from rewards import Problem
from rewards.thinking import read
from rl.evaluation.sampling import end_ids
from rl.models import load_config, load_model, load_tokenizer, quieten_libraries, resolve_model
from rl.prompts import encode_prompts
from rl.rollouts import Ask, Sampling, generate, stable_seed
from rl.rollouts.rows import require_rows
from rl.synth.filter import Sampled, seed_of
from rl.thinking import leads, texts


class LocalModel:
    """A model by path, hub name, or `demo`; a row's samples run side by side, its seed is its own."""

    def __init__(self, model: str, options: Sampled) -> None:
        quieten_libraries()
        path = resolve_model(model)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = load_tokenizer(path)
        require_rows(load_config(path), model)
        self.model = load_model(path, dtype="auto" if device == "cuda" else "float32").to(device)
        self.options = options
        self.ends = end_ids(self.model, self.tokenizer)

    def answers(self, id: str, messages: Sequence[Mapping[str, str]]) -> list[str]:
        """`samples` completions of a row, after what its prompt has begun of the thinking."""
        chat = [dict(message) for message in messages]
        plain = "\n\n".join(message["content"] for message in chat)
        prompt = chat if self.tokenizer.chat_template is not None else plain
        (ids,) = encode_prompts(self.tokenizer, [Problem(id, prompt, "")])
        options, own = self.options, seed_of(self.options.seed, id)
        asks = [
            Ask(ids, options.max_tokens, stable_seed(own, place), Sampling(options.temperature), self.ends)
            for place in range(options.samples)
        ]
        completions = generate(self.model, asks)
        (lead,) = leads(self.tokenizer, [ids])
        return [read(lead, text) for text in texts(self.tokenizer, [c.token_ids for c in completions])]
