"""Variables of the environment that change what a run does, and are easily overlooked."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rl.doctor.finding import Finding, fail, or_ok, warn

TRUE = ("1", "true", "yes", "on")


@contextmanager
def alone() -> Iterator[None]:
    """As one process, whatever launch the environment speaks of."""
    names = [name for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE") if name in os.environ]
    kept = {name: os.environ.pop(name) for name in names}
    try:
        yield
    finally:
        os.environ.update(kept)


def check_environment(environment: Mapping[str, str], cores: int, hub_names: list[str]) -> list[Finding]:
    """`hub_names`: what a recipe asks the hub for and no cache has."""
    found = [*_launch(environment, cores), *_hub(environment, hub_names)]
    if path := environment.get("PYTHONPATH"):
        found.append(warn(f"PYTHONPATH={path} comes before all installed packages", "unset it unless it is meant"))
    if environment.get("TOKENIZERS_PARALLELISM", "").lower() in TRUE:
        found.append(warn("TOKENIZERS_PARALLELISM is on: tokenizers may hang in forked processes", "set it to false"))
    if environment.get("PYTHONOPTIMIZE"):
        found.append(warn("PYTHONOPTIMIZE drops assertions that libraries rely on", "unset it"))
    return or_ok(found, "the environment's variables set no trap")


def _launch(environment: Mapping[str, str], cores: int) -> list[Finding]:
    found = []
    threads, ranks = environment.get("OMP_NUM_THREADS", ""), environment.get("LOCAL_WORLD_SIZE", "1")
    if threads.isdigit() and ranks.isdigit() and int(threads) * int(ranks) > cores:
        found.append(
            warn(
                f"OMP_NUM_THREADS={threads} on {ranks} ranks are more threads than {cores} cores",
                f"set it to {max(1, cores // int(ranks))}",
            )
        )
    if not threads and int(ranks if ranks.isdigit() else 1) > 1:
        found.append(warn(f"OMP_NUM_THREADS is not set for {ranks} ranks", f"set it to {max(1, cores // int(ranks))}"))
    left_over = [name for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK") if name in environment]
    if left_over and "MASTER_ADDR" not in environment:
        found.append(
            fail(
                f"{', '.join(left_over)} without MASTER_ADDR: left over from a launch, and a run would wait for others",
                f"unset {' '.join(left_over)}",
            )
        )
    if environment.get("ACCELERATE_USE_FSDP", "").lower() in TRUE:
        found.append(warn("ACCELERATE_USE_FSDP is on, which runs refuse where they sample", "unset it"))
    return found


def _hub(environment: Mapping[str, str], hub_names: list[str]) -> list[Finding]:
    offline = [name for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE") if environment.get(name, "").lower() in TRUE]
    if offline and hub_names:
        return [
            fail(
                f"{offline[0]} is on, and {', '.join(hub_names)} is not in the cache",
                "unset it, or download with `hf download` where there is a network",
            )
        ]
    return []
