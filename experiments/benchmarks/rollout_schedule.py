"""Tokens trained a second by when rounds close: a simulation by a card's data sheet. Nothing is run.

    python experiments/benchmarks/rollout_schedule.py

Qwen2.5-7B on H100s (`experiments/cluster/h100.yaml`), eight groups of eight rollouts a device, lengths of a long tail
(lognormal, cut at the budget). What the schedules are, `rl.estimates.schedules.simulation` says. Two of them sample by
engines apart from the ranks, and get the better of two shares of the devices for that: a half, or three quarters.
Writes results/rollout_schedule.json, .md and .png.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from experiments.benchmarks._shared import FOLDER, RESULTS, surroundings, write
from rl.estimates import Shape, known_config, read_rates, shape_of
from rl.estimates.devices.speed import SEQUENCES, TRAINING, step_of
from rl.estimates.schedules.fleet import Engines
from rl.estimates.schedules.simulation import SCHEDULES, Outcome, Plan, Schedule, long_tailed, simulate
from rl.estimates.setup import Setup
from rl.launch.configuration import Launch

MODEL, GROUPS, SIZE, ROUNDS = "Qwen/Qwen2.5-7B", 8, 8, 10
LENGTHS = ((2000, 4096), (2000, 8192), (4000, 16_384), (8000, 32_768), (12_000, 32_768))
"""Mean and budget, in tokens."""
DEVICES, MIDDLE = (8, 32, 128, 512), 32
SETTINGS = ((1.25, 1), (1.25, 2), (1.5, 1), (1.5, 2), (2.0, 1), (2.0, 2))
"""`rollouts.oversample` and `rollouts.max_staleness`."""
CHOSEN = (1.5, 2)
SHARES = {"ahead": (0.5, 0.75), "under way": (0.5, 0.75)}
"""Of the devices that only sample."""
OPERATIONS = 8
"""A parameter and token trained: forward twice, backward."""


def outcome(
    schedule: Schedule, devices: int, mean: int, cap: int, oversample: float = CHOSEN[0], staleness: int = CHOSEN[1]
) -> Outcome:
    """The best that the schedule makes of the devices."""
    card, config = read_rates(str(FOLDER.parent / "cluster" / "h100.yaml")).of_card, known_config(MODEL)
    assert card is not None
    assert config is not None
    shape = shape_of(config)
    step = step_of(_setup(shape), card, mean / 2)
    operations = OPERATIONS * shape.parameters * GROUPS * devices * SIZE * mean
    found = []
    for share in SHARES.get(schedule, (1.0,)):
        engines = Engines(round(share * devices), SEQUENCES, step.whatever, step.row, step.prompt)
        ranks = devices - engines.count or devices
        update = operations / (card.tflops * 1e12 * TRAINING * ranks)
        plan = Plan(GROUPS * devices, SIZE, update, oversample, staleness, ROUNDS)
        found.append(simulate(schedule, plan, engines, long_tailed(mean, cap)))
    return max(found, key=lambda each: each.rate)


def _setup(shape: Shape) -> Setup:
    """One rank's, of which only the engine is looked at."""
    return Setup(shape, Launch(), prompt=200, completion=1, rows=1, rollout_rows=1, engine="vllm")


def row(found: dict[Schedule, Outcome], **what: float) -> dict[str, Any]:
    """Tokens trained a second over the synchronous schedule's, and what each costs."""
    base = found["synchronous"]
    each = {
        name: {
            "gain": one.rate / base.rate,
            "tokens_per_second": one.rate,
            "age": one.age,
            "thrown": one.thrown,
            "trained_over_begun": one.trained / one.begun,
        }
        for name, one in found.items()
    }
    return {**what, "schedules": each}


def cells(found: dict[str, Any]) -> str:
    each = found["schedules"]
    gains = " | ".join(f"{each[name]['gain']:.2f}" for name in SCHEDULES[1:])
    ages = " | ".join(f"{each[name]['age']:.2f}" for name in ("ahead", "partial", "under way"))
    lost = each["discarded"]
    return f"{gains} | {ages} | {lost['thrown']:.0%} | {lost['trained_over_begun']:.2f} |"


HEAD = (
    " ahead | discarded | partial | under way | age, ahead | partial | under way | thrown away by `discarded` | "
    "its trained length over that begun |"
)
LINE = "|---" * 9 + "|"


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.2), layout="constrained")
    axes = figure.subplots()
    for place, name in enumerate(SCHEDULES[1:]):
        gains = [each["schedules"][name]["gain"] for each in rows]
        axes.bar([i + 0.2 * place - 0.3 for i in range(len(rows))], gains, width=0.18, label=name)
    axes.axhline(1.0, color="black", linewidth=0.8)
    axes.set_xticks(range(len(rows)), [f"{each['mean'] // 1000}K of {each['cap'] // 1024}K" for each in rows])
    axes.set_xlabel("mean length and budget, tokens")
    axes.set_ylabel("tokens trained a second\nover synchronous")
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=110)


def main() -> None:
    lengths = [
        row({name: outcome(name, MIDDLE, mean, cap) for name in SCHEDULES}, mean=mean, cap=cap) for mean, cap in LENGTHS
    ]
    mean, cap = LENGTHS[2]
    devices = [row({name: outcome(name, count, mean, cap) for name in SCHEDULES}, devices=count) for count in DEVICES]
    base: dict[Schedule, Outcome] = {"synchronous": outcome("synchronous", MIDDLE, mean, cap)}
    settings = [
        row(
            base | {name: outcome(name, MIDDLE, mean, cap, over, age) for name in SCHEDULES[1:]},
            oversample=over,
            staleness=age,
        )
        for over, age in SETTINGS
    ]
    over, age = CHOSEN
    lines = [
        f"Tokens trained a second over those of the synchronous schedule, simulated: {MODEL} on H100s by their data",
        f"sheet, {GROUPS} groups of {SIZE} rollouts a device, {ROUNDS} rounds. `discarded` throws away what a round",
        "closes without, as others do: it is no option here. `ahead` and `under way` sample by workers.",
        "",
        f"By lengths, on {MIDDLE} devices, `oversample: {over}`, `max_staleness: {age}` (`ahead`: 1):",
        "",
        f"| mean, budget |{HEAD}",
        f"|---{LINE}",
        *(f"| {each['mean']:,}, {each['cap']:,} | {cells(each)}" for each in lengths),
        "",
        f"By devices, at a mean of {mean:,} and a budget of {cap:,} tokens:",
        "",
        f"| devices |{HEAD}",
        f"|---{LINE}",
        *(f"| {each['devices']} | {cells(each)}" for each in devices),
        "",
        f"By settings, on {MIDDLE} devices:",
        "",
        f"| oversample, max_staleness |{HEAD}",
        f"|---{LINE}",
        *(f"| {each['oversample']}, {each['staleness']} | {cells(each)}" for each in settings),
        "",
        "A group is whole once its longest rollout is, so a round gains little by a quarter more groups, and more by",
        "half as many; with `max_staleness: 1` workers sample nothing for a round before it begins.",
        "",
        "Made by `python experiments/benchmarks/rollout_schedule.py`.",
    ]
    write("rollout_schedule", {"lengths": lengths, "devices": devices, "settings": settings, **surroundings()}, lines)
    plot(lengths, RESULTS / "rollout_schedule.png")


if __name__ == "__main__":
    main()
