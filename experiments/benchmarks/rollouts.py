"""Rollouts a second: this engine against `transformers.generate`, which stock TRL calls.

    python experiments/benchmarks/rollouts.py

The demo model answers 128 training problems at temperature 1 and a cap of 320 tokens, a long tail as
reasoning has: all side by side, and 32 at a time, where this engine gives a place that falls free to the
next prompt and `generate` takes batch after batch. Then SmolLM2-135M's shape, nine heads on three keys, with random
weights, writes as many tokens for every prompt, so that nothing is gained by rows that end; `generate` has its growing
and its static cache there. Beside that stands the limit: the longer of the time to read weights, keys and values once a
token at the speed of a copy, and that of the operations at a matmul's peak.

All sides take turns in one process with one torch thread; ratios are of the medians of process CPU time. Writes
results/rollouts.json and results/rollouts.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedModel, PreTrainedTokenizerBase

from data_synth.arithmetic import problems
from experiments.benchmarks._shared import interleaved, matmul_peak, medians, surroundings, write
from rewards import Problem
from rl.evaluation import encode_prompts
from rl.models import load_model, load_tokenizer, resolve_model
from rl.rollouts import Ask, Sampling, generate, stable_seed

ROLLOUTS, CAP, TURNS = 128, 320, 5
PLACES = (ROLLOUTS, 32)
"""Rollouts side by side."""
ROWS, PROMPT, LONG, LONG_TURNS = 16, 64, 96, 1
"""Of the larger shape: prompts, tokens of each, tokens written for it, turns."""
OURS, THEIRS = "lengthwise", "transformers.generate"
Engine = Callable[[int], list[int]]
"""A turn's number to completion lengths."""


def ours(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: list[list[int]], places: int, turn: int
) -> list[int]:
    """Completion lengths, by this project's engine."""
    seeds = [stable_seed(turn, place) for place in range(len(prompts))]
    caps, end = [CAP] * len(prompts), [tokenizer.eos_token_id]
    done = generate(model, Ask.each(prompts, caps, Sampling(), eos_ids=end, seeds=seeds), batch_size=places)
    return [len(c.token_ids) for c in done]


def theirs(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: list[list[int]], places: int, turn: int
) -> list[int]:
    """Completion lengths, by `generate` with the settings TRL gives it, one batch after the other."""
    torch.manual_seed(turn)
    config = GenerationConfig(
        max_new_tokens=CAP,
        do_sample=True,
        top_k=0,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        disable_compile=True,
    )
    lengths: list[int] = []
    for start in range(0, len(prompts), places):
        batch = prompts[start : start + places]
        padded = tokenizer.pad({"input_ids": batch}, return_tensors="pt", padding_side="left")
        sampled = model.generate(**padded, generation_config=config)[:, padded["input_ids"].size(1) :]
        ended = sampled == tokenizer.eos_token_id
        lengths += torch.where(ended.any(1), ended.int().argmax(1) + 1, sampled.size(1)).tolist()
    return lengths


def timed(engine: Engine, turns: list[int]) -> dict[str, float]:
    """One turn: CPU seconds and completion tokens."""
    turn = turns.pop()
    started = time.process_time()
    lengths = engine(turn)
    return {"cpu_seconds": time.process_time() - started, "tokens": sum(lengths)}


def measure(places: int) -> dict[str, dict[str, float]]:
    """The medians of each side with so many rollouts side by side."""
    folder = resolve_model("demo")
    model, tokenizer = load_model(folder), load_tokenizer(folder)
    rows = problems("train", ROLLOUTS, seed=1)
    chats = [Problem(str(i), [{"role": "user", "content": str(row["problem"])}], "") for i, row in enumerate(rows)]
    prompts = encode_prompts(tokenizer, chats)
    sides = {
        name: partial(timed, partial(engine, model, tokenizer, prompts, places), list(range(TURNS + 1)))
        for name, engine in ((OURS, ours), (THEIRS, theirs))
    }
    return {name: medians(turns[1:]) for name, turns in interleaved(sides, TURNS + 1).items()}


