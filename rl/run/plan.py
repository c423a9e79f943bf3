"""All that can refuse a run before it writes its first file: one list, for `train` and for the doctor."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from rewards.verifier import Isolated
from rl.folders.run import RunFolder
from rl.problems.data import ProblemSet
from rl.ranks import launched
from rl.recipe.engine_choice import Choice
from rl.recipe.parts import Recipe
from rl.recipe.values import stages_of
from rl.run.engines import require_engine, require_engine_here, settled
from rl.run.prepare import Prepared, prepare
from rl.run.room import fitted_here
from rl.secrecy import Granted
from rl.trainer.lora import require_continues
from rl.updates.sequence import require_groups


@dataclass(frozen=True)
class Plan:
    """What is to be trained, and where: the recipe itself, or each of its stages."""

    recipe: Recipe
    """Its engine settled."""
    choice: Choice
    parts: list[tuple[Prepared, RunFolder]]

    def close(self) -> None:
        """End the verifiers' processes."""
        for prepared, _ in self.parts:
            if isinstance(prepared.verifier, Isolated):
                prepared.verifier.close()


def planned(recipe: Recipe, run: RunFolder, overwrite: bool, granted: Granted, anyway: bool) -> Plan:
    """The plan of a run that this launch can begin, or go on with. Errors: UserError, with nothing written."""
    recipe, choice = settled(recipe, run, overwrite)
    stages = [(stage, run.stage(place, name)) for place, (name, stage) in enumerate(stages_of(recipe), 1)]
    todo, loaded = stages or [(recipe, run)], dict[str, ProblemSet]()
    for part, _ in todo:
        require_engine_here(part, granted)
    parts = [(prepare(part, folder.path, loaded, granted), folder) for part, folder in todo]
    for prepared, _ in parts:
        require_engine(prepared)
        require_groups(prepared.config.sequence_ranks, launched().num_processes)
    for (before, _), (after, _) in pairwise(parts):
        require_continues(before.recipe, after.recipe)
    return Plan(recipe, choice, [(fitted_here(prepared, anyway), folder) for prepared, folder in parts])
