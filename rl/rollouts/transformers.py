"""The engine that needs nothing but the model: batched sampling with a budget for each rollout.

A row leaves the batch, and the key-value cache, once it has ended; the others do not wait on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel
from transformers.generation.logits_process import (
    LogitsProcessorList,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

THIN_AT = 7 / 8
"""Thinning the batch copies the cache, so it waits until this share of its rows, or less, still runs."""


@dataclass(frozen=True)
class Sampling:
    """How a token is drawn. Temperature 0 is greedy; top_p 1, top_k 0 and min_p None are off."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float | None = None


@dataclass(frozen=True)
class Completion:
    """What the engine sampled for one prompt; EOS, where there is one, is the last id."""

    token_ids: tuple[int, ...]
    stop: Literal["eos", "length"]
    logprobs: tuple[float, ...] = ()
    """Of each token as it was drawn, in nats; empty unless asked for."""


@torch.no_grad()
def generate(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    budgets: Sequence[int],
    sampling: Sampling,
    *,
    eos_ids: Sequence[int],
    seed: int,
    batch_size: int | None = None,
    logprobs: bool = False,
) -> list[Completion]:
    """Sample one completion a prompt, each cut at its own budget (tokens).

    The random stream is a function of `seed` alone, so the same call gives the same completions.
    Rows run in batches of `batch_size` (all at once by default), the largest budgets first.
    """
    order = sorted(range(len(prompts)), key=lambda i: -budgets[i])
    size = batch_size or max(1, len(prompts))
    generator = torch.Generator(model.device).manual_seed(seed)
    done: list[Completion | None] = [None] * len(prompts)
    was_training = model.training
    model.eval()
    try:
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            batch = _sample_batch(
                model,
                [prompts[i] for i in rows],
                torch.tensor([budgets[i] for i in rows], device=model.device),
                sampling,
                torch.tensor(list(eos_ids), device=model.device),
                generator,
                logprobs,
            )
            for i, completion in zip(rows, batch, strict=True):
                done[i] = completion
    finally:
        model.train(was_training)
    return [c for c in done if c is not None]


def _sample_batch(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    budgets: Tensor,
    sampling: Sampling,
    eos_ids: Tensor,
    generator: torch.Generator,
    logprobs: bool,
) -> list[Completion]:
    warpers = _warpers(sampling)
    ids, mask = _left_pad(prompts, model.device)
    sampled = ids.new_zeros((len(prompts), int(budgets.max())))
    logps = sampled.new_zeros(sampled.shape if logprobs else (len(prompts), 0), dtype=torch.float32)
    lengths = torch.zeros_like(budgets)
    ended = torch.zeros_like(budgets, dtype=torch.bool)
    rows = torch.arange(len(prompts), device=model.device)  # of `sampled`, for each row of the batch
    alive = torch.ones_like(ended)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    cache = DynamicCache(config=model.config)
    for step in range(sampled.size(1)):
        logits = model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
        scores = warpers(ids, logits.float())
        drawn = _draw(scores, sampling, generator)
        sampled[rows, step] = drawn
        if logprobs:
            logps[rows, step] = scores.log_softmax(-1).gather(1, drawn.unsqueeze(1)).squeeze(1)
        lengths[rows[alive]] = step + 1
        ended[rows[alive]] = torch.isin(drawn[alive], eos_ids)
        alive &= ~ended[rows] & (budgets[rows] > step + 1)
        running = int(alive.sum())
        if running == 0:
            break
        mask = torch.cat([mask, mask.new_ones((len(rows), 1))], dim=1)
        ids, positions = drawn.unsqueeze(1), positions[:, -1:] + 1
        if running <= THIN_AT * len(rows):
            keep = alive.nonzero().squeeze(1)
            cache.batch_select_indices(keep)
            rows, ids, positions, mask = rows[keep], ids[keep], positions[keep], mask[keep]
            alive = alive[keep]
    return [
        Completion(tuple(row[:n]), "eos" if e else "length", tuple(logp[:n]))
        for row, logp, n, e in zip(sampled.tolist(), logps.tolist(), lengths.tolist(), ended.tolist(), strict=True)
    ]


def _left_pad(prompts: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    width = max(len(p) for p in prompts)
    ids = torch.tensor([[0] * (width - len(p)) + list(p) for p in prompts], device=device)
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=device)
    return ids, mask


def _warpers(sampling: Sampling) -> LogitsProcessorList:
    warpers = LogitsProcessorList()
    if sampling.temperature not in (0.0, 1.0):
        warpers.append(TemperatureLogitsWarper(sampling.temperature))
    if sampling.top_k > 0:
        warpers.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1.0:
        warpers.append(TopPLogitsWarper(sampling.top_p))
    if sampling.min_p is not None:
        warpers.append(MinPLogitsWarper(sampling.min_p))
    return warpers


def _draw(logits: Tensor, sampling: Sampling, generator: torch.Generator) -> Tensor:
    if sampling.temperature == 0.0:
        return logits.argmax(-1)
    return torch.multinomial(logits.softmax(-1), 1, generator=generator).squeeze(1)
