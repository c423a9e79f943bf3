"""A run's model as a folder that others can use: weights, card, recipe, exact versions, checksums.

`release.py` goes through it all; read it first. Which model: `choice.py`; its figures: `figures.py`, `card.py`,
`plots.py`, at budgets of thinking `dial/`; its files: `weights.py`; what makes it again: `lock.py`. `public.py` takes
out what must not leave the machine, `check.py` loads the folder as its users will, `push.py` uploads it.

May import report, merging, evaluation and what lies below them; neither run nor trainer.
"""

from rl.release.push import push
from rl.release.release import release
from rl.release.wanted import Wanted

__all__ = ["Wanted", "push", "release"]
