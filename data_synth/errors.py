"""What goes wrong for a reason the user can mend."""

from __future__ import annotations


class SynthError(ValueError):
    """What is wrong, where, and what to do about it, in one line."""
