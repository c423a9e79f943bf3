"""The ranks of a launch, and which of them this is."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from rl.errors import UserError

if TYPE_CHECKING:
    from accelerate import PartialState

RENDEZVOUS = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
"""What a launcher tells each rank; with less there is nobody to wait for."""
PATIENCE = 6 * 3600
"""Seconds that a rank waits for the others: one long answer, or a worker's answers made again, may take hours."""

PARTS = 8
"""In which `gathered` sends what may be large."""

Found = TypeVar("Found")


def launched(patience: float = PATIENCE) -> PartialState:
    """All ranks of this launch, which have found each other.

    `patience`: seconds that they wait for one another from now on; who asks first has his way.
    Without CUDA, accelerate lets each rank believe that it is alone unless the first to ask says that it is on a CPU.
    """
    import torch
    from accelerate import PartialState

    on_cpu = not torch.cuda.is_available() and all(name in os.environ for name in RENDEZVOUS)
    return PartialState(cpu=on_cpu, timeout=timedelta(seconds=patience))


def is_main_process() -> bool:
    """Whether this rank speaks for the launch."""
    return bool(launched().is_main_process)


def found_by_main(look: Callable[[], Found]) -> Found:
    """What the main process finds, on every rank; all of them call it together.

    What lies on a shared disk is so seen by one: another rank may see it later. Errors: the main process's UserError,
    on every rank.
    """
    from accelerate.utils import broadcast_object_list

    found: list[tuple[Found | None, str | None]] = [(None, None)]
    if is_main_process():
        try:
            found = [(look(), None)]
        except UserError as error:
            found = [(None, str(error))]
    broadcast_object_list(found)
    result, wrong = found[0]
    if wrong is not None:
        raise UserError(wrong)
    return result  # type: ignore[return-value]


def gathered(own: Sequence[Found]) -> list[Found]:
    """What all ranks have, rank after rank; all of them call it together.

    In parts, for the bytes of a part are there twice: as they come, and as what is made of them.
    """
    from accelerate.utils import gather_object

    ranks: list[list[Found]] = [[] for _ in range(launched().num_processes)]
    for part in range(PARTS):
        sent = own[len(own) * part // PARTS : len(own) * (part + 1) // PARTS]
        for found, come in zip(ranks, gather_object([sent]), strict=True):
            found += come
    return [each for found in ranks for each in found]
