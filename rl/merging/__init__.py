"""Merge a trained model with its base, without training and without holding either in memory.

`merge.py` is the way from two folders to a new one; `methods.py` what is done to a tensor, with `selection.py` to find
the largest changes; `lora.py` folds an adapter, `dtypes.py` changes a model's dtype, `origin.py` keeps what is
the base's. `shards.py` and `folders.py` read and write, `floats.py` widens and rounds.

May import folders, models and what lies below them: it knows neither recipes nor runs.
"""

from rl.merging.merge import fold, merge
from rl.merging.methods import Linear, Method, Selective, Ties

__all__ = ["Linear", "Method", "Selective", "Ties", "fold", "merge"]
