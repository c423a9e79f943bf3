"""What on this machine would stop a run, or spoil it: one line a finding, each with its remedy.

A check is a function of facts that are given to it; what looks the facts up stands below it, thin.
Torch, TRL and the rest are imported by those checks alone that need them, so that the doctor can say
what is wrong with them.
"""

from rl.doctor.examination import Asked, examine
from rl.doctor.finding import Finding

__all__ = ["Asked", "Finding", "examine"]
