"""Whose error it was: a plug-in that raises is named, with the line of its code that it came from."""

from rewards.failures import told
from rl.errors import UserError


def name_of(plugin: object) -> str:
    """What a plug-in calls itself; without a name, its class. A text is a name."""
    if isinstance(plugin, str):
        return plugin
    return str(getattr(plugin, "name", type(plugin).__name__))


def raised(plugin: object, error: Exception, kind: str = "reward") -> UserError:
    """The error of a plug-in, named."""
    return UserError(f"{kind} {name_of(plugin)!r} raised {told(error)}")
