"""Plug-ins of others called once, before a run begins.

`made_up.py` makes one round of one group whose answers no model samples.
"""

from rl.trial.made_up import try_out

__all__ = ["try_out"]
