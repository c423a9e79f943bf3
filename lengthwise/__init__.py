"""What is meant for use from Python, under one name: `from lengthwise.rewards import Hapo`.

Each module hands on what stands in `rewards`, `curricula` or `rl`, and adds nothing; docs/reference/lengthwise.md has
all of them. Importing this one brings nothing with it.
"""

from importlib.util import find_spec
from pathlib import Path

_HOME = Path(__file__).resolve().parent.parent


def refuse_shadows(*packages: str) -> None:
    """Refuse to hand on what is somebody else's: the packages behind this one have common names.

    Errors: ImportError naming what stands before ours.
    """
    for name in packages:
        spec = find_spec(name)
        origin = Path(spec.origin).resolve() if spec and spec.origin else None
        if origin is None or origin.parent.parent != _HOME:
            raise ImportError(
                f"lengthwise's package {name!r} in {_HOME} is shadowed by {origin or 'nothing'}: "
                "start from another folder, or rename that package"
            )
