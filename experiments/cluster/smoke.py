"""What one GPU can prove in ten minutes: `python -m experiments.cluster.smoke --out FOLDER [STEP ...]`.

Each step is a process of its own with a time limit, so that none ends the others. A table goes to the terminal,
figures to FOLDER/smoke.json, a table for the diary to FOLDER/smoke.md, and what each step said to FOLDER/STEP.log. It
needs no network. Without a GPU models are tiny; without vLLM its steps are skipped. Exit code 1 where a step failed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import torch
from rich.table import Table

from rl.terminal import console

WITHOUT_GPU = 10
"""So many times as long a step may take on a CPU, which may be busy with other things."""
ROOT = Path(__file__).resolve().parents[2]
RESULT = "result.json"


@dataclass(frozen=True)
class Step:
    """A file of `proofs/`, and what it proves."""

    name: str
    seconds: int
    """After which it is ended."""
    proves: str
    vllm: bool = False
    """Whether it needs vLLM."""


STEPS = (
    Step("environment", 120, "torch, CUDA and the driver fit together"),
    Step("varlen", 60, "attention over ragged rows, forward and backward, is the usual one"),
    Step("demo", 120, "a run in bf16 ends, before and after computed alike"),
    Step("update", 150, "updates without padding have the gradient of padded ones"),
    Step("sharded", 180, "FSDP2 by torchrun: KL begins at 0, before is on the device, it resumes"),
    Step("vllm", 300, "vLLM asleep in process has the trainer's weights, an adapter's too", True),
    Step("serve", 360, "a server beside the trainer has its weights, over NCCL too", True),
    Step("stages", 120, "nothing of a stage is left when the next begins"),
    Step("rates", 120, "what the transformers engine makes, for rates"),
)


@dataclass(frozen=True)
class Result:
    step: str
    status: Literal["passed", "failed", "skipped"]
    seconds: float
    why: str = ""
    """On one line; of a passed step nothing."""
    figures: dict[str, Any] = field(default_factory=dict)


def missing(step: Step) -> str:
    """Why it cannot be proved here; nothing where it can."""
    return "vLLM is not installed" if step.vllm and find_spec("vllm") is None else ""


def run_step(step: Step, folder: Path) -> Result:
    """Run it in a process of its own; whatever it started ends with it."""
    own = folder / step.name
    own.mkdir(parents=True)
    command = [sys.executable, "-m", "experiments.cluster.smoke", "--out", str(own), "--within", step.name]
    environment = {"HF_HUB_OFFLINE": "1", **os.environ}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    started = time.monotonic()
    with (folder / f"{step.name}.log").open("w") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )
        try:
            code: int | None = process.wait(step.seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process)
    seconds = time.monotonic() - started
    if code == 0:
        return Result(step=step.name, seconds=seconds, **json.loads((own / RESULT).read_text()))
    why = f"took more than {step.seconds} s" if code is None else f"ended with {code}: {_last_line(log.name)}"
    return Result(step.name, "failed", seconds, why)


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last_line(log: str) -> str:
    lines = [line.strip() for line in Path(log).read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"


def within(name: str, folder: Path) -> None:
    """In the step's own process: run it, and write what came of it."""
    from experiments.cluster.proofs.step import Disproved, Place
    from rl.models import quieten_libraries

    quieten_libraries()
    found: dict[str, Any]
    try:
        figures = import_module(f"experiments.cluster.proofs.{name}").run(Place(folder, torch.cuda.is_available()))
        found = {"status": "passed", "figures": figures}
    except Disproved as wrong:
        found = {"status": "failed", "why": str(wrong)}
    (folder / RESULT).write_text(json.dumps(found))


def rows(results: Sequence[Result]) -> list[tuple[str, str, str, str]]:
    """Of each step: its name, its status, its seconds, and its figures or why it has none."""
    return [(r.step, r.status, f"{r.seconds:.0f}", r.why or _told(r.figures)) for r in results]


def _told(figures: dict[str, Any]) -> str:
    rounded = {name: f"{value:.4g}" if isinstance(value, float) else value for name, value in figures.items()}
    return "; ".join(f"{name} {value}" for name, value in rounded.items())


def show(results: Sequence[Result], folder: Path) -> None:
    """The table on the terminal, and both files."""
    head = ("step", "", "s", "figures")
    table = Table(*head)
    for row in rows(results):
        table.add_row(*row)
    console().print(table)
    (folder / "smoke.json").write_text(json.dumps([vars(result) for result in results], indent=1) + "\n")
    cells = [[cell.replace("|", "/") for cell in row] for row in (head, ("---",) * len(head), *rows(results))]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    (folder / "smoke.md").write_text("\n".join(lines) + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    names = [step.name for step in STEPS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("steps", nargs="*", metavar="STEP", help=f"of {', '.join(names)}; by default all")
    parser.add_argument("--out", type=Path, required=True, help="a folder for what is found")
    parser.add_argument("--within", choices=names, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.within:
        within(given.within, given.out)
        return 0
    unknown = sorted(set(given.steps) - set(names))
    if unknown:
        parser.error(f"no step {unknown[0]!r}; there are {', '.join(names)}")
    steps = [step for step in STEPS if not given.steps or step.name in given.steps]
    there = [str(path) for step in steps if (path := given.out / step.name).exists()]
    if there:  # whose it is, nobody knows
        parser.error(f"{there[0]} is there already; name a new folder as --out")
    given.out.mkdir(parents=True, exist_ok=True)
    cuda, results = torch.cuda.is_available(), []
    for step in steps:
        why = missing(step)
        given_time = replace(step, seconds=step.seconds * (1 if cuda else WITHOUT_GPU))
        results.append(Result(step.name, "skipped", 0.0, why) if why else run_step(given_time, given.out))
    show(results, given.out)
    return int(any(result.status == "failed" for result in results))


if __name__ == "__main__":
    sys.exit(main())
