"""How large an engine is made where the recipe does not say: what the memory estimate leaves it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from rl.estimates.cache import cache_bytes, sampling
from rl.estimates.devices.cards import USABLE
from rl.estimates.memory import memory
from rl.estimates.setup import Setup

MOST = 0.9
"""Share of a device that a vLLM engine is given at most."""
ROWS = 256
"""Rollouts side by side that it is given room for, where there are so many."""


@dataclass(frozen=True)
class Sizes:
    """None: as the recipe says, or as an engine has it by itself."""

    share: float | None = None
    """`rollouts.vllm.gpu_memory_utilization`."""
    sleep: Literal[0, 1, 2] | None = None
    """`rollouts.vllm.sleep`."""
    rows: int | None = None
    """`rollouts.batch_size`."""
    in_flight_tokens: int | None = None
    """`rollouts.pool.in_flight_tokens`."""
    answering_rows: int | None = None
    """More than these side by side the transformers engine has no room for, in an evaluation or a probe."""

    def describe(self) -> str:
        """In the recipe's words; empty where none is set."""
        named = {
            "vllm.gpu_memory_utilization": self.share,
            "vllm.sleep": self.sleep,
            "batch_size": self.rows,
            "pool.in_flight_tokens": self.in_flight_tokens,
        }
        return ", ".join(f"{name} {value}" for name, value in named.items() if value is not None)


def sized(setup: Setup, room: float, given: Sizes) -> tuple[Setup, Sizes]:
    """A setup whose engine has what `room` bytes of a device leave it, where `given` does not say; and the sizes."""
    setup, answering = replace(setup, device=room), answering_rows(setup, room)
    if setup.engine == "vllm":
        return _vllm(setup, room, given)
    if setup.engine == "workers":
        tokens = given.in_flight_tokens or int(max(setup.length, (MOST * room - setup.vllm_fixed) // _token(setup)))
        return setup, Sizes(in_flight_tokens=tokens, answering_rows=answering)
    rows = given.rows or fitting_rows(setup, room)
    return replace(setup, rollout_rows=min(setup.rollout_rows, rows)), Sizes(rows=rows, answering_rows=answering)


def answering_rows(setup: Setup, room: float) -> int | None:
    """Rows of the transformers engine that have room beside nothing but the model; None where nothing asks it."""
    if not setup.answered:
        return None
    weights, rows = setup.shape.parameters * setup.compute_bytes, ROWS
    alone = replace(setup, engine="transformers", completion=setup.answered - setup.prompt)
    while rows > 1 and weights + sum(sampling(replace(alone, rollout_rows=rows)).values()) > room:
        rows //= 2
    return rows


def fitting_rows(setup: Setup, room: float) -> int:
    """Rows of the transformers engine, halved until sampling is within `room` or within what the update takes."""
    rows = setup.rollout_rows

    def too_much(count: int) -> bool:
        found = memory(replace(setup, rollout_rows=count))
        return found.worst == "sampling" and found.peak > room

    while rows > 1 and too_much(rows):
        rows //= 2
    return rows


def _token(setup: Setup) -> float:
    """Bytes that a token takes in a vLLM engine's cache."""
    return cache_bytes(setup.shape, 1, 2)


def _vllm(setup: Setup, room: float, given: Sizes) -> tuple[Setup, Sizes]:
    """Beside the update where both have room, else asleep while it runs. Two decimals, rounded down."""
    phases = {name: sum(parts.values()) for name, parts in memory(replace(setup, vllm_share=0.0)).phases.items()}
    rows = min(ROWS, max(1, setup.vllm_rollouts))
    single = setup.vllm_fixed + _token(setup) * setup.length
    wanted = setup.vllm_fixed + _token(setup) * rows * setup.length
    least, wanted = (size / setup.tensor_parallel for size in (single, wanted))
    beside = room - max(phases.values())
    sleep = given.sleep if given.sleep is not None else 0 if beside >= wanted else 2
    left = beside if sleep == 0 else room - phases["sampling"]
    total = room / USABLE
    share = given.share or max(_down(min(left, 1.25 * wanted, MOST * total) / total), _up(least / total))
    return replace(setup, vllm_share=share, vllm_sleep=sleep), Sizes(share=share, sleep=sleep)


def _down(share: float) -> float:
    return max(0.0, math.floor(share * 100) / 100)


def _up(share: float) -> float:
    return min(1.0, math.ceil(share * 100) / 100)
