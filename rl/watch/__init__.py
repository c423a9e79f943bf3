"""A running or finished run on the terminal, from its folder's files alone.

`state.py` reads what was added to them since it last looked, `view.py` draws it.
"""

from rl.watch.state import Reader, State
from rl.watch.view import frame

__all__ = ["Reader", "State", "frame"]
