"""What on this machine would stop a run, or spoil it: one line a finding, each with its remedy.

A check is a function of facts that are given to it; what looks the facts up stands below it, thin. `examination.py`
calls all of them, in the order in which their faults build on one another; read it first, then `finding.py` and any
check.

May import what a run does, as a run does it, and no report. Torch, TRL and the rest are imported by those checks alone
that need them, so that the doctor can say what is wrong with them.
"""

from rl.doctor.examination import Asked, examine
from rl.doctor.finding import Finding

__all__ = ["Asked", "Finding", "examine"]
