"""A running or finished run on the terminal, from its folder's files alone: the run knows nothing of it.

`state.py` reads what the folder says at this moment, each round's rollouts once; `view.py` makes one screen of it, with
the bars of `spark.py`.

May import folders, recipe and what lies below them.
"""

from rl.watch.state import Reader, State
from rl.watch.view import frame

__all__ = ["Reader", "State", "frame"]
