"""What a recipe will take, before it is run: memory, tokens, operations, time.

`estimate.py` puts it together; read it first, then the README's table of what each file knows.

May import updates, rounds, recipe, launch and what lies below them. A model is only ever built without weights.
"""

from rl.estimates.devices.rates import Rates, read_rates
from rl.estimates.estimate import ASSUMED, Estimate, Prompts, estimate
from rl.estimates.shapes import Shape, known_config, known_models, shape_of
from rl.estimates.text import answer, details

__all__ = [
    "ASSUMED",
    "Estimate",
    "Prompts",
    "Rates",
    "Shape",
    "answer",
    "details",
    "estimate",
    "known_config",
    "known_models",
    "read_rates",
    "shape_of",
]
