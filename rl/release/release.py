"""Put a run's model, and what others need to use, judge and repeat it, into a new folder."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rl.errors import UserError
from rl.evaluation.runs import recipe_of
from rl.folders.run import RunFolder
from rl.folders.sums import write_sums
from rl.folders.whole import require_new, whole_folder
from rl.merging.folders import find_model, read_json
from rl.merging.lora import CONFIG, is_adapter
from rl.recipe.parts import Recipe
from rl.release.card import card
from rl.release.check import require_loads, write_generation_config
from rl.release.choice import Chosen, choose
from rl.release.dial import budgets as dial
from rl.release.figures import Figures, of_file, of_run
from rl.release.lock import LOCK, lock
from rl.release.plots import draw
from rl.release.public import make_public, public, public_text
from rl.release.wanted import Wanted
from rl.release.weights import started_from, write_model
from rl.secrecy import require_nothing_secret

FIGURES = "figures"


def release(run: RunFolder, wanted: Wanted, out: Path) -> dict[str, Any]:
    """Write the folder `out`, whole or not at all; gives step, rule and figures.

    The model is loaded and made to answer before anything is moved to its place. Errors: UserError
    when there is no licence, no figure, or no model that loads, and when `out` is not new.
    """
    require_new(out)
    license_ = _license(wanted.license)
    recipe = recipe_of(run)
    budgets = dial.of_file(wanted.budgets) if wanted.budgets else None
    chosen = choose(run, wanted.checkpoint)
    base = _base(chosen, wanted)
    figures = _figures(run, recipe, chosen, wanted)
    started = started_from(base.place if base else recipe.model, wanted)
    size = sum(path.stat().st_size for path in chosen.model.path.glob("*.safetensors"))
    with whole_folder(out, size) as folder:
        weights = write_model(chosen.model.path, folder, base.place if base else None, started, wanted)
        needs = str(find_model(base.place)) if base and wanted.adapter else None
        write_generation_config(folder, needs, figures[0].protocol)
        make_public(folder)
        if base and wanted.adapter:
            _name_base(folder, base.name)
        logged = [line for line in run.logged() if line["step"] <= chosen.model.step]
        pictures = draw(figures[0], logged, folder / FIGURES)
        shown = public(recipe.to_dict())
        (folder / "recipe.yaml").write_text(yaml.safe_dump(shown, sort_keys=False, allow_unicode=True))
        (folder / LOCK).write_text(lock())
        shown_base = public_text(wanted.base or (base.name if base and base.stands_for(recipe.model) else recipe.model))
        name, place = wanted.name or out.absolute().name, wanted.repository or f"./{out.absolute().name}"
        text = card(
            name, place, license_, shown_base, shown, chosen, figures, wanted, logged, pictures, weights, budgets
        )
        (folder / "README.md").write_text(text)
        if budgets:
            dial.write(folder, budgets)
        require_loads(folder, needs)
        require_nothing_secret(folder)
        write_sums(folder)
    return {
        "step": chosen.model.step,
        "why": chosen.why,
        "license": license_,
        "adapter": wanted.adapter,
        "dtype": weights.dtype,
        "figures": [found.numbers for found in figures],
        "protocols": [found.protocol.line() for found in figures],
    }


def _license(name: str | None) -> str:
    if not name:
        raise UserError("a release needs a licence: give --license, such as apache-2.0 or mit")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.+-]*", name):
        raise UserError(f"--license is an identifier in small letters, such as apache-2.0 or mit, not {name!r}")
    return name


@dataclass(frozen=True)
class _Base:
    """The base of an adapter: where it can be loaded from, and what the public knows it by."""

    place: str
    name: str

    def stands_for(self, start: str) -> bool:
        """Whether the run started from an adapter of this base, and went on with it."""
        return is_adapter(Path(start).expanduser())


def _base(chosen: Chosen, wanted: Wanted) -> _Base | None:
    """None for a whole model."""
    if not is_adapter(chosen.model.path):
        if wanted.adapter:
            raise UserError(f"{chosen.model.path} is a whole model, no adapter: leave out --adapter")
        return None
    named = read_json(chosen.model.path / CONFIG).get("base_model_name_or_path")
    name = wanted.base or named
    if not name:
        raise UserError(f"{chosen.model.path} is an adapter that names no base model: give --base")
    if wanted.adapter and (name == "demo" or Path(name).expanduser().exists()):
        raise UserError(f"an adapter is released for a base that others have: give --base with a hub name, not {name}")
    return _Base(named if named and Path(named).is_dir() else name, name)


def _figures(run: RunFolder, recipe: Recipe, chosen: Chosen, wanted: Wanted) -> list[Figures]:
    found = []
    if chosen.evaluation is not None and chosen.evaluation.protocol is not None:
        found.append(of_run(run, recipe, chosen.evaluation, chosen.model.path, wanted.caps))
    elif wanted.caps:
        raise UserError(f"--caps scores the run's own answers, and step {chosen.model.step} of {run.path} has none")
    found += [of_file(path, chosen.model.step) for path in wanted.evaluations]
    if not found:
        step = chosen.model.step
        how = f"run lengthwise evaluate --run {run.path} --checkpoint {step}, or give --evaluation"
        raise UserError(f"a card needs figures, and step {step} is not evaluated: {how}")
    return found


def _name_base(folder: Path, name: str) -> None:
    values = read_json(folder / CONFIG) | {"base_model_name_or_path": name}
    (folder / CONFIG).write_text(json.dumps(values, indent=2) + "\n")
