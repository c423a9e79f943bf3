"""A running or finished run on the terminal, from its folder's files alone."""

from rl.watch.state import Reader, State
from rl.watch.view import frame

__all__ = ["Reader", "State", "frame"]
