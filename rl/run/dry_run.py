"""What a run would be, before it is one: whether it fits, how long it takes, its checks and recipe. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rewards.verifier import Isolated
from rl.errors import OutOfReach, UserError
from rl.estimates import Estimate, Rates, answer, details, shape_of
from rl.folders.run import RunFolder
from rl.launch.configuration import Launch
from rl.launch.devices import take_one_device
from rl.models import load_config, quieten_libraries
from rl.problems.data import ProblemSet, load_problems
from rl.recipe.engine_choice import Machine, choose, this_machine, with_engine
from rl.recipe.files import load_recipe
from rl.recipe.marked import marked_yaml
from rl.recipe.parts import Recipe, SourcePart
from rl.recipe.trainer_config import require_shardable
from rl.recipe.values import stages_of
from rl.run.engines import require_engine, require_engine_here
from rl.run.prepare import Prepared, Resolved, prepare, resolve
from rl.run.room import estimated, prompts_of
from rl.secrecy import Granted


@dataclass(frozen=True)
class DryRun:
    """What was found of a recipe or, where it has some, of each of its stages."""

    text: str
    """The answer first: whether it fits, how long it takes; then what they come from."""
    recipe: str
    """The resolved recipe, what differs from its defaults marked."""
    estimates: dict[str, Estimate] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON: each estimate by the name of its recipe."""
        return {name: found.to_dict() for name, found in self.estimates.items()}


def dry_run(
    reference: str,
    overrides: Sequence[str] = (),
    out: Path | None = None,
    launch: Launch | None = None,
    rates: Rates | None = None,
    calibrated: bool = False,
    granted: Granted | None = None,
) -> DryRun:
    """Resolve and check a recipe and estimate what it takes. Errors: UserError.

    `calibrated`: measure the rates that are not given on this machine, in about half a minute.
    """
    if calibrated:
        take_one_device()
    quieten_libraries()
    recipe = load_recipe(reference, overrides)
    folder = RunFolder(out or Path("runs") / recipe.name)
    said: list[str] = []
    marked = marked_yaml(recipe)
    estimates: dict[str, Estimate] = {}
    loaded: dict[str, ProblemSet] = {}
    rates = rates or Rates()
    machine = None if calibrated else _planned(launch, rates)
    engine = f"engine     {choose(recipe, machine).describe()}"
    recipe = with_engine(recipe, machine)
    for place, (name, part) in enumerate(stages_of(recipe) or [("", recipe)], 1):
        target = folder.stage(place, name) if name else folder
        said += [f"stage      {target.path.name}"] if name else []
        if launch is not None and launch.sharding == "fsdp":
            require_shardable(part)
        looked, checks = _look(part, target.path, loaded, granted, machine)
        try:
            if calibrated and place == 1:
                rates, measured = _calibrate(looked, rates)
                checks += measured
            found = estimated(looked, launch, rates)
        finally:
            if isinstance(looked.verifier, Isolated):
                looked.verifier.close()
        if found is None:
            said += [f"estimate   none: the shape of {part.model!r} is not known here", engine, *checks]
        else:
            said += [*answer(found), engine, *checks, *details(found)]
            estimates[part.name] = found
    return DryRun("\n".join(said), marked, estimates)


def _planned(launch: Launch | None, rates: Rates) -> Machine | None:
    """The machine that a run is planned for; None: this one."""
    if launch is not None:
        return Machine(cuda=not launch.cpu, vllm=True)
    elsewhere = rates.memory is not None and not this_machine().cuda
    return Machine(cuda=True, vllm=True) if elsewhere else None


def _look(
    recipe: Recipe, out: Path, loaded: dict[str, ProblemSet], granted: Granted | None, machine: Machine | None
) -> tuple[Resolved, list[str]]:
    """The recipe as far as it can be prepared here, and what came of it; with `machine`, for that one."""
    try:
        prepared = prepare(recipe, out, loaded, granted, machine)
    except OutOfReach as error:
        resolved = resolve(recipe, out, machine)
        return resolved, [*resolved.functions(), *_data(resolved), f"not here   {error}; what needs it was not checked"]
    if machine is None:
        require_engine_here(prepared.recipe, prepared.granted)
    require_engine(prepared)
    return prepared, prepared.describe()


def _data(resolved: Resolved) -> Iterator[str]:
    """The sources of problems that are in reach although something else is not."""
    data = resolved.recipe.data
    for name, source in (("train", data.train), ("eval", data.eval), ("monitor", data.monitor)):
        if source is not None and _is_local(source):
            try:
                found = load_problems(source, data.prompt, resolved.verifier)
            except OutOfReach:
                continue
            if name != "eval":
                resolved.require_columns(found)
            yield f"{name:<10} {found.told()}"


def _is_local(source: SourcePart) -> bool:
    return Path(source.source).exists() or ":" in source.source or bool(Path(source.source).suffix)


def _calibrate(looked: Resolved, rates: Rates) -> tuple[Rates, list[str]]:
    from rl.run.calibration import calibrate

    if not isinstance(looked, Prepared):
        raise UserError("--calibrate trains for half a minute, and model or data are not here; give --rates instead")
    trusted = looked.config.trust_remote_code
    shape = shape_of(load_config(looked.model, trusted), trusted)
    measured = calibrate(looked, shape, prompts_of(looked).mean)
    given = {name: value for name, value in vars(rates).items() if value is not None}
    return replace(measured.rates, **given), [measured.describe()]
