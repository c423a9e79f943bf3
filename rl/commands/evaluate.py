"""`lengthwise evaluate`: answer held-out problems under a protocol, and say how well and how long."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rl.commands.methods import Json, Settings, write_json
from rl.errors import UserError
from rl.secrecy import from_environment

if TYPE_CHECKING:
    from rl.evaluation import Protocol
    from rl.evaluation.engines import EngineChoice
    from rl.evaluation.measuring import Asked, Measured


def evaluate(
    model: Annotated[str | None, typer.Option(help="A path, a hub name, or `demo`.")] = None,
    data: Annotated[str | None, typer.Option(help="A benchmark, a problem file, a hub name, or `demo`.")] = None,
    run: Annotated[Path | None, typer.Option(help="Evaluate a run's models on its own held-out problems.")] = None,
    checkpoint: Annotated[str, typer.Option(help="Of the run: best, last, all, or a step.")] = "last",
    protocol: Annotated[str | None, typer.Option(help="A protocol by name; the options below change it.")] = None,
    cap: Annotated[int | None, typer.Option(help="Tokens a completion may have.")] = None,
    caps: Annotated[str | None, typer.Option(help="Smaller caps to score at, too, as 2048,4096.")] = None,
    samples: Annotated[int | None, typer.Option(help="Completions a problem.")] = None,
    temperature: Annotated[float | None, typer.Option(help="Sampling temperature; 0 is greedy.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Nucleus sampling; 1 is off.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the sampling.")] = None,
    prompt: Annotated[str | None, typer.Option(help="The user's turn, with {problem} in it.")] = None,
    system: Annotated[str | None, typer.Option(help="The system's turn.")] = None,
    budget_text: Annotated[
        str | None, typer.Option(help="A budget around the turn: '{prompt} Think for {budget} tokens.' States the cap.")
    ] = None,
    truncated: Annotated[str | None, typer.Option(help="What cut answers are worth: judge, or wrong.")] = None,
    verifier: Annotated[str | None, typer.Option(help="A verifier's name, or a function as file.py:name.")] = None,
    settings: Settings = None,
    min_bin: Annotated[int | None, typer.Option(help="Votes a bin of the length-filtered vote needs.")] = None,
    columns: Annotated[
        list[str] | None, typer.Option("--column", help="problem=NAME or answer=NAME, where names are unusual.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many problems.")] = None,
    engine: Annotated[str, typer.Option(help="What samples: transformers, vllm, or workers.")] = "transformers",
    workers: Annotated[
        list[str] | None, typer.Option("--worker", help="Address of a `lengthwise serve`; once for each.")
    ] = None,
    api_key_env: Annotated[str | None, typer.Option(help="Environment variable with the workers' key.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Completions side by side.")] = 256,
    out: Annotated[Path | None, typer.Option(help="Keep every answer in this parquet file; resumable.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw accuracy by context length and depth, as PNG or SVG.")] = None,
    json_file: Json = None,
) -> None:
    """Answer held-out problems with a model: accuracy, tokens, pass@k and votes, at one cap or several.

    One sampling is scored at every cap. With --out, finished batches are kept: the same command goes on.
    """
    import torch
    from accelerate import PartialState

    from rl.evaluation.engines import EngineChoice
    from rl.models import quieten_libraries
    from rl.run.train import is_main_process

    quieten_libraries()
    PartialState(cpu=not torch.cuda.is_available())  # not told, ranks without a GPU would not find each other
    for path in (json_file, plot):
        if path is not None and not path.parent.is_dir():
            raise UserError(f"cannot write {path}: its folder does not exist")
    changes = {
        "cap": cap,
        "caps": _caps(caps),
        "samples": samples,
        "temperature": temperature,
        "top_p": top_p,
        "seed": seed,
        "prompt": prompt,
        "system": system,
        "budget_text": budget_text,
        "truncated": truncated,
        "min_bin": min_bin,
    }
    given = {key: value for key, value in changes.items() if value is not None}
    key = from_environment(api_key_env, "--api-key-env") if api_key_env else None
    choice = EngineChoice(engine, batch_size, tuple(workers or ()), key)
    if run is not None:
        if model or data or protocol or verifier or out or columns:
            raise UserError("--run brings its own model, data, protocol, verifier and place; remove those options")
        result = _run(run, checkpoint, given, choice, limit, plot)
    else:
        if not model or not data:
            raise UserError("give --model and --data, or --run")
        asked = _asked(data, model, protocol, given, verifier, settings or [], columns or [], engine, limit)
        result = _one(asked, model, choice, out, plot).numbers
    if json_file and is_main_process():
        write_json(json_file, result)


def _caps(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UserError(f"--caps must be numbers of tokens as 2048,4096, not {text!r}") from None


def changed(protocol: Protocol, given: Mapping[str, Any]) -> Protocol:
    """The protocol with what the command line says otherwise."""
    values = dict(given)
    minimum = values.pop("min_bin", None)
    if minimum is not None:
        values["length_filter"] = replace(protocol.length_filter, minimum=minimum)
    text = values.get("budget_text")
    if text is not None:
        values["budget_text"] = text.replace("{budget}", str(values.get("cap", protocol.cap)))
    return replace(protocol, **values)


def _asked(
    data: str,
    model: str,
    name: str | None,
    given: dict[str, Any],
    verifier: str | None,
    settings: list[str],
    columns: list[str],
    engine: str,
    limit: int | None,
) -> Asked:
    from rl.elsewhere.offline import parse_settings
    from rl.evaluation import Protocol, preset
    from rl.evaluation.measuring import Asked
    from rl.evaluation.recipes import data_in
    from rl.models import load_tokenizer, resolve_model
    from rl.plugins import load_verifier
    from rl.problems.benchmarks import is_long_context
    from rl.problems.data import EMBEDDED, problems_of, rows_of
    from rl.recipe.parts import PluginPart, PromptPart, SourcePart

    base = preset(name) if name else Protocol()
    if name is None and "cap" not in given and given.get("caps"):
        given["cap"] = max(given["caps"])
    protocol = changed(base, given)
    options = parse_settings(settings)
    source = SourcePart(data, _mapped(columns), {"split": "test"} if data in EMBEDDED else {})
    rows = list(rows_of(source))
    if verifier or (name is None and is_long_context(rows)):
        protocol = replace(protocol, verifier=PluginPart(verifier or "substring", options))
    elif options:
        protocol = replace(
            protocol, verifier=PluginPart(protocol.verifier.name, {**protocol.verifier.options, **options})
        )
    judge = load_verifier(protocol.verifier.name, protocol.verifier.options)
    chat = load_tokenizer(resolve_model(model)).chat_template is not None
    problems = problems_of(rows, source, PromptPart(protocol.prompt, protocol.system), judge, chat).first(limit)
    return Asked(problems.problems, judge, protocol.of(data_in(source, problems), engine))


def _mapped(columns: list[str]) -> dict[str, str]:
    mapped = {}
    for column in columns:
        role, sign, name = column.partition("=")
        if role not in ("problem", "answer") or not sign or not name:
            raise UserError(f"--column must be problem=NAME or answer=NAME, not {column!r}")
        mapped[role] = name
    return mapped


def _one(
    asked: Asked, model: str, choice: EngineChoice, out: Path | None, plot: Path | None, path: str | None = None
) -> Measured:
    """Measure one model and show it; `path` is where it lies, if not where its name says."""
    from rewards.verifier import Isolated
    from rl.evaluation import Answerer
    from rl.evaluation.engines import open_answerer
    from rl.models import load_tokenizer, resolve_model
    from rl.report.evaluation_table import print_evaluation
    from rl.run.train import is_main_process

    place = path or resolve_model(model)
    tokenizer = load_tokenizer(place)
    if plot is not None and not any(problem.columns.get("gold_docs") for problem in asked.problems):
        raise UserError(f"cannot draw {plot}: the problems do not say where in the context their answers lie")

    opened = ExitStack()

    def answerer() -> Answerer:
        found = open_answerer(model, place, tokenizer, choice, asked.longest(tokenizer))
        opened.callback(found.engine.close)
        return found

    try:
        with opened:
            measured = asked.measure(model, tokenizer, answerer, out, choice.batch_size)
    except KeyboardInterrupt:
        print(
            "stopped; " + ("the same command goes on" if out else "nothing kept, as there is no --out"), file=sys.stderr
        )
        raise typer.Exit(130) from None
    finally:
        if isinstance(asked.verifier, Isolated):
            asked.verifier.close()
    if not is_main_process():
        return measured
    print_evaluation(measured.numbers, asked.protocol)
    if plot is not None and measured.numbers["heat_map"]:
        from rl.report.heat_map import draw_heat_map

        draw_heat_map(measured.numbers["heat_map"], model, asked.protocol.line(), plot)
    return measured


def _run(
    path: Path,
    which: str,
    given: Mapping[str, Any],
    choice: EngineChoice,
    limit: int | None,
    plot: Path | None,
) -> dict[str, Any]:
    """The numbers of a checkpoint; of `all` by step, under `checkpoints`."""
    from rl.evaluation import runs
    from rl.folders.run import RunFolder
    from rl.run.train import is_main_process

    run = RunFolder(path)
    recipe = runs.recipe_of(run)
    models = runs.chosen_models(run, which)
    if plot is not None and len(models) > 1:
        raise UserError("--plot draws one checkpoint: give --checkpoint last, or a step")
    asked = runs.asked_of(run, recipe, choice.name, limit, lambda protocol: changed(protocol, given))
    measured = {
        m.step: _one(asked, f"{path.name}, step {m.step}", choice, m.evaluation(run), plot, str(m.path)) for m in models
    }
    if which == "all":
        return {"schema": 1, "run": str(path), "checkpoints": {str(s): m.numbers for s, m in measured.items()}}
    best = runs.best_of({step: m.evaluation for step, m in measured.items()})
    if which == "best" and is_main_process():
        print(f"best: step {best}")
    return measured[best].numbers
