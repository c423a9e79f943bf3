"""`lengthwise data`: what a recipe would train on, before anything is trained."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from rl.commands.options import Columns, Json, Settings, mapped, said_of
from rl.commands.output import require_place, write_json
from rl.errors import UserError
from rl.terminal import say


def data(
    source: Annotated[
        str, typer.Argument(help="A file, a folder, a hub name, file.py:function, or a recipe as .yaml.")
    ],
    columns: Columns = None,
    model: Annotated[
        str | None, typer.Option(help="Show prompts as this model's chat template renders them, and count tokens.")
    ] = None,
    verifier: Annotated[
        str | None, typer.Option(help="The verifier; by default the recipe's, or the one that the rows call for.")
    ] = None,
    settings: Settings = None,
    split: Annotated[str | None, typer.Option(help="The split of a hub data set or a saved folder.")] = None,
    shown: Annotated[int, typer.Option("--n", min=0, help="Problems to show whole.")] = 5,
    json_file: Json = None,
) -> None:
    """Show a source as training would see it: columns, rows left out, prompts, golds as they are read, and doubts."""
    from rl.elsewhere.offline import parse_settings
    from rl.problems.look import look
    from rl.recipe.files import load_recipe
    from rl.recipe.parts import PluginPart, PromptPart, SourcePart

    require_place(json_file)
    options = parse_settings(settings or [])
    if options and not verifier:
        raise UserError("--set is an option of a verifier: add --verifier NAME")
    judged = PluginPart(verifier, options) if verifier else None
    if Path(source).suffix in (".yaml", ".yml"):
        if columns or split:
            raise UserError("--column and --split are the recipe's where a recipe is shown: write them there")
        recipe = load_recipe(source)
        part, form, judged, model = (
            recipe.data.train,
            recipe.data.prompt,
            judged or recipe.verifier,
            model or recipe.model,
        )
    else:
        part = SourcePart(source, mapped(columns or []), {"split": split} if split else {})
        form = PromptPart()
    of_recipe = Path(source).suffix in (".yaml", ".yml")
    with nullcontext() if of_recipe else said_of("the path"):
        found = look(part, form, judged, _tokenizer(model) if model else None)
    for line in found.lines(shown):
        say(line)
    if json_file:
        write_json(json_file, found.to_dict())


def _tokenizer(model: str) -> Any:
    from rl.models import load_tokenizer, quieten_libraries, resolve_model

    quieten_libraries()
    return load_tokenizer(resolve_model(model))
