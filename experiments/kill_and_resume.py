"""End commands at random moments and start them anew, and compare what they wrote with what an unbroken one does.

`python -m experiments.kill_and_resume [--kills 20] [--damages 20] [--others 4] [--seed 0] [--recipe demo-dler]
[key=value ...]` prints two tables, and exits with 1 if anything is wrong:

- a training run is ended `--kills` times, by SIGKILL, SIGTERM or SIGINT, and must come to the same end, bit for bit;
- `evaluate`, `merge`, `release`, `synth keychain` and `synth filter` are ended `--others` times each, and must write
  the same, and leave nothing beside it;
- `--damages` times a file of a killed run is deleted, cut or flipped in a bit: the next start comes to the same end, or
  says in one line what is wrong, with exit code 2, or, of what it only writes, what is missing.

The moments are drawn evenly from the duration of the unbroken command.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from experiments.killing.damage import damage
from experiments.killing.others import KEYCHAIN, others
from experiments.killing.processes import Command, import_ahead, log_of, training
from experiments.killing.same import differences, differing
from rl.folders.run import RunFolder

SMALL = (
    "trainer.max_steps=24", "trainer.save_steps=4", "trainer.per_device_train_batch_size=16",
    "trainer.num_generations=4", "data.train.options.n=96", "data.eval.options.n=64", "evaluation.budget=120",
    "trainer.logging_steps=3", "trainer.save_total_limit=null",
)  # fmt: skip
"""24 steps, 12 rounds, 6 checkpoints, with lines of metrics that no checkpoint falls on."""
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
SAME = "the same"
LOST = "were deleted while the run trained"
"""Says a run of its own records that somebody took away."""

Compare = Callable[[Path, Path], list[str]]


@dataclass(frozen=True)
class Unbroken:
    """What a command writes if nothing ends it, in a folder of its own, and how long it takes."""

    name: str
    command: Command
    place: Path
    seconds: float

    def beside(self, name: str) -> Path:
        """Another place for the same."""
        place = self.place.parent.parent / name / self.place.name
        place.parent.mkdir()
        return place


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="times that the training run is ended")
    parser.add_argument("--others", type=int, default=4, help="times that each other command is ended")
    parser.add_argument("--damages", type=int, default=20, help="files harmed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recipe", default="demo-dler")
    parser.add_argument("overrides", nargs="*", help="keys of the recipe, on top of a small run's")
    options = parser.parse_args()
    draw = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        import_ahead()
        run = unbroken("train", training(options.recipe, [*SMALL, *options.overrides]), Path(name))
        wrong = list(all_ended(run, Path(name), options.kills, options.others, draw))
        wrong += all_damaged(run, options.damages, draw)
    print(f"\nwrong: {len(wrong)}", *wrong, sep="\n")
    sys.exit(bool(wrong))


def unbroken(name: str, command: Command, root: Path) -> Unbroken:
    place = root / name.replace(" ", "-") / "unbroken" / "out"
    place.parent.mkdir(parents=True)
    begun = time.monotonic()
    command.finish(place)
    return Unbroken(name, command, place, time.monotonic() - begun)


def all_ended(run: Unbroken, root: Path, kills: int, times: int, draw: random.Random) -> Iterator[str]:
    """Yields what is wrong."""
    print("| command | takes s | ended after s, by (exit code) | in the end |\n|---|---|---|---|")
    yield from ended(run, kills, draw, _run_differences)
    if times:
        rows = unbroken("rows", Command(KEYCHAIN.split()), root).place
        for name, command in others(run.place, rows).items():
            yield from ended(unbroken(name, command, root), times, draw, _output_differences)


def ended(whole: Unbroken, times: int, draw: random.Random, compare: Compare) -> Iterator[str]:
    """A command ended `times` times, in as many places as it comes to its end in; yields what is wrong."""
    done, number = 0, 0
    while done < times:
        number += 1
        place = whole.beside(f"ended-{number}")
        codes: list[str] = []
        while done < times:
            after, by = draw.uniform(0, whole.seconds), draw.choice(SIGNALS)
            code = whole.command.end(place, _after(after), by)
            if code in (0, 2):  # it was done before, or finds that it is
                break
            done += 1
            codes.append(f"{after:.1f} {by.name} ({code})")
            if code not in (-by, 128 + by):
                yield f"{place} ended with {code}: {log_of(place).read_text()}"
        code, said = _begun_again(whole.command, place)
        found = ", ".join(compare(whole.place, place))
        _row(whole.name, f"{whole.seconds:.1f}", ", ".join(codes), found or " ".join([SAME, *said] if code else [SAME]))
        if found or (code and (code, len(said)) != (2, 1)):
            yield f"{whole.name}: exit code {code}, differs in {found}, said {said}"
        shutil.rmtree(place.parent)


def all_damaged(whole: Unbroken, times: int, draw: random.Random) -> Iterator[str]:
    """Runs that are killed once, harmed once and begun again; yields what neither is the same nor says why not."""
    print("\n| killed after s | a file | the next start |\n|---|---|---|")
    for number in range(times):
        place = whole.beside(f"damaged-{number}")
        after = draw.uniform(whole.seconds / 3, whole.seconds)  # before, there is little to harm
        whole.command.end(place, _after(after))
        harm = damage(RunFolder(place), draw)
        code, said = _begun_again(whole.command, place)
        found = ", ".join(_run_differences(whole.place, place)) if code == 0 else ""
        told = [line for line in said if line.startswith("error: ") or LOST in line]
        _row(f"{after:.1f}", harm, " ".join(told) or f"{found or SAME}, exit code {code}")
        if (code or found) and (code not in (0, 2) or len(told) != 1 or (code and said[-1:] != told)):
            yield f"{harm}: exit code {code}, differs in {found}, said {said[-3:]}"
        shutil.rmtree(place.parent)


def _begun_again(command: Command, place: Path) -> tuple[int, list[str]]:
    """The exit code of a start that nothing ends, and the lines it printed."""
    log = log_of(place)
    log.unlink(missing_ok=True)
    code = command.end(place, lambda: False)
    return code, log.read_text().strip().splitlines()


def _run_differences(one: Path, other: Path) -> list[str]:
    """But for checkpoints that signals had it take."""
    whole, run = RunFolder(one), RunFolder(other)
    for path in run.checkpoints.glob("checkpoint-*"):
        if not (whole.checkpoints / path.name).exists():
            shutil.rmtree(path)
    return differences(whole, run)


def _output_differences(one: Path, other: Path) -> list[str]:
    return differing(one.parent, other.parent)


def _after(seconds: float) -> Callable[[], bool]:
    return partial(_is_over, time.monotonic() + seconds)


def _is_over(end: float) -> bool:
    return time.monotonic() >= end


def _row(*cells: object) -> None:
    print("|", " | ".join(map(str, cells)), "|", flush=True)


if __name__ == "__main__":
    main()
