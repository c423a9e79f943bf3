"""What a run is made of beside its recipe: its problems, the files of its plug-ins, its model. Each by its SHA-256.

A start that finds another one is refused, unless it is told to accept it. Problems count as they are trained on,
whatever file they came from; a model of the hub by its revision, one of a folder by its files; a plug-in by its own
file, not by what that imports; entry points, and what comes with the program, are not looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from rl.digests import digest_of, digests
from rl.errors import UserError
from rl.folders.intact import model_damage
from rl.folders.run import RunFolder, write_text
from rl.models import base_of, load_config
from rl.problems.data import ProblemSet
from rl.ranks import found_by_main
from rl.reading import object_of
from rl.recipe.parts import Recipe
from rl.run.prepare import Prepared
from rl.terminal import say

OF_MODELS = (".safetensors", ".bin", ".json", ".model", ".jinja", ".txt", ".tiktoken", ".py")
"""Suffixes of what a model is loaded from."""


def keep_inputs(run: RunFolder, plan: Sequence[tuple[Prepared, RunFolder]], begun: bool, accept: bool) -> None:
    """Write down what a run is made of; of one that was begun, look at what was written.

    Errors, on every rank: UserError where something else is there now, and it is not to be accepted.
    """
    refused = found_by_main(lambda: _kept(run, plan, begun, accept))
    if refused is not None:
        raise UserError(refused)


def _kept(run: RunFolder, plan: Sequence[tuple[Prepared, RunFolder]], begun: bool, accept: bool) -> str | None:
    try:
        before, now, others = _compared(run, plan, begun)
    except (UserError, OSError) as error:
        return f"cannot look at what {run.path} is made of: {error}"
    if others and not accept:
        return _begun_with(run, others)
    if others:
        say(f"{run.path} goes on with another {' and another '.join(others)}", error=True)
        for _, folder in plan:
            folder.probe.unlink(missing_ok=True)  # of other problems, or by another model
    write_text(run.inputs, json.dumps({**before, **now}, indent=1) + "\n")
    return None


def require_same(run: RunFolder, plan: Sequence[tuple[Prepared, RunFolder]]) -> None:
    """Of a run that was begun, with nothing written. Errors: UserError where something else is there now."""
    others = _compared(run, plan, True)[2]
    if others:
        raise UserError(_begun_with(run, others))


def _begun_with(run: RunFolder, others: Sequence[str]) -> str:
    return (
        f"{run.path} was begun with another {' and another '.join(others)}; put it back, or go on with what is "
        "there now by --accept-data"
    )


def _compared(
    run: RunFolder, plan: Sequence[tuple[Prepared, RunFolder]], begun: bool
) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """What was written of a run that was begun, what is there now, and the names of what is another now."""
    before = object_of(run.inputs) if begun and run.inputs.is_file() else {}
    now = dict(_inputs(plan))
    return before, now, [name for name, found in now.items() if before.get(name, found) != found]


def _inputs(plan: Sequence[tuple[Prepared, RunFolder]]) -> Iterator[tuple[str, str]]:
    """What each part of a run is called, and its digest."""
    for prepared, folder in plan:
        stage = f" of stage {folder.path.name}" if len(plan) > 1 else ""
        data = prepared.recipe.data
        sources = ((data.train, prepared.train), (data.eval, prepared.eval), (data.monitor, prepared.monitor))
        for role, (source, problems) in zip(("train", "eval", "monitor"), sources, strict=True):
            if source is not None and problems is not None:
                yield f"data.{role} ({source.source}){stage}", _of_problems(problems)
        for name, file in _plug_ins(prepared.recipe).items():
            yield f"plug-in {name}{stage}", digests([file])[file]
    first, folder = plan[0]
    if not folder.final.exists():  # nothing is loaded from it any more
        yield f"model ({first.recipe.model})", _of_model(first.model, first.config.trust_remote_code)


def _of_problems(problems: ProblemSet) -> str:
    """In their order, with all their columns."""
    rows = ([p.prompt, p.answer, p.columns] for p in problems.problems)
    return digest_of(json.dumps(row, sort_keys=True, default=str) for row in rows)


def _plug_ins(recipe: Recipe) -> Mapping[str, Path]:
    """The file of each plug-in that a recipe names by file or module."""
    data = recipe.data
    parts = [*recipe.rewards, recipe.budget, recipe.verifier, recipe.advantage, data.order, *recipe.edits]
    parts += [part for part in (recipe.asking, recipe.credit) if part is not None]
    sources = [source for source in (data.train, data.eval, data.monitor) if source is not None]
    named = dict.fromkeys([*(part.name for part in parts), *(source.source for source in sources)])
    places = {name: name.rpartition(":")[0] for name in named}
    files = {name: _file_of(place) for name, place in places.items() if place and not Path(name).exists()}
    return {name: file for name, file in files.items() if file is not None}


def _file_of(place: str) -> Path | None:
    """Of a plug-in, before the colon: a file, or a module; what stands there of a data set's name is neither."""
    if place.endswith(".py"):
        return Path(place)
    if not all(part.isidentifier() for part in place.split(".")):
        return None
    try:
        spec = find_spec(place)
    except ModuleNotFoundError:  # of a package that is not there
        return None
    return Path(spec.origin) if spec is not None and spec.origin and Path(spec.origin).is_file() else None


def _of_model(model: str, trust_remote_code: bool) -> str:
    if not Path(model).is_dir():
        revision = getattr(load_config(model, trust_remote_code), "_commit_hash", None)
        return f"revision {revision}"
    wrong = model_damage(Path(model))
    if wrong is not None:
        raise UserError(f"{model}: {wrong}; put it back, or train another model")
    files = sorted(path for path in Path(model).iterdir() if path.is_file() and path.suffix in OF_MODELS)
    found = digests(files)
    base = base_of(model)
    return digest_of([*(f"{path.name} {found[path]}" for path in files), _of_model(base, False) if base else ""])
