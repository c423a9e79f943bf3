"""Kill a training run with `kill -9` again and again, start it anew each time, and compare it with an unbroken one.

`python -m experiments.kill_and_resume [--kills 20] [--seed 0] [--recipe demo-dler] [key=value ...]`
prints a table and exits with 1 if anything differs. The moments are drawn evenly from the duration of
the unbroken run. The training command runs in processes forked from one that has imported it already,
so that no kill is spent on imports, where nothing of a run is on the disk yet.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch

from rl.cli import run_command
from rl.folders import checkpoints
from rl.folders.run import RunFolder, read_metrics

TIMES = {"time", "step_time", "verifier/seconds"}
"""Figures in seconds, which differ from run to run."""

SMALL = (
    "trainer.max_steps=24", "trainer.save_steps=4", "trainer.per_device_train_batch_size=16",
    "trainer.num_generations=4", "data.train.options.n=96", "data.eval.options.n=64", "evaluation.budget=120",
    "trainer.logging_steps=3",
)  # fmt: skip
"""24 steps, 12 rounds, 6 checkpoints, with lines of metrics that no checkpoint falls on."""


@dataclass(frozen=True)
class Command:
    """`lengthwise train` of one recipe, to be started in several folders."""

    recipe: str
    overrides: Sequence[str] = ()

    def start(self, run: RunFolder) -> ForkServerProcess:
        """Begin, or go on, in a process of its own; what it prints is added to `log_of(run)`."""
        return _started(_train, self.recipe, list(self.overrides), run.path)

    def finish(self, run: RunFolder) -> None:
        """Let it come to its end. A crash by a signal is one more kill, and printed, but three of them are an error."""
        for _ in range(3):
            ended = self.kill(run, lambda: False)
            if ended is None:
                return
            print(f"{run.path.name} crashed by {ended}: {log_of(run).read_text()}", file=sys.stderr)
        raise RuntimeError(f"{run.path} crashes each time")

    def kill(self, run: RunFolder, due: Callable[[], bool]) -> str | None:
        """Go on until `due`, then kill -9. The signal that ended it; None if it came to its end before."""
        process = self.start(run)
        while process.is_alive() and not due():
            time.sleep(0.001)
        process.kill()
        process.join()
        assert process.exitcode is not None
        if process.exitcode > 0:
            raise RuntimeError(f"{run.path} ended with exit code {process.exitcode}: {log_of(run).read_text()}")
        return signal.Signals(-process.exitcode).name if process.exitcode else None


def log_of(run: RunFolder) -> Path:
    return run.path.with_suffix(".log")


def _started(function: Callable[..., object], *arguments: Any) -> ForkServerProcess:
    context = get_context("forkserver")
    context.set_forkserver_preload(["rl.run.train", "rl.cli"])
    process = context.Process(target=function, args=arguments)
    process.start()
    return process


def import_ahead() -> None:
    """Wait for the process that the others are forked from."""
    _started(int).join()


def _train(recipe: str, overrides: list[str], out: Path) -> None:
    """The command, in its process."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    torch.set_num_threads(1)
    log = os.open(log_of(RunFolder(out)), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    faulthandler.enable()
    run_command(["train", recipe, *overrides, "--out", str(out), "--quiet"])


def differences(one: RunFolder, other: RunFolder) -> list[str]:
    """What two finished runs of one recipe do not have in common, times aside; empty: equal to the last bit."""
    # By their texts: all digits of numbers, and nan equals nan.
    return [name for name, read in CONTENTS.items() if repr(read(one)) != repr(read(other))]


def _untimed(run: RunFolder) -> list[dict[str, object]]:
    return [{key: value for key, value in line.items() if key not in TIMES} for line in read_metrics(run.metrics)]


def _states(run: RunFolder) -> dict[str, object]:
    """Our own state in each checkpoint that is left, without times."""
    states = {p.parent.name: json.loads(p.read_text())["state"] for p in run.checkpoints.glob("*/length_state.json")}
    for state in states.values():
        state["unlogged"]["metrics"] = {k: v for k, v in state["unlogged"]["metrics"].items() if k not in TIMES}
    return dict(sorted(states.items()))


def _tables(folder: Path) -> dict[str, object]:
    return {path.name: pq.read_table(path).to_pylist() for path in sorted(folder.iterdir())}


CONTENTS: dict[str, Callable[[RunFolder], object]] = {
    "parameters": lambda run: {path.name: path.read_bytes() for path in sorted(run.final.glob("*.safetensors"))},
    "metrics": _untimed,
    "history, sampler, leftovers": _states,
    "rollouts": lambda run: _tables(run.rollouts),
    "evaluations": lambda run: _tables(run.path / "evaluation"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recipe", default="demo-dler")
    parser.add_argument("overrides", nargs="*", help="keys of the recipe, on top of a small run's")
    options = parser.parse_args()
    command = Command(options.recipe, [*SMALL, *options.overrides])
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as place:
        unbroken = RunFolder(Path(place, "unbroken"))
        import_ahead()
        begun = time.monotonic()
        command.finish(unbroken)
        whole = time.monotonic() - begun
        print(f"the unbroken run takes {whole:.1f} s\n")
        print("| kill | run | after s | by | steps logged | the next start goes on |\n|---|---|---|---|---|---|")
        broken = _killed(command, Path(place), options.kills, whole, moments)
        found = {run.path.name: differences(unbroken, run) for run in broken}
    print(f"\n{len(found)} killed runs against the unbroken one:")
    for name, different in found.items():
        print(f"{name}: {'differs in ' + ', '.join(different) if different else 'equal to the last bit'}")
    sys.exit(any(found.values()))


def _killed(command: Command, place: Path, kills: int, whole: float, moments: random.Random) -> Iterator[RunFolder]:
    """Finished runs that were killed `kills` times between them."""
    done, number = 0, 0
    while done < kills:
        number += 1
        run = RunFolder(place / f"killed-{number}")
        while done < kills:
            after = moments.uniform(0, whole)
            ended = command.kill(run, partial(_is_over, time.monotonic() + after))
            if not ended:
                break
            done += 1
            row = (done, run.path.name, f"{after:.1f}", ended, _logged(run), _goes_on(run))
            print("|", " | ".join(map(str, row)), "|", flush=True)
        command.finish(run)
        yield run


def _is_over(end: float) -> bool:
    return time.monotonic() >= end


def _logged(run: RunFolder) -> int:
    lines = read_metrics(run.metrics) if run.metrics.is_file() else []
    return int(lines[-1]["step"]) if lines else 0


def _goes_on(run: RunFolder) -> str:
    """From where the next start will go on, as it will say itself."""
    return "with the trained model" if run.final.exists() else str(checkpoints.find(run.checkpoints))


if __name__ == "__main__":
    main()
