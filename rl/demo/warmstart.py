"""Build the demo model: a tokenizer, a small Llama, and supervised training on overthinking traces.

`python -m rl.demo.warmstart --out DIR` rebuilds, from nothing but a seed, the checkpoint that ships in
`data_synth/demo_model`: an ordinary Hugging Face directory of about half a megabyte.
"""

from __future__ import annotations

import argparse
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from data_synth.arithmetic import Sum, solve, sums
from rl.demo.supervised import Example, build_model, build_tokenizer, fine_tune, save

VOCABULARY = 416
"""Tokens at most: every word of the traces, and the numbers met most often."""


@dataclass(frozen=True)
class Demonstrator:
    """Whose traces a model of sums is to imitate."""

    solve: Callable[[Sum, random.Random], str] = solve
    marks: tuple[str, ...] = ("<think>", "</think>")
    """One token each."""
    vocabulary: int = VOCABULARY

    def traces(self, n: int, seed: int) -> list[Example]:
        """`n` demonstrations on training problems, as conversational prompt and completion.

        Every other prompt names a number of tokens that the demonstrator pays no heed to: a model that
        has never seen such words would be lost by them, and could not be taught to keep to a budget.
        """
        rng, remarks = random.Random(f"{seed}/traces"), random.Random(f"{seed}/remarks")
        return [
            {
                "prompt": [{"role": "user", "content": f"{problem}=?{_remark(remarks)}"}],
                "completion": [{"role": "assistant", "content": self.solve(problem, rng)}],
            }
            for problem in islice(sums("train", seed), n)
        ]


def _remark(rng: random.Random) -> str:
    return f" ({rng.randint(10, 250)} tokens)" if rng.random() < 0.5 else ""


def warm_start(
    out: Path,
    examples: int = 30_000,
    epochs: float = 1.0,
    batch: int = 16,
    hidden: int = 64,
    layers: int = 2,
    learning_rate: float = 3e-3,
    seed: int = 0,
    demonstrator: Demonstrator | None = None,
) -> None:
    """Train a fresh model on `examples` traces and save it, tokenizer included, to `out`."""
    demonstrator = demonstrator or Demonstrator()
    shown = demonstrator.traces(5000, seed)
    texts = [t["prompt"][0]["content"] + t["completion"][0]["content"] for t in shown]
    tokenizer = build_tokenizer(texts, demonstrator.vocabulary, marks=demonstrator.marks)
    model = build_model(tokenizer, hidden, layers, seed)
    fine_tune(model, tokenizer, demonstrator.traces(examples, seed), out, epochs, batch, learning_rate, seed)
    save(model, tokenizer, out)


def main(demonstrator: Demonstrator | None = None, about: str | None = __doc__) -> None:
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--examples", type=int, default=30_000)
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    warm_start(
        args.out,
        args.examples,
        args.epochs,
        hidden=args.hidden,
        layers=args.layers,
        seed=args.seed,
        demonstrator=demonstrator,
    )


if __name__ == "__main__":
    main()
