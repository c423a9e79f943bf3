"""Have the process keep memory that it frees: work in pieces frees and takes the same few megabytes all the time."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_MMAP_THRESHOLD = 1 << 25


def keep_freed_memory(size: int = 1 << 28) -> None:
    """Give memory back to the system only beyond `size` bytes; without glibc, do nothing.

    By itself glibc returns a freed buffer of a megabyte at once, and the system hands out its pages
    again one fault after the other, which takes longer than the arithmetic on them. The setting is
    the process's, so this is for a command to call, not for a library.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
        mallopt(_TRIM_THRESHOLD, size)
