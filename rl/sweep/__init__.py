"""Several runs of one recipe: which (`grid.py`), each a process of its own here (`processes.py`) or a job (`slurm.py`).

`sweep.py` is the way through: it trains what is not finished yet, and puts what is on one page.

May import reports, folders, recipe and what lies below them. What a run does is behind its process.
"""

from rl.sweep.grid import Point, points
from rl.sweep.sweep import finish, unfinished

__all__ = ["Point", "finish", "points", "unfinished"]
