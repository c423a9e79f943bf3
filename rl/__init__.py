"""The trainer, rollouts, evaluation and reports: the only place that knows TRL and accelerate."""

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
