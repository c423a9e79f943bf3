"""What a dry run says fits of long rollouts: how few ranks must share one, model by model. Arithmetic, nothing is run.

    python experiments/benchmarks/ranks/long_contexts.py

Writes results/long_contexts.json and .md.
"""

from __future__ import annotations

from experiments.benchmarks._shared import surroundings, write
from rl.estimates import Shape, known_config, known_models, shape_of
from rl.estimates.devices.cards import USABLE
from rl.estimates.memory import memory
from rl.estimates.setup import Setup
from rl.launch.configuration import Launch

LENGTHS = (32768, 65536, 131072)
PROMPT, RANKS, DEVICE = 512, 8, 80e9
SHARED_BY = (1, 2, 4, 8)


def setup(shape: Shape, tokens: int, ranks: int) -> Setup:
    """One rollout a micro-batch, FSDP2 over a node, bf16, gradient checkpointing, workers that sample elsewhere."""
    return Setup(
        shape, Launch(RANKS, "fsdp"), PROMPT, tokens - PROMPT, 1, 1, micro_batches=2, packed=tokens, compute_bytes=2,
        checkpointing=True, padding_free=True, engine="workers", sequence_ranks=ranks,
    )  # fmt: skip


def fewest(shape: Shape, tokens: int) -> tuple[int, float] | None:
    """Ranks that must share a rollout, and bytes a rank; None where all of a node are not enough."""
    for ranks in SHARED_BY:
        if shape.heads % ranks == 0 and (peak := memory(setup(shape, tokens, ranks)).peak) <= USABLE * DEVICE:
            return ranks, peak
    return None


def shapes() -> dict[str, Shape]:
    """Of the models that come with the package, each shape once, by the first that has it."""
    found: dict[Shape, str] = {}
    for name in known_models():
        config = known_config(name)
        assert config is not None
        found.setdefault(shape_of(config), name)
    return {name: shape for shape, name in found.items()}


def main() -> None:
    table = {name: [fewest(shape, tokens) for tokens in LENGTHS] for name, shape in shapes().items()}
    heads = " | ".join(f"{tokens // 1024}K tokens" for tokens in LENGTHS)
    lines = [
        "Ranks that must share one rollout (`trainer.sequence_ranks`), and GB that each then takes by the estimate:",
        f"FSDP2 over {RANKS} devices of {DEVICE / 1e9:.0f} GB, bf16, AdamW, gradient checkpointing, sampled by workers",
        "elsewhere. A dash: all of them are not enough, or their heads do not divide. No GPU has checked it.",
        "",
        f"| model | {heads} |",
        "|---|" + "---|" * len(LENGTHS),
        *(
            f"| {name} | " + " | ".join("–" if f is None else f"{f[0]} ({f[1] / 1e9:.0f} GB)" for f in found) + " |"
            for name, found in table.items()
        ),
        "",
        "Made by `python experiments/benchmarks/ranks/long_contexts.py`.",
    ]
    write("long_contexts", {"ranks_and_bytes": table, **surroundings()}, lines)


if __name__ == "__main__":
    main()
