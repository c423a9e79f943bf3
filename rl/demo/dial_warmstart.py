"""Build the model of a dial: supervised training on thoughts whose prompts say how many tokens they took.

`python -m rl.demo.dial_warmstart --out DIR` rebuilds, from nothing but a seed and the tokenizer of `modes-demo`, the
checkpoint that ships in `data_synth/dial_model`. It has read that a number in the prompt means the length of what
follows, and keeps to it more or less: what RL on stated budgets begins from. One that has not read it learns the mean
of the budgets.
"""

from __future__ import annotations

import argparse
import os
import random
from itertools import islice
from pathlib import Path

from data_synth.arithmetic import Sum, sums
from data_synth.modes import asked
from rl.demo.supervised import Ids, build_model, fit, save
from rl.models import load_tokenizer, resolve_model

TOLD = 0.9
"""Of the prompts, that say how long the thought will be; a model that has always read it is lost without."""


def traces(n: int, seed: int, tokenizer) -> list[Ids]:  # type: ignore[no-untyped-def]
    """`n` demonstrations on training problems."""
    rng = random.Random(f"{seed}/dial")

    def tokens(text: str) -> list[int]:
        found: list[int] = tokenizer.encode(text, add_special_tokens=False)
        return found

    def trace(problem: Sum) -> Ids:
        budget, text = asked(problem, rng, lambda thought: len(tokens(thought)))
        remark = f" ({budget} tokens)" if rng.random() < TOLD else ""
        turns = [{"role": "user", "content": f"{problem}=?{remark}"}]
        prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
        return prompt, [*tokens(text), tokenizer.eos_token_id]

    return [trace(problem) for problem in islice(sums("train", seed), n)]


def warm_start(out: Path, examples: int = 40_000, seed: int = 0) -> None:
    """Train a fresh model on `examples` traces and save it, tokenizer included, to `out`."""
    tokenizer = load_tokenizer(resolve_model("modes-demo"))
    model = build_model(tokenizer, seed=seed)
    fit(model, traces(examples, seed, tokenizer), 16, 3e-3)
    save(model, tokenizer, out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--examples", type=int, default=40_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    warm_start(args.out, args.examples, args.seed)


if __name__ == "__main__":
    main()
