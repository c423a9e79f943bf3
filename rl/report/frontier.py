"""The frontier that regret is measured from, from a file."""

from __future__ import annotations

import math
from pathlib import Path

from rl.errors import UserError
from rl.reading import object_of


def read_frontier(path: Path) -> dict[int, float]:
    """Accuracy in [0, 1] by budget in tokens; of a comparison's summary.json, what it was measured from.

    Errors: UserError where it is something else.
    """
    found = object_of(path)
    accuracies = found.get("frontier", found)
    try:
        read = {int(budget): -1.0 if accuracy is True else float(accuracy) for budget, accuracy in accuracies.items()}
    except (AttributeError, TypeError, ValueError):
        read = {}
    if not read or not all(budget > 0 and 0 <= share <= 1 and math.isfinite(share) for budget, share in read.items()):
        raise UserError(
            f'{path}: a frontier has an accuracy in [0, 1] for each budget in tokens, {{"512": 0.41, "1024": 0.5}}'
        )
    return dict(sorted(read.items()))
