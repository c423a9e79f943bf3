"""What a recipe will take, before it is run: memory, tokens, operations, time."""

from rl.estimates.estimate import ASSUMED, Estimate, Prompts, estimate
from rl.estimates.rates import Rates, read_rates
from rl.estimates.shapes import Shape, known_config, known_models, shape_of
from rl.estimates.text import lines

__all__ = [
    "ASSUMED",
    "Estimate",
    "Prompts",
    "Rates",
    "Shape",
    "estimate",
    "known_config",
    "known_models",
    "lines",
    "read_rates",
    "shape_of",
]
