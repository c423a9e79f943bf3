"""What a dry run says a run will take, and what the run takes: memory and rollout tokens.

    LENGTHWISE_SMOLLM2=FOLDER python experiments/benchmarks/estimates.py memory
    python experiments/benchmarks/estimates.py tokens [part.key=value ...]

Without a word, both; the memory only where there is the model.

Memory is that of SmolLM2-135M on a CPU. Every setting is a process of its own, with one torch thread, that trains two
rounds of one group on the demo's problems. Measured is the peak resident size (VmHWM) above the process at rest: one
that has imported everything and trained a round of the demo model, so that what libraries load on first use is not
counted. Freed blocks above 1 MB go back to the system at once (MALLOC_MMAP_THRESHOLD_), so that the peak is of live
memory. The estimate is made by `rl.run.dry_run` for the length that the longest rollout came to. Writes
results/memory_estimate.json and .md.

Tokens are those that a demo run samples. Three numbers of each recipe against the whole run: the upper bound (every
rollout at its budget, every draw of dynamic sampling needed), the expectation by the mean length and the kept groups of
the first round, and the same by `--calibrate`, half a minute of rounds by the untrained model on this machine. Both
recipes run side by side, since nothing of it is time. Writes results/token_estimate.json and .md.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch

from experiments.benchmarks._shared import surroundings, write
from rewards import Group, HistoryView
from rl.estimates import Rates
from rl.folders.run import RunFolder
from rl.models import quieten_libraries
from rl.recipe.files import load_recipe
from rl.run.dry_run import dry_run
from rl.run.prepare import prepare
from rl.run.train import build_trainer, train
from rl.sweep.processes import die_with_parent
from rl.trainer.trainer import LengthGRPOTrainer

MODEL = "LENGTHWISE_SMOLLM2"
ENVIRONMENT = {
    "MALLOC_MMAP_THRESHOLD_": "1048576",
    "MALLOC_TRIM_THRESHOLD_": "1048576",
    "OMP_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
}
COMMON = (
    "data.eval=null",
    "data.train.options.n=64",
    'trainer.save_strategy="no"',
    "trainer.steps_per_generation=1",
    f"rewards=[{{name: '{__file__}:Apart'}}]",
)
SETTINGS: dict[str, tuple[int, int, tuple[str, ...]]] = {
    "plain": (4, 96, ()),
    "plain, longer": (2, 192, ()),
    "checkpointing": (4, 128, ("trainer.gradient_checkpointing=true",)),
    "sequence_chunk 64": (4, 128, ("trainer.sequence_chunk=64",)),
    "packed, 300 tokens": (4, 128, ("trainer.tokens_per_micro_batch=300",)),
}
"""Rollouts of a micro-batch, their budget in tokens, and further overrides."""
RECIPES = ("demo-grpo", "demo-dler")
"""Whose tokens are counted."""


class Apart:
    """Every rollout of a group earns something else, so that all of them train."""

    name = "apart"

    def __call__(self, group: Group, history: HistoryView) -> list[float | None]:
        return [float(place) for place in range(len(group.rollouts))]


def overrides(setting: str, small: bool = False) -> list[str]:
    rows, tokens, more = SETTINGS[setting]
    sizes = [f"trainer.per_device_train_batch_size={rows}", f"trainer.num_generations={rows}"]
    if small:
        return [*COMMON, *sizes, *more, "budget.tokens=16", "trainer.max_steps=1"]
    return [*COMMON, *sizes, *more, f"budget.tokens={tokens}", "trainer.max_steps=2", f"model={os.environ[MODEL]}"]


def status(field: str) -> int:
    """Bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) * 1024


def trainer(given: Sequence[str], folder: Path) -> LengthGRPOTrainer:
    folder.mkdir()
    made = build_trainer(prepare(load_recipe("demo-grpo", given), folder), RunFolder(folder))
    made.on_round = None
    return made


def measure(setting: str) -> dict[str, Any]:
    """In a process of its own."""
    quieten_libraries()
    torch.set_num_threads(1)
    longest = 0

    def see(round_: Any) -> None:
        nonlocal longest
        longest = max(longest, *(rollout.length for rollout in round_.rollouts()))

    with tempfile.TemporaryDirectory() as folder:
        trainer(overrides(setting, small=True), Path(folder) / "demo").train()
        gc.collect()
        resting = status("VmRSS")
        own = trainer(overrides(setting), Path(folder) / "run")
        own.on_round = see
        own.train()
        peak = status("VmHWM") - resting
    return {"measured": peak, "resting": resting, "longest": longest}


