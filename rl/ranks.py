"""Which rank of a launch this is."""

from accelerate import PartialState


def is_main_process() -> bool:
    """Whether this rank speaks for the launch."""
    return bool(PartialState().is_main_process)
