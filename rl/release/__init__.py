"""A run's model as a folder that others can use: weights, card, recipe, exact versions, checksums."""

from rl.release.push import push
from rl.release.release import release
from rl.release.wanted import Wanted

__all__ = ["Wanted", "push", "release"]
