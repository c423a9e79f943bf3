"""`lengthwise evaluate`: answer held-out problems under a protocol, and say how well and how long."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rl.commands.options import (
    AllowedHosts,
    Columns,
    Json,
    KeyVariable,
    LogOptions,
    Settings,
    mapped,
    named_counts,
    said_of,
    spread,
    token_counts,
)
from rl.commands.output import progress, require_place, write_json
from rl.errors import UserError
from rl.problems.benchmarks import sets_of
from rl.secrecy import Granted, require_no_secrets
from rl.terminal import say

if TYPE_CHECKING:
    from rl.evaluation.engines import EngineChoice
    from rl.evaluation.measuring import Asked, Measured


@dataclass(frozen=True)
class Forcing:
    """What is forced on completions."""

    rival: Annotated[
        str | None,
        typer.Option(help="A way to think shorter or longer that needs no training, by name: no-thinking, say."),
    ] = None
    force_at: Annotated[
        str | None,
        typer.Option(
            help="Close thinking at these budgets, too, and have it answer then: 512,1024 tokens, or low=512,high=1024."
        ),
    ] = None
    closing: Annotated[
        str | None, typer.Option(help="What closes it: plain, s1, qwen3, no-thinking, or a text. plain by default.")
    ] = None
    answer: Annotated[
        int | None, typer.Option(help="Tokens of an answer after thinking; 1024 by default. With --force-at.")
    ] = None
    end: Annotated[
        str | None, typer.Option(help="The text that ends thinking, where the tokenizer has no token that does.")
    ] = None
    min_thinking: Annotated[
        int | None, typer.Option(help="Of the rival think-longer: tokens below which thinking may not end.")
    ] = None
    waits: Annotated[
        int | None, typer.Option(help="Of the rival think-longer: how often it goes on; 1 by default.")
    ] = None

    def changes(self) -> dict[str, Any]:
        """As `rl.evaluation.forcing.changes` takes them. Errors: UserError."""
        budgets, efforts = named_counts(self.force_at, "--force-at")
        return {**vars(self), "force_at": budgets, "efforts": efforts}


@dataclass(frozen=True)
class Asking:
    """How problems are put: a protocol, what is changed in it, and where the data has its columns."""

    protocol: Annotated[str | None, typer.Option(help="A protocol by name; the options below change it.")] = None
    cap: Annotated[
        int | None, typer.Option(help="Tokens a completion may have; 1024 by default, or what the context leaves.")
    ] = None
    caps: Annotated[str | None, typer.Option(help="Smaller caps to score at, too, as 2048,4096.")] = None
    samples: Annotated[int | None, typer.Option(help="Completions a problem.")] = None
    temperature: Annotated[float | None, typer.Option(help="Sampling temperature; 0 is greedy.")] = None
    top_p: Annotated[float | None, typer.Option(help="Nucleus sampling; 1 is off.")] = None
    seed: Annotated[int | None, typer.Option(help="Seed of the sampling.")] = None
    prompt: Annotated[str | None, typer.Option(help="The user's turn, with {problem} in it.")] = None
    system: Annotated[str | None, typer.Option(help="The system's turn.")] = None
    budget_text: Annotated[
        str | None, typer.Option(help="A budget around the turn: '{prompt} Think for {budget} tokens.' States the cap.")
    ] = None
    truncated: Annotated[str | None, typer.Option(help="What cut answers are worth: judge, or wrong.")] = None
    verifier: Annotated[str | None, typer.Option(help="A verifier's name, or a function as file.py:name.")] = None
    settings: Settings = None
    chat: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="An option of the chat template, as enable_thinking=false; repeatable."),
    ] = None
    min_bin: Annotated[int | None, typer.Option(help="Votes a bin of the length-filtered vote needs.")] = None
    columns: Columns = None
    forcing: Forcing = Forcing()

    def changes(self) -> dict[str, Any]:
        """What is to be other than the protocol says, the verifier apart. Errors: UserError."""
        values = {
            "cap": self.cap,
            "caps": token_counts(self.caps),
            "samples": self.samples,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "seed": self.seed,
            "prompt": self.prompt,
            "system": self.system,
            "budget_text": self.budget_text,
            "truncated": self.truncated,
            "min_bin": self.min_bin,
            "chat_options": self.chat_options(),
        }
        values |= self.forcing.changes()
        changed = {key: value for key, value in values.items() if value is not None}
        require_no_secrets(changed, "--")
        return changed

    def chat_options(self) -> dict[str, Any] | None:
        """Errors: UserError."""
        from rl.elsewhere.offline import parse_settings
        from rl.plugins.typed import FREE, require

        options = parse_settings(self.chat or [], "--chat")
        require(FREE, options, "--chat")
        return options or None


@dataclass(frozen=True)
class Answering:
    """What samples."""

    engine: Annotated[str, typer.Option(help="What samples: transformers, vllm, or workers.")] = "transformers"
    workers: Annotated[
        list[str] | None, typer.Option("--worker", help="Address of a `lengthwise serve`; once for each.")
    ] = None
    api_key_env: KeyVariable = None
    allow_host: AllowedHosts = None
    batch_size: Annotated[int, typer.Option(min=1, help="Completions side by side.")] = 256

    def choice(self) -> EngineChoice:
        """Errors: UserError."""
        from rl.evaluation.engines import EngineChoice

        workers = tuple(self.workers or ())
        key = Granted(self.api_key_env, self.allow_host or ()).key_for(workers, None)
        return EngineChoice(self.engine, self.batch_size, workers, key)


@spread
def evaluate(
    *,
    model: Annotated[str | None, typer.Option(help="A path, a hub name, or `demo`.")] = None,
    data: Annotated[
        str | None, typer.Option(help="Benchmarks, problem files or math-suite, with commas; a hub name; demo.")
    ] = None,
    run: Annotated[Path | None, typer.Option(help="Evaluate a run's models on its own held-out problems.")] = None,
    checkpoint: Annotated[str, typer.Option(help="Of the run: best, last, all, or a step.")] = "last",
    asking: Asking,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many problems.")] = None,
    answering: Answering,
    votes: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Count pass@k and votes of answers in a log instead; once for each file."),
    ] = None,
    log: LogOptions,
    out: Annotated[Path | None, typer.Option(help="Keep every answer in this parquet file; resumable.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw accuracy by context length and depth, as PNG or SVG.")] = None,
    json_file: Json = None,
) -> None:
    """Answer held-out problems with a model: accuracy, tokens, pass@k and votes, at one cap or several.

    One sampling is scored at every cap. With --out, finished batches are kept: the same command goes on.
    """
    if votes:
        if model or data or run or out or plot:
            raise UserError("--votes counts answers that are there; remove --model, --data, --run, --out and --plot")
        _votes(votes, asking, log, json_file)
        return
    require_place(json_file)
    require_place(plot)
    changes = asking.changes()
    if run is not None:
        if model or data or asking.protocol or asking.verifier or out or asking.columns:
            raise UserError("--run brings its own model, data, protocol, verifier and place; remove those options")
        result = _run(run, checkpoint, changes, _ready(answering), limit, plot)
    elif model and data:
        choice = _ready(answering)
        asked = {name: _asked(name, model, asking, changes, choice.name, limit) for name in sets_of(data)}
        result = _several(asked, model, choice, out, plot)
    else:
        raise UserError("give --model and --data, or --run")
    from rl.ranks import is_main_process

    if json_file and is_main_process():
        write_json(json_file, result)


def _several(
    asked: Mapping[str, Asked], model: str, choice: EngineChoice, out: Path | None, plot: Path | None
) -> dict[str, Any]:
    """The numbers of one set of problems; of several, by set and in the mean."""
    if len(asked) == 1:
        return _one(next(iter(asked.values())), model, choice, out, plot).numbers
    from rl.evaluation.suite import place_of, require_names, suite_numbers
    from rl.ranks import is_main_process
    from rl.report.evaluation_table import print_suite

    if plot is not None:
        raise UserError("--plot draws one set of problems; evaluate that by itself")
    require_names(list(asked))
    places = [(each, place_of(out, name)) for name, each in asked.items()]
    measured = dict(zip(asked, _measured(places, model, choice, None, kept=out is not None), strict=True))
    found = suite_numbers(measured)
    if is_main_process():
        print_suite(found)
    return found


def _votes(paths: list[Path], asking: Asking, log: LogOptions, json_file: Path | None) -> None:
    from rl.elsewhere.offline import parse_settings
    from rl.evaluation.protocol import Protocol
    from rl.plugins import load_verifier
    from rl.report.evaluation_table import print_votes
    from rl.report.logged import logged_answers, vote_numbers

    require_place(json_file)
    verifier = load_verifier(asking.verifier or "math", parse_settings(asking.settings or []))
    logged = logged_answers(paths, log.told(asking.cap))
    protocol = Protocol(samples=max(row["sample"] for row in logged.rows) + 1, truncated=asking.truncated or "judge")  # type: ignore[arg-type]
    numbers = vote_numbers(logged, protocol, verifier)
    print_votes(numbers, ", ".join(path.name for path in paths))
    if json_file:
        write_json(json_file, numbers)


def _ready(answering: Answering) -> EngineChoice:
    """The libraries that answer, imported, and the ranks of the launch, found: it takes seconds."""
    with progress("loading", None, hidden=os.environ.get("RANK", "0") != "0"):
        from rl.models import quieten_libraries
        from rl.ranks import launched
        from rl.scratch import clear_left

        quieten_libraries()
        launched()  # before a library asks for the ranks in its own way
        clear_left()
        return answering.choice()


def _asked(data: str, model: str, asking: Asking, changes: dict[str, Any], engine: str, limit: int | None) -> Asked:
    from rl.elsewhere.offline import parse_settings
    from rl.evaluation.asking import ProtocolChoice, asked_of

    options = parse_settings(asking.settings or [])
    protocol = ProtocolChoice(asking.protocol, changes, asking.verifier, options)
    with said_of("--data"):
        return asked_of(data, mapped(asking.columns or []), model, protocol, engine, limit)


def _one(
    asked: Asked, model: str, choice: EngineChoice, out: Path | None, plot: Path | None, path: str | None = None
) -> Measured:
    """Measure one model and show it; `path` is where it lies, if not where its name says."""
    from rl.ranks import is_main_process

    if plot is not None and not any(problem.columns.get("gold_docs") for problem in asked.problems):
        raise UserError(f"cannot draw {plot}: the problems do not say where in the context their answers lie")
    (measured,) = _measured([(asked, out)], model, choice, path, kept=out is not None)
    if plot is not None and measured.numbers["heat_map"] and is_main_process():
        from rl.report.heat_map import draw_heat_map

        draw_heat_map(measured.numbers["heat_map"], model, asked.protocol.line(), plot)
    return measured


def _measured(
    sets: Sequence[tuple[Asked, Path | None]], model: str, choice: EngineChoice, path: str | None, kept: bool
) -> list[Measured]:
    """Measure one model on each set of problems, whose answers may be kept at its place, and show each."""
    from rl.evaluation.engines import measure_each
    from rl.folders.intact import model_damage
    from rl.models import resolve_model
    from rl.ranks import found_by_main, is_main_process
    from rl.report.evaluation_table import print_evaluation

    place = path or resolve_model(model)
    wrong = found_by_main(lambda: model_damage(Path(place)))
    if wrong is not None:
        raise UserError(f"{place}: {wrong}; put it back, or evaluate another model")
    try:
        measured = measure_each(sets, model, place, choice)
    except KeyboardInterrupt:
        say("stopped; " + ("the same command goes on" if kept else "nothing kept, as there is no --out"), error=True)
        raise typer.Exit(130) from None
    if is_main_process():
        for (asked, _), found in zip(sets, measured, strict=True):
            print_evaluation(found.numbers, asked.protocol)
    return measured


def _run(
    path: Path,
    which: str,
    changes: Mapping[str, Any],
    choice: EngineChoice,
    limit: int | None,
    plot: Path | None,
) -> dict[str, Any]:
    """The numbers of a checkpoint; of `all` by step, under `checkpoints`."""
    from rl.evaluation import runs
    from rl.evaluation.asking import changed
    from rl.folders.run import RunFolder
    from rl.ranks import is_main_process

    run = RunFolder(path)
    recipe = runs.recipe_of(run)
    models = runs.chosen_models(run, which)
    if plot is not None and len(models) > 1:
        raise UserError("--plot draws one checkpoint: give --checkpoint last, or a step")
    asked = runs.asked_of(run, recipe, choice.name, limit, lambda protocol: changed(protocol, changes))
    places = {m.step: m.evaluation(run, changes.get("rival")) for m in models}
    measured = {
        m.step: _one(asked, f"{path.name}, step {m.step}", choice, places[m.step], plot, str(m.path)) for m in models
    }
    if which == "all":
        return {"schema": 1, "run": str(path), "checkpoints": {str(s): m.numbers for s, m in measured.items()}}
    best = runs.best_of({step: m.evaluation for step, m in measured.items()})
    if which == "best" and is_main_process():
        say(f"best: step {best}")
    return measured[best].numbers
