"""What of a recipe `lengthwise train` would refuse: found by the list of checks that it goes through itself."""

from __future__ import annotations

from pathlib import Path

from rl.doctor.environment import alone
from rl.doctor.finding import Finding, ok
from rl.recipe.parts import Recipe
from rl.secrecy import Granted


def examine(recipe: Recipe, out: Path, granted: Granted) -> list[Finding]:
    """As one process on this machine. Errors: UserError, what `train` would say; OutOfReach for model or data."""
    from rl.folders.run import RunFolder
    from rl.launch.check import require_ranks
    from rl.models import quieten_libraries
    from rl.run.inputs import require_same
    from rl.run.plan import planned

    quieten_libraries()
    run = RunFolder(out)
    with alone():
        require_ranks()
        status = run.status(recipe)
        if status == "finished":
            return []
        plan = planned(recipe, run, False, granted, False)
        try:
            if status == "unfinished":
                require_same(run, plan.parts)
        finally:
            plan.close()
    warned = dict.fromkeys(line for prepared, _ in plan.parts for line in prepared.warnings())
    return [
        *(Finding("warn", line, "") for line in warned),
        ok(f"the recipe {recipe.name}, its model, its problems and its engine are what `lengthwise train` takes"),
    ]
