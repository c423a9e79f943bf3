"""Tokens trained a second by two real vLLM workers on a CPU, by when rounds close, beside what the simulation foresees.

    python experiments/benchmarks/partial.py

The demo model writes rollouts of lengths with a long tail, each ended at its own budget; a round's updates are a wait,
as on devices of their own, and every round brings new weights. Clocks are CPU time, the workers' with this process's,
and the wall; a machine that does other things makes the second meaningless. What a step of sampling takes is measured
first, by one row and many, and is all that the simulation knows of the machine. Needs vLLM. Writes results/partial.json
and results/partial.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from curricula import Constant
from curricula.asking import Variant
from experiments.benchmarks._shared import cpu_seconds, interleaved, medians, started, surroundings, write
from experiments.local_workers import local_workers
from rewards import Problem
from rewards.correct import Correct
from rewards.verifier.exact import ExactMatch
from rl.estimates.schedules.fleet import Engines
from rl.estimates.schedules.simulation import Plan, Schedule, long_tailed, simulate
from rl.models import load_model, resolve_model
from rl.rollouts import Ask, Sampling, stable_seed
from rl.rollouts.workers.engine import WorkersEngine
from rl.rollouts.workers.http import HttpWorker
from rl.rounds.asking import Asker
from rl.rounds.budgets import Budgets
from rl.rounds.maker import RoundMaker, RoundSettings

WORKERS, GROUPS, SIZE, ROUNDS, UPDATE = 2, 6, 4, 12, 1.0
MEAN, CAP, ROOM = 48, 232, 256
"""Of lengths, and of a worker's `--max-model-len`, in tokens."""
OVERSAMPLE, STALENESS = 2.0, 2
FIT = (1, 16)
"""Rows of a worker by which a step is measured, for `STEPS` steps."""
STEPS = 160
TURNS = 2
WAIT = 3.0
"""Seconds."""
SIDES: tuple[Schedule, ...] = ("synchronous", "ahead", "under way")


class Tailed:
    """Each rollout of a group with a budget of its own, at which it ends."""

    name = "tailed"

    def variants(self, step: int, problem_id: str, size: int) -> Sequence[Variant]:
        draw = long_tailed(MEAN, CAP, seed=stable_seed(int(problem_id)))
        return [Variant("", budget=draw()) for _ in range(size)]


def run(side: Schedule, addresses: Sequence[str], model: Any) -> dict[str, float]:
    """Tokens that trained, and the seconds that took."""
    goes_on = side == "under way"
    with TemporaryDirectory() as folder:
        http = [HttpWorker(each, model.config.vocab_size) for each in addresses]
        engine = WorkersEngine(http, Path(folder), between_tokens=goes_on)
        problems = [Problem(str(number), "1", "1") for number in range(GROUPS * ROUNDS)]
        settings = RoundSettings(
            GROUPS, SIZE, oversample=OVERSAMPLE if goes_on else 1.0, max_staleness=STALENESS if goes_on else 0
        )
        maker = RoundMaker(
            problems,
            [Correct()],
            Budgets(Constant(CAP), asking=Tailed()),
            ExactMatch(),
            Asker(engine, lambda prompts: [[5, 6, 7]] * len(prompts), ahead=int(side == "ahead")),
            lambda completions: [""] * len(completions),
            settings,
        )
        tokens, others = 0, started()
        cpu, began = cpu_seconds(others), time.perf_counter()
        for step in range(ROUNDS):
            engine.load_weights(lambda: nullcontext(model), step)
            tokens += sum(each.length for each in maker.make(step, ROUNDS).rollouts())
            time.sleep(UPDATE)
        taken = {"seconds": time.perf_counter() - began, "cpu_seconds": cpu_seconds(others) - cpu}
        engine.close()
    return {"tokens": tokens, **taken}


def step_seconds(addresses: Sequence[str], model: Any) -> tuple[float, float, float]:
    """CPU seconds of a worker's step whatever it draws, and for each row; and those of a second in which it waits."""
    with TemporaryDirectory() as folder:
        engine = WorkersEngine([HttpWorker(each, model.config.vocab_size) for each in addresses], Path(folder))
        engine.load_weights(lambda: nullcontext(model), 0)
        found = []
        for rows in (*FIT[:1], *FIT):  # the first warms up
            count, others = rows * len(addresses), started()
            asks = Ask.each([[5, 6, 7]] * count, [STEPS] * count, Sampling(), seeds=range(count))
            cpu = cpu_seconds(others)
            engine.generate(asks)
            found.append((cpu_seconds(others) - cpu) / STEPS / len(addresses))
        others = started()
        cpu = cpu_seconds(others)
        time.sleep(WAIT)
        waiting = (cpu_seconds(others) - cpu) / WAIT / len(addresses)
        engine.close()
    _, one, many = found
    row = (many - one) / (FIT[1] - FIT[0])
    return one - row * FIT[0], row, waiting


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    folder = resolve_model("demo")
    model = load_model(folder)
    with local_workers(str(folder), WORKERS, ROOM) as addresses:
        step, row, waiting = step_seconds(addresses, model)
        turns = interleaved({side: partial(run, side, addresses, model) for side in SIDES}, TURNS + 1)
    sides = {side: medians(turns[side][1:]) for side in SIDES}
    plan = Plan(GROUPS, SIZE, UPDATE, OVERSAMPLE, STALENESS, ROUNDS)
    lengths = {side: long_tailed(MEAN, CAP) for side in SIDES}
    foreseen = {side: simulate(side, plan, Engines(WORKERS, 256, step, row), lengths[side]) for side in SIDES}
    base, told = sides["synchronous"], foreseen["synchronous"]
    cpu = {side: each.busy + waiting * (WORKERS * each.seconds - each.busy) for side, each in foreseen.items()}
    rows = {
        side: {
            **each,
            "gain_cpu": each["tokens"] / each["cpu_seconds"] / (base["tokens"] / base["cpu_seconds"]),
            "gain_wall": each["tokens"] / each["seconds"] / (base["tokens"] / base["seconds"]),
            "foreseen_cpu": foreseen[side].tokens / cpu[side] / (told.tokens / cpu["synchronous"]),
            "foreseen_wall": foreseen[side].rate / told.rate,
        }
        for side, each in sides.items()
    }
    lines = [
        f"{WORKERS} vLLM workers of the demo model, {ROUNDS} rounds of {GROUPS} groups of {SIZE} rollouts, mean {MEAN}",
        f"and budget {CAP} tokens; `under way` is `rollouts.partial` with `oversample: {OVERSAMPLE:g}` and",
        f"`max_staleness: {STALENESS}`. A worker's step takes {1000 * step:.1f} ms of CPU and {1000 * row:.2f} a row;",
        f"it takes {waiting:.2f} of a second in which it waits. Medians of {TURNS} turns.",
        "",
        "| schedule | tokens trained | CPU s | wall s | tokens a CPU s, gain | foreseen | a wall s | foreseen |",
        "|---|---|---|---|---|---|---|---|",
        *(
            f"| {side} | {each['tokens']:.0f} | {each['cpu_seconds']:.1f} | {each['seconds']:.1f} | "
            f"{each['gain_cpu']:.2f} | {each['foreseen_cpu']:.2f} | "
            f"{each['gain_wall']:.2f} | {each['foreseen_wall']:.2f} |"
            for side, each in rows.items()
        ),
        "",
        "Made by `python experiments/benchmarks/partial.py`.",
    ]
    write("partial", {"sides": rows, "step": step, "row": row, "waiting": waiting, **surroundings()}, lines)


if __name__ == "__main__":
    main()
