"""Small models of several depths, trained from nothing on traces of every step size."""

from __future__ import annotations

import random
import time
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, pad
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from data_synth import steps
from rl.demo.supervised import build_model, build_tokenizer
from rl.demo.warmstart import VOCABULARY

FREE = 0.5
"""Share of the demonstrations whose prompt asks for no step size."""
PARTS = 4
"""Batches are computed in so many parts of about equal lengths, which saves half of the padding."""

Row = tuple[list[int], int]
"""Token ids of a demonstration, and how many of them are its prompt."""


def demonstrations(n: int, slip: float, seed: int) -> list[tuple[str, str]]:
    """`n` prompts and traces, copied with slips; the step size is drawn evenly, and every other prompt names it."""
    rng = random.Random(f"{seed}/demonstrations")
    copy, shown = steps.slipping(rng, slip), []
    for digits in islice(steps.stream("train", seed), n):
        size = rng.choice(steps.step_sizes(len(digits) - 1))
        asked = None if rng.random() < FREE else size
        shown.append((steps.question(digits, asked), steps.trace(digits, size, copy)))
    return shown


def encode(tokenizer: PreTrainedTokenizerBase, prompt: str, completion: str) -> Row:
    turns: list[Any] = [{"role": "user", "content": prompt}]
    asked = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=True, return_dict=False)
    ids = [*asked, *tokenizer(completion)["input_ids"], tokenizer.eos_token_id]
    return ids, len(asked)


def batch(rows: list[Row]) -> tuple[Tensor, Tensor]:
    """Ids (B, L) padded on the right, and labels with -100 where nothing is to be learned."""
    width = max(len(ids) for ids, _ in rows)
    ids = torch.stack([pad(torch.tensor(row), (0, width - len(row))) for row, _ in rows])
    labels = torch.full_like(ids, -100)
    for place, (row, prompt) in enumerate(rows):
        labels[place, prompt : len(row)] = ids[place, prompt : len(row)]
    return ids, labels


def accumulate(model: PreTrainedModel, rows: list[Row]) -> float:
    """Add the gradient of a batch's mean loss over the tokens to be learned; that loss (nats a token)."""
    rows = sorted(rows, key=lambda row: len(row[0]))
    tokens, total = sum(len(ids) - prompt for ids, prompt in rows), 0.0
    part = -(-len(rows) // PARTS)
    for start in range(0, len(rows), part):
        ids, labels = batch(rows[start : start + part])
        logits = model(input_ids=ids).logits[:, :-1]
        loss = cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), reduction="sum") / tokens
        torch.autograd.backward(loss)
        total += loss.item()
    return total


def train(
    out: Path, layers: int, slip: float, updates: int, size: int = 32, learning_rate: float = 3e-3, seed: int = 0
) -> float:
    """Train a model of `layers` layers for `updates` batches of `size` traces into `out`; CPU seconds it took."""
    started = time.process_time()
    shown = demonstrations(updates * size, slip, seed)
    tokenizer = build_tokenizer([text for pair in shown[:3000] for text in pair], VOCABULARY)
    model: PreTrainedModel = build_model(tokenizer, layers=layers, seed=seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=updates, pct_start=0.05)
    for place in range(updates):
        loss = accumulate(model, [encode(tokenizer, *pair) for pair in shown[place * size : (place + 1) * size]])
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if place % 200 == 0:
            print(f"{out.name}: update {place}, loss {loss:.3f}", flush=True)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    return time.process_time() - started
