"""Trainings on pretended devices, one after the other: `python runs.py FOLDER WORKER-ADDRESS NAME...`.

What became of each stands in FOLDER/outcomes.json; runs without a fault leave their folder there by name.
"""

from __future__ import annotations

import json
import shutil
import sys
import traceback
from collections.abc import Collection
from contextlib import nullcontext
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

TINY = (
    "demo-grpo",
    "--quiet",
    "data.train.options.n=16",
    "data.eval.options.n=2",
    "budget.tokens=70",
    "evaluation.budget=30",
    "sampling.dynamic=false",
    "verifier.name=exact",
    "trainer.max_steps=2",
    "trainer.save_steps=2",
    "trainer.num_generations=4",
    "trainer.per_device_train_batch_size=8",
    "trainer.steps_per_generation=2",
    "trainer.logging_steps=1",
    "trainer.bf16=false",
    "trainer.model_init_kwargs={attn_implementation: sdpa}",
)
"""One round of sixteen rollouts, and two updates."""
PACKED = "trainer.tokens_per_micro_batch=400"
RUNS: dict[str, tuple[str, ...]] = {
    "unpacked, with KL": ("trainer.beta=0.04",),
    "packed": (PACKED, "trainer.max_steps=4"),
    "chunked": (PACKED, "trainer.sequence_chunk=32"),
    "padding-free": (PACKED, "trainer.model_init_kwargs={}"),
    "workers": (PACKED, "rollouts.engine=workers", "trainer.vllm_importance_sampling_mode=token_truncate"),
}
"""By name, what is changed in `TINY`."""
FAULTY = {
    "advantages on the CPU": "packed",
    "seeds on the CPU": "packed",
    "numpy of a device": "packed",
    "ratios on the CPU": "workers",
    "places on the CPU": "chunked",
}
"""Which run each of `faults.FAULTS` is planted in."""
RESUMED, TWO = "resumed", "two devices"


def command(name: str, out: Path, worker: str) -> list[str]:
    """What follows `lengthwise` for a run of that name."""
    addresses = [f"rollouts.workers=[{worker}]"] if name == "workers" else []
    return ["train", *TINY, *RUNS[name], *addresses, "--out", str(out)]


def outcome(arguments: list[str], devices: int, fault: str | None = None) -> dict[str, Any]:
    """`error`: what ended the command, None where it went well; `lines`: the source lines that led there."""
    from pretended_cuda.faults import FAULTS
    from pretended_cuda.machine import pretended
    from rl.cli import run_command

    with pretended(devices), FAULTS[fault].planted() if fault else nullcontext():
        try:
            run_command(arguments)
        except SystemExit as end:
            return {"error": None if end.code in (0, None) else f"exit {end.code}", "lines": []}
        except Exception as error:
            lines = [frame.line for frame in traceback.extract_tb(error.__traceback__)]
            return {"error": f"{type(error).__name__}: {error}", "lines": lines}
    return {"error": None, "lines": []}


def halfway(folder: Path) -> Path:
    """The packed run as it was after its first round."""
    run = Path(shutil.copytree(folder / "packed", folder / "resumed"))
    for later in ("final", "report", "checkpoints/checkpoint-4"):
        shutil.rmtree(run / later)
    (run / "evaluation/after.parquet").unlink()
    return run


def main(folder: Path, worker: str, names: Collection[str]) -> None:
    """Those of `RUNS`, `FAULTY`, `RESUMED` and `TWO` that are named."""
    import torch

    torch.set_num_threads(1)
    plain = [name for name in RUNS if name in names or (name == "packed" and RESUMED in names)]
    outcomes = {name: outcome(command(name, folder / name, worker), 1) for name in plain}
    if RESUMED in names and outcomes["packed"]["error"] is None:
        outcomes[RESUMED] = outcome(command("packed", halfway(folder), worker), 1)
    for fault in filter(names.__contains__, FAULTY):
        arguments = command(FAULTY[fault], folder / fault, worker)
        outcomes[fault] = outcome([*arguments, "evaluation.before=false"], 1, fault)
    if TWO in names:
        outcomes[TWO] = outcome([*command("packed", folder / TWO, worker), "trainer.max_steps=1"], 2)
    (folder / "outcomes.json").write_text(json.dumps(outcomes))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
