"""A run as data: recipes read and checked. Brings no torch."""

from lengthwise import refuse_shadows

refuse_shadows("rl")

from rl.errors import UserError
from rl.recipe.files import load_recipe, shipped_recipes
from rl.recipe.named import read_recipe
from rl.recipe.parts import Recipe

__all__ = [
    "Recipe",
    "UserError",
    "load_recipe",
    "read_recipe",
    "shipped_recipes",
]
