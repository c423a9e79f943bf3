"""Run by a launcher: what each rank makes of a recipe's `batch`, asked before anything else is."""

import json
import sys
from pathlib import Path

from processes import patience

from rl.ranks import launched
from rl.recipe.trainer_config import batch_settings, trainer_config
from rl.recipe.values import parse_recipe

recipe = parse_recipe(
    {
        "name": "two", "model": "demo", "data": {"train": "demo"}, "rewards": ["correct"],
        "budget": {"name": "constant", "tokens": 40}, "batch": {"groups": 2},
        "trainer": {"num_generations": 4, "gradient_checkpointing": False, "max_steps": 2},
    }
)  # fmt: skip
out = Path(sys.argv[1])
first = batch_settings(recipe)["per_device_train_batch_size"]
config = trainer_config(recipe, out / "run", 40)
state = launched()
found = {
    "seen_first": first,
    "ranks": state.num_processes,
    "groups": config.groups_per_round,
    "patience": patience(),
    "per_device": config.per_device_train_batch_size,
}
(out / f"{state.process_index}.json").write_text(json.dumps(found))
