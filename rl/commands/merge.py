"""`lengthwise merge`: put a trained model and its base together, without training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from rl.commands.options import Dtype, Json
from rl.commands.output import require_place, write_json
from rl.errors import UserError
from rl.terminal import say

TAKES = {
    "selective": ("keep", "scale", "scope"),
    "linear": ("weight",),
    "ties": ("keep", "scale", "scope"),
    "lora": (),
}
"""Method: the options that it has."""


def merge(
    base: Annotated[str, typer.Option(help="The model that was trained: a path, a hub name, or `demo`.")],
    trained: Annotated[list[str], typer.Option(help="What it became: a model, or for lora an adapter; repeatable.")],
    out: Annotated[Path, typer.Option(help="The merged model's folder; must be new.")],
    method: Annotated[Literal["selective", "linear", "ties", "lora"], typer.Option(help="How.")] = "selective",
    keep: Annotated[
        float | None, typer.Option(help="Share of the changes to keep, the largest; 0.25 (ties: 0.2).")
    ] = None,
    scale: Annotated[float | None, typer.Option(help="Factor of the kept changes; 0.7 (ties: 1).")] = None,
    scope: Annotated[
        Literal["global", "tensor"] | None,
        typer.Option(help="Take the share over the whole model, which is the default, or in each tensor."),
    ] = None,
    weight: Annotated[float | None, typer.Option(help="linear: the trained model's part; 0.5.")] = None,
    dtype: Annotated[Dtype | None, typer.Option(help="The result's; by default the base's.")] = None,
    json_file: Json = None,
) -> None:
    """Merge a trained model with its base: keep the largest changes, interpolate, TIES, or fold an adapter."""
    from rl import merging
    from rl.merging.dtypes import WORDS
    from rl.merging.memory import keep_freed_memory

    keep_freed_memory()
    given = {"keep": keep, "scale": scale, "scope": scope, "weight": weight}
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    for name in options:
        if name not in TAKES[method]:
            others = " and ".join(other for other, takes in TAKES.items() if name in takes)
            raise UserError(f"--{name} is not for --method {method}, but for {others}")
    if not 0 < options.get("keep", 1) <= 1:
        raise UserError(f"--keep is a share above 0 and at most 1, not {keep}")
    require_place(json_file)
    kind = WORDS[dtype] if dtype else None
    if method == "lora":
        if len(trained) != 1:
            raise UserError("lora folds one adapter: give --trained once")
        record = merging.fold(base, trained[0], out, kind)
    else:
        make = {"selective": merging.Selective, "linear": merging.Linear, "ties": merging.Ties}[method]
        record = merging.merge(base, trained, out, make(**options), kind)
    say(f"{record['method']}: {record['base']} and {', '.join(record['trained'])} -> {out}")
    if json_file:
        write_json(json_file, record)
