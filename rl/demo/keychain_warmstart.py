"""Build the long-context demo model: a tokenizer, a small Llama wired for copying, and supervised training.

`python -m rl.demo.keychain_warmstart --out DIR` trains it from nothing but a seed; the tokenizer that it begins with
ships in `data_synth/keychain_model`. The training goes from short to long: random tokens that come again in pieces,
then only the passages that matter, then whole rows, at last by a demonstrator who often answers too early.
"""

from __future__ import annotations

import argparse
import os
import random
from itertools import pairwise
from pathlib import Path

from data_synth.keychain_demo import excerpt, hurry, keychain_rows, solve
from rl.demo.supervised import Ids, build_model, build_tokenizer, fit, save
from rl.demo.wired import wire_for_copying
from rl.models import load_tokenizer

VOCABULARY = 1536
WORDS = (
    r"\p{Lu}\p{Ll}*(?: \p{Lu}\p{Ll}*)*"  # a name in one piece, so that it is the same tokens wherever it stands,
    r"| (?=\p{Lu})| (?=[b-z][aeiou][b-z][aeiou][b-z]\b)"  # and so is a key: the space before either stands alone
    r'| ?\p{Ll}+|\{"|": "|"\}\.|\.\n'
)
DRILLS = 150
"""Steps."""
HASTY = 0.5
"""Share of the last demonstrations that answer too early: what RL is to mend."""


def drills(steps: int, batch: int, vocabulary: int, seed: int) -> list[Ids]:
    """Random tokens, and the same tokens in pieces of another order; the pieces are as long throughout a batch."""
    rng = random.Random(f"{seed}/drills")
    found: list[Ids] = []
    for _ in range(steps):
        length = rng.randint(40, 160)
        cuts = [0, *sorted(rng.sample(range(1, length), 6)), length]
        pieces = list(pairwise(cuts))
        rng.shuffle(pieces)
        for _ in range(batch):
            tokens = rng.sample(range(3, vocabulary), length)
            found.append((tokens, [token for a, b in pieces for token in tokens[a:b]]))
    return found


def traces(n: int, seed: int, tokenizer, excerpts: int = 0, hasty: float = 0.0) -> list[Ids]:  # type: ignore[no-untyped-def]
    """`n` demonstrations on training rows, the first `excerpts` of them on the passages that matter only.

    A share `hasty` of them answers at the title of the first passage.
    """
    rng = random.Random(f"{seed}/hasty")
    return [
        (
            tokenizer.apply_chat_template(
                excerpt(row) if i < excerpts else row["prompt"], add_generation_prompt=True, return_dict=False
            ),
            tokenizer(f"{(hurry if rng.random() < hasty else solve)(row)}{tokenizer.eos_token}")["input_ids"],
        )
        for i, row in enumerate(keychain_rows("train", n, seed, tokenizer.name_or_path))
    ]


def warm_start(out: Path, examples: int = 9000, hidden: int = 96, layers: int = 3, seed: int = 0) -> None:
    """Train a fresh model on `examples` traces and save it, tokenizer included, to `out`."""
    tokenizer = _tokenizer(out, seed)
    model = build_model(tokenizer, hidden, layers, seed, rope_parameters={"rope_type": "default", "rope_theta": 1e6})
    wire_for_copying(model, seed)
    fit(model, drills(DRILLS, 5, len(tokenizer), seed), 5, 2e-3, fall=False)
    fit(model, traces(examples, seed, tokenizer, excerpts=examples // 8), 4, 2e-3)
    fit(model, traces(examples // 6, seed + 2, tokenizer, hasty=HASTY), 4, 1e-3)
    save(model, tokenizer, out)


def _tokenizer(out: Path, seed: int):  # type: ignore[no-untyped-def]
    rows = keychain_rows("train", 3000, seed, "estimate")
    texts = ["\n".join([*(turn["content"] for turn in row["prompt"]), solve(row)]) for row in rows]
    build_tokenizer(texts, VOCABULARY, WORDS).save_pretrained(out)
    return load_tokenizer(str(out))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--examples", type=int, default=9000)
    parser.add_argument("--hidden", type=int, default=96)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    warm_start(args.out, args.examples, args.hidden, args.layers, args.seed)


if __name__ == "__main__":
    main()