def process(*given: str) -> subprocess.Popen[bytes]:
    """This module with these arguments, which prints what it finds as its last line."""
    environment = {**os.environ, **ENVIRONMENT}
    command = [sys.executable, __file__, *given]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, preexec_fn=die_with_parent)


def said(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    out, _ = process.communicate()
    if process.returncode:
        sys.exit(f"{' '.join(map(str, process.args))} ended with exit code {process.returncode}")  # type: ignore[arg-type]
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def memory(setting: str) -> dict[str, Any]:
    """Measured and estimated bytes."""
    measured = said(process("memory", setting))
    found = dry_run("demo-grpo", [*overrides(setting), f"budget.tokens={measured['longest']}"])
    estimate = found.estimates["demo-grpo"].memory
    lasting = sum(estimate.phases["sampling"].get(name, 0.0) for name in ("weights", "optimiser"))
    ratio = estimate.peak / measured["measured"]
    update = (estimate.peak - lasting) / (measured["measured"] - lasting)
    print(f"{setting}: {ratio:.2f}, beyond weights and optimiser {update:.2f}", file=sys.stderr)
    return {**measured, "estimated": estimate.peak, "phase": estimate.worst, "ratio": ratio, "ratio_beyond": update}


def memory_table(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [
        "Peak memory of a training run above its process at rest, SmolLM2-135M in fp32 with AdamW on a CPU, against",
        "what `lengthwise train --dry-run` says. `beyond`: the same ratio without weights and optimiser states, which",
        "are 1,614 MB in each row and hardly an estimate.",
        "",
        "| setting | rollouts x tokens | estimated MB | measured MB | ratio | beyond |",
        "|---|---|---|---|---|---|",
        *(
            f"| {name} | {SETTINGS[name][0]} x {each['longest']} | {each['estimated'] / 1e6:.0f} "
            f"| {each['measured'] / 1e6:.0f} | {each['ratio']:.2f} | {each['ratio_beyond']:.2f} |"
            for name, each in rows.items()
        ),
        "",
        "Made by `LENGTHWISE_SMOLLM2=FOLDER python experiments/benchmarks/estimates.py memory`.",
    ]


def sampled(run: RunFolder) -> int:
    """Tokens of all rollouts that a run has sampled."""
    files = sorted(run.path.glob("rollouts/*.parquet"))
    return sum(sum(pq.read_table(file, columns=["length"])["length"].to_pylist()) for file in files)


def tokens(recipe: str, overrides: Sequence[str]) -> dict[str, Any]:
    bound = dry_run(recipe, overrides).estimates[recipe]
    calibrated = dry_run(recipe, overrides, calibrated=True).estimates[recipe]
    with tempfile.TemporaryDirectory() as folder:
        run = train(recipe, overrides, Path(folder) / "run", quiet=True)
        first = next(line for line in run.logged() if "length/mean" in line)
        measured = sampled(run)
    rates = Rates(length_share=first["length/mean"] / bound.rounds.caps[0], kept=first["sampling/kept"])
    by_first = dry_run(recipe, overrides, rates=rates).estimates[recipe]
    return {
        "measured": measured,
        "bound": bound.sampled_tokens[1],
        "by_first_round": by_first.sampled_tokens[0],
        "calibrated": calibrated.sampled_tokens[0],
    }


def token_table(rows: dict[str, dict[str, Any]]) -> list[str]:
    names = ("bound", "by_first_round", "calibrated")
    return [
        "Rollout tokens of whole demo runs, in thousands, and estimates of them over what was sampled.",
        "",
        "| recipe | sampled | upper bound | by the first round | calibrated, 30 s |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {each['measured'] / 1e3:.0f} | "
            + " | ".join(f"{each[kind] / 1e3:.0f} ({each[kind] / each['measured']:.2f})" for kind in names)
            + " |"
            for name, each in rows.items()
        ),
        "",
        "Made by `python experiments/benchmarks/estimates.py tokens`.",
    ]


def main() -> None:
    kind, *given = sys.argv[1:] or ["both"]
    if given and given[0] in (*SETTINGS, *RECIPES):
        print(json.dumps(measure(*given) if kind == "memory" else tokens(given[0], given[1:])))
        return
    if kind != "tokens" and MODEL not in os.environ:
        print(f"{MODEL} names no folder with SmolLM2-135M; export it")
    elif kind != "tokens":
        rows = {setting: memory(setting) for setting in SETTINGS}
        write("memory_estimate", {"rows": rows, **surroundings()}, memory_table(rows))
    if kind != "memory":
        runs = {recipe: process("tokens", recipe, "data.eval=null", *given) for recipe in RECIPES}
        found = {recipe: said(run) for recipe, run in runs.items()}
        write("token_estimate", {"rows": found, **surroundings()}, token_table(found))


if __name__ == "__main__":
    main()
