"""The model card: what the model is, what it was measured to do, and how to get there again."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from typing import Any

from huggingface_hub import EvalResult, ModelCardData
from jinja2 import Environment, PackageLoader, StrictUndefined

from rl.evaluation import Protocol
from rl.release.choice import Chosen
from rl.release.dial import serving
from rl.release.dial.budgets import Budgets
from rl.release.figures import Figures, Json
from rl.release.wanted import Wanted
from rl.release.weights import Weights

SETTINGS = (
    "learning_rate",
    "num_generations",
    "per_device_train_batch_size",
    "steps_per_generation",
    "gradient_accumulation_steps",
    "beta",
    "epsilon",
    "epsilon_high",
    "loss_type",
    "temperature",
)
"""Of the trainer's, the ones that a reader asks for first; the recipe has all."""


_LOADED = re.compile(r'from_pretrained\(("(?:[^"\\]|\\.)*")')


def place_of(text: str) -> str | None:
    """Where a card says that its model is loaded from."""
    found = _LOADED.search(text)
    return str(json.loads(found[1])) if found else None


def card(
    name: str,
    place: str,
    license_: str,
    base: str,
    recipe: Json,
    chosen: Chosen,
    figures: Sequence[Figures],
    wanted: Wanted,
    logged: Sequence[Json],
    pictures: Sequence[str],
    weights: Weights,
    dial: Budgets | None = None,
) -> str:
    """README.md in the hub's form. `place`: a hub name, or the folder seen from beside it.

    `base` and `recipe` are already fit to be seen, and `figures` are.
    """
    environment = Environment(
        loader=PackageLoader("rl.release", "."),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    environment.filters["inline"] = inline
    commands = _commands(place, base, recipe, figures, wanted.adapter)
    middle = list(dial.points)[len(dial.points) // 2] if dial else 0
    return environment.get_template("card.md").render(
        metadata=_metadata(name, license_, base, recipe, figures, wanted.adapter).to_yaml(),
        name=name,
        place=place,
        license=license_,
        base=base,
        recipe=recipe,
        train=_source(recipe["data"]["train"]),
        held_out=_source(recipe["data"]["eval"]) if recipe["data"]["eval"] else None,
        rewards="; ".join(_plugin(reward) for reward in recipe["rewards"]),
        budget=_plugin(recipe["budget"]),
        advantage=_plugin(recipe["advantage"]),
        settings={key: recipe["trainer"][key] for key in SETTINGS if key in recipe["trainer"]},
        step=chosen.model.step,
        why=chosen.why,
        figures=figures,
        commands=commands,
        fence=fence(commands),
        minutes=sum(line.get("step_time") or 0.0 for line in logged) / 60,
        pictures=pictures,
        adapter=wanted.adapter,
        weights=weights,
        dial=dial,
        middle=middle,
        servers=serving.settings(name, place, dial, middle) if dial else [],
    )


def _metadata(
    name: str, license_: str, base: str, recipe: Json, figures: Sequence[Figures], adapter: bool
) -> ModelCardData:
    """What the hub reads. A base or data set is named only where it looks like a hub name."""
    results = [
        EvalResult(
            task_type="text-generation",
            dataset_type=_hub_name(f.protocol.data.source) or f.protocol.data.name,
            dataset_name=f.protocol.data.name,
            metric_type=metric,
            metric_name=f"{label} at {f.protocol.cap} tokens",
            metric_value=found[key]["mean"],
        )
        for f in figures
        if f.protocol.data is not None
        for found in [f.numbers["caps"][str(f.protocol.cap)]]
        for metric, label, key in (("accuracy", "accuracy", "accuracy"), ("mean_tokens", "mean tokens", "mean_tokens"))
        if found[key]["mean"] is not None
    ]
    data = _hub_name(recipe["data"]["train"]["source"])
    return ModelCardData(
        license=license_,
        base_model=_hub_name(base),
        datasets=[data] if data else None,
        library_name="peft" if adapter else "transformers",
        pipeline_tag="text-generation",
        tags=["lengthwise", "grpo", "reasoning", "reasoning-length"],
        model_name=name,
        eval_results=results or None,
    )


def _hub_name(name: str) -> str | None:
    found = re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", name.split()[0] if name else "")
    return found[0] if found and not found[0].endswith((".jsonl", ".json", ".parquet")) else None


def _plugin(part: Json) -> str:
    """A plug-in of the recipe in a cell of a table: its name, and its options that are set."""
    options = [f"{key} {value}" for key, value in part.items() if key != "name" and value is not None]
    return _cell(part["name"] + (f" ({', '.join(options)})" if options else ""))


def _source(part: Json) -> str:
    return _cell(", ".join([part["source"], *(f"{key} {value}" for key, value in part["options"].items())]))


def _cell(text: str) -> str:
    return inline(text).replace("|", "\\|")


def inline(value: Any) -> str:
    """A text that somebody else may have chosen, as a line of Markdown: no code, no tags, no links of its own."""
    text = " ".join(str(value).split())
    return re.sub(r"[`<]|\](?=\()", lambda found: "\\" + found[0], text)


def fence(lines: Sequence[str]) -> str:
    """What begins and ends a block of code with these lines in it: more backticks than stand in any."""
    return "`" * max(3, 1 + max((len(run) for line in lines for run in re.findall("`+", line)), default=0))


def _commands(place: str, base: str, recipe: Json, figures: Sequence[Figures], adapter: bool) -> list[str]:
    """What gives the figures again, beside the released folder; an adapter has to be folded first."""
    if not adapter:
        return [evaluate_command(f.protocol, place, recipe) for f in figures]
    whole = f"./{place.rpartition('/')[2]}-folded"
    fold = ["lengthwise", "merge", "--method", "lora", "--base", base, "--trained", place, "--out", whole]
    return [shlex.join(fold), *(evaluate_command(f.protocol, whole, recipe) for f in figures)]


def evaluate_command(protocol: Protocol, model: str, recipe: Json) -> str:
    """The command that gives the figures of a protocol again, run beside the released folder."""
    data = protocol.data
    words: list[Any] = ["lengthwise", "evaluate", "--model", model]
    words += ["--data", data.source.split()[0] if data else "DATA", "--cap", protocol.cap]
    if len(protocol.caps) > 1:
        words += ["--caps", ",".join(map(str, protocol.caps))]
    words += ["--samples", protocol.samples, "--temperature", protocol.temperature, "--top-p", protocol.top_p]
    words += ["--seed", protocol.seed, "--truncated", protocol.truncated, "--verifier", protocol.verifier.name]
    for key, value in protocol.verifier.options.items():
        words += ["--set", f"{key}={value}"]
    if protocol.prompt != "{problem}":
        words += ["--prompt", protocol.prompt]
    for option, text in (("--system", protocol.system), ("--budget-text", protocol.budget_text)):
        words += [option, text] if text is not None else []
    for role, column in _columns(recipe, data.source if data else "").items():
        words += ["--column", f"{role}={column}"]
    words += ["--limit", data.problems] if data else []
    words += ["--engine", protocol.engine] if protocol.engine != "transformers" else []
    return shlex.join(map(str, words))


def _columns(recipe: Json, source: str) -> dict[str, str]:
    """The columns that the recipe names for its held-out problems, if those are meant."""
    part = recipe["data"]["eval"]
    return part["columns"] if part and source.split()[:1] == [part["source"]] else {}
