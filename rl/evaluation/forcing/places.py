"""Where evaluations with closed thinking, or with other budgets stated, lie beside the plain one."""

from __future__ import annotations

import re
from pathlib import Path

_PLACE = re.compile(r"(.+)-at-([1-9]\d*)", re.DOTALL)


def place_of(out: Path, budget: int) -> Path:
    """Where the evaluation closed at a budget is kept, beside the plain one in `out`."""
    return out.with_name(f"{out.stem}-at-{budget}{out.suffix}")


def place_stating(out: Path, budget: int) -> Path:
    """Where the plain evaluation whose prompts state a budget is kept, if it is not the largest one."""
    return out.with_name(f"{out.stem}-stating-{budget}{out.suffix}")


def places_at(out: Path) -> dict[int, Path]:
    """By budget, those that are kept beside the plain one in `out`."""
    named = ((_PLACE.fullmatch(path.stem), path) for path in out.parent.glob(f"*{out.suffix}"))
    found = {int(match[2]): path for match, path in named if match and match[1] == out.stem}
    return {budget: found[budget] for budget in sorted(found)}