def smollm() -> LlamaForCausalLM:
    """SmolLM2-135M's shape."""
    torch.manual_seed(0)
    shape = {"hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "vocab_size": 49152}
    heads = {"num_attention_heads": 9, "num_key_value_heads": 3, "max_position_embeddings": 2048}
    return LlamaForCausalLM(LlamaConfig(**shape, **heads, tie_word_embeddings=True)).eval()


def of_a_real_shape(model: LlamaForCausalLM) -> dict[str, dict[str, float]]:
    """The sides' medians where every prompt gets `LONG` tokens."""
    prompts = [[7 + place] * PROMPT for place in range(ROWS)]

    def ours(turn: int) -> list[int]:
        seeds = [stable_seed(turn, place) for place in range(ROWS)]
        done = generate(model, Ask.each(prompts, [LONG] * ROWS, Sampling(), eos_ids=[], seeds=seeds))
        return [len(completion.token_ids) for completion in done]

    def theirs(cache: str | None, turn: int) -> list[int]:
        torch.manual_seed(turn)
        config = GenerationConfig(
            max_new_tokens=LONG, min_new_tokens=LONG, do_sample=True, top_k=0, pad_token_id=0, disable_compile=True,
            cache_implementation=cache,
        )  # fmt: skip
        sampled = model.generate(torch.tensor(prompts), generation_config=config)
        return [sampled.size(1) - PROMPT] * ROWS

    sides: dict[str, Engine] = {
        OURS: ours, THEIRS: partial(theirs, None), f"{THEIRS}, static cache": partial(theirs, "static")
    }  # fmt: skip
    turns = {name: partial(timed, side, list(range(LONG_TURNS))) for name, side in sides.items()}
    return {name: medians(rows) for name, rows in interleaved(turns, LONG_TURNS).items()}


def limit(model: LlamaForCausalLM) -> float:
    """Seconds that `of_a_real_shape` takes at least."""
    shape, parameters = model.config, sum(parameter.numel() for parameter in model.parameters())
    layers, hidden = shape.num_hidden_layers, shape.hidden_size
    keys = hidden * shape.num_key_value_heads // shape.num_attention_heads
    source, target = torch.empty(1 << 26), torch.empty(1 << 26)
    copies = []
    for _ in range(5):
        started = time.process_time()
        target.copy_(source)
        copies.append(time.process_time() - started)
    a_second = 2 * 4 * len(source) / min(copies)  # read and written
    seconds, peak = 0.0, matmul_peak()
    for length in range(PROMPT, PROMPT + LONG):
        bytes_ = 4 * (parameters + ROWS * length * layers * 2 * keys)
        operations = ROWS * (2 * parameters + 4 * layers * hidden * length)
        seconds += max(bytes_ / a_second, operations / peak)
    return seconds


def main() -> None:
    torch.set_num_threads(1)
    model = smollm()
    large, least = of_a_real_shape(model), limit(model)
    faster = min(side["cpu_seconds"] for name, side in large.items() if name != OURS)
    found = {places: measure(places) for places in PLACES}
    ratios = {places: row[THEIRS]["cpu_seconds"] / row[OURS]["cpu_seconds"] for places, row in found.items()}
    result = {
        "ratio": ratios[ROLLOUTS],
        "ratio_32_places": ratios[32],
        "sides": {str(places): row for places, row in found.items()},
        "135M": large,
        "135M_ratio": faster / large[OURS]["cpu_seconds"],
        "135M_limit": least,
        "rollouts": ROLLOUTS,
        "cap": CAP,
        "turns": TURNS,
        **surroundings(),
    }
    lines = [
        f"{ROLLOUTS} rollouts of the demo model, cap {CAP}, temperature 1, one thread, medians of {TURNS} turns.",
        "",
        "| side by side | engine | CPU s | rollouts a CPU second | completion tokens |",
        "|---|---|---|---|---|",
        *(
            f"| {places} | {name} | {side['cpu_seconds']:.2f} | {ROLLOUTS / side['cpu_seconds']:.0f} | "
            f"{side['tokens']:.0f} |"
            for places, row in found.items()
            for name, side in row.items()
        ),
        "",
        "Ratio: " + ", ".join(f"{ratio:.2f} with {places} side by side" for places, ratio in ratios.items()) + ".",
        "",
        f"SmolLM2-135M's shape, {ROWS} prompts of {PROMPT} tokens, {LONG} tokens each. The limit is {least:.1f} s.",
        "",
        "| engine | CPU s | tokens a CPU second | of the limit |",
        "|---|---|---|---|",
        *(
            f"| {name} | {side['cpu_seconds']:.1f} | {side['tokens'] / side['cpu_seconds']:.0f} "
            f"| {least / side['cpu_seconds']:.2f} |"
            for name, side in large.items()
        ),
        "",
        f"Ratio to the faster rival: {result['135M_ratio']:.2f}.",
        "Made by `python experiments/benchmarks/rollouts.py`.",
    ]
    write("rollouts", result, lines)


if __name__ == "__main__":
    main()
