"""Run by a launcher: several short trainings, one after the other, by the arguments of each in a JSON file."""

import json
import sys
from pathlib import Path

from rl.run.train import train

for recipe, overrides, out in json.loads(Path(sys.argv[1]).read_text()):
    train(recipe, overrides, Path(out), quiet=True)
