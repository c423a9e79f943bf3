"""The trainer, rollouts, evaluation and reports: the only place that knows TRL and accelerate."""

import os
from importlib.util import find_spec
from pathlib import Path

_HOME = Path(__file__).resolve().parent.parent


def _refuse_shadows() -> None:
    """Our package names are common words: refuse to run on somebody else's `rewards`."""
    for name in ("rewards", "curricula", "data_synth", "experiments"):
        spec = find_spec(name)
        origin = Path(spec.origin).resolve() if spec and spec.origin else None
        if origin is None or origin.parent.parent != _HOME:
            raise ImportError(
                f"lengthwise's package {name!r} in {_HOME} is shadowed by {origin or 'nothing'}: "
                "start from another folder, or rename that package"
            )


_refuse_shadows()
# Read while pyarrow is imported: its own pools keep some 45 MB of every process that has written a round.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
