"""The ranks of a launch, and which of them this is."""

import os
from collections.abc import Callable

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list

RENDEZVOUS = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
"""What a launcher tells each rank; with less there is nobody to wait for."""


def launched() -> PartialState:
    """All ranks of this launch, which have found each other.

    Without CUDA, accelerate lets each rank believe that it is alone unless the first to ask says that it is on a CPU.
    """
    return PartialState(cpu=not torch.cuda.is_available() and all(name in os.environ for name in RENDEZVOUS))


def is_main_process() -> bool:
    """Whether this rank speaks for the launch."""
    return bool(launched().is_main_process)


def found_by_main(look: Callable[[], str | None]) -> str | None:
    """What the main process finds, on every rank; all of them call it together."""
    found = [look() if is_main_process() else None]
    broadcast_object_list(found)
    return found[0]
