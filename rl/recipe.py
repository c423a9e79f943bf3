"""A recipe: a whole run in one YAML file, read into dataclasses, every key checked.

Any key can be overridden as `part.key=value`, e.g. `trainer.max_steps=10` or `budget.tokens=64`.
"""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, ConfigDict, TypeAdapter, ValidationError

from rl.errors import UserError, unknown

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class SourcePart:
    """Where problems come from."""

    __pydantic_config__ = _STRICT
    source: str
    """A .jsonl, .json or .parquet file, a hub name, `module:factory`, or `demo`."""
    columns: dict[str, str] = field(default_factory=dict)
    """Which column is the `problem` and which the `answer`, where the usual names do not hold."""
    options: dict[str, Any] = field(default_factory=dict)
    """Keyword arguments of the factory, or of `datasets.load_dataset` (`name`, `split`)."""


@dataclass(frozen=True)
class PromptPart:
    """How a problem becomes a chat."""

    __pydantic_config__ = _STRICT
    template: str = "{problem}"
    """The user's turn."""
    system: str | None = None
    """The system's turn, if any."""


def _source(value: Any) -> Any:
    return {"source": value} if isinstance(value, str) else value


Source = Annotated[SourcePart, BeforeValidator(_source)]


@dataclass(frozen=True)
class DataPart:
    """The problems of a run."""

    __pydantic_config__ = _STRICT
    train: Source
    eval: Source | None = None
    """Held-out problems, answered before and after training."""
    prompt: PromptPart = field(default_factory=PromptPart)


@dataclass(frozen=True)
class PluginPart:
    """A plug-in by name, and its options, which stand beside the name in the YAML."""

    __pydantic_config__ = _STRICT
    name: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RewardPart(PluginPart):
    weight: float = 1.0
    """Factor of this reward in the sum."""


def _gather_options(*own: str) -> BeforeValidator:
    def gather(value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value}
        if not isinstance(value, Mapping):
            return value
        rest = {k: v for k, v in value.items() if k not in own}
        return {**{k: v for k, v in value.items() if k in own}, "options": rest}

    return BeforeValidator(gather)


Plugin = Annotated[PluginPart, _gather_options("name")]
Reward = Annotated[RewardPart, _gather_options("name", "weight")]


@dataclass(frozen=True)
class AdvantagePart:
    """How rewards become advantages."""

    __pydantic_config__ = _STRICT
    name: str = "group"
    """`group`, `centred`, `dler` or `dler-tokens`."""


@dataclass(frozen=True)
class SamplingPart:
    """Dynamic sampling: drop groups whose reward does not vary, draw fresh problems in their place."""

    __pydantic_config__ = _STRICT
    dynamic: bool = False
    max_rounds: int = 4
    """Generation rounds a batch may take; what is missing then is filled with dropped groups."""
    filter_on: Literal["raw", "shaped"] = "raw"
    """Which reward must vary: correctness, or the shaped sum."""


@dataclass(frozen=True)
class RolloutPart:
    """How completions are sampled while training."""

    __pydantic_config__ = _STRICT
    engine: Literal["transformers"] = "transformers"
    batch_size: int | None = None
    """Rollouts that run side by side on one rank; all of a round by default."""
    truncated: Literal["wrong", "judge"] = "wrong"
    """The raw reward of a rollout cut at its budget: 0, or whatever the verifier says of its text."""


@dataclass(frozen=True)
class EvaluationPart:
    """How held-out problems are answered; equal before and after training."""

    __pydantic_config__ = _STRICT
    budget: int = 1024
    """Tokens a completion may have; a setting of its own, whatever the training budget is."""
    temperature: float = 1.0
    top_p: float = 1.0
    batch_size: int = 256
    before: bool = True
    """Whether to evaluate the untrained model too."""


@dataclass(frozen=True)
class Recipe:
    """A whole run: model, data, rewards, budget and optimiser settings."""

    __pydantic_config__ = _STRICT
    name: str
    model: str
    """A path, a hub name, or `demo`."""
    data: DataPart
    rewards: list[Reward]
    budget: Plugin
    advantage: AdvantagePart = field(default_factory=AdvantagePart)
    sampling: SamplingPart = field(default_factory=SamplingPart)
    rollouts: RolloutPart = field(default_factory=RolloutPart)
    evaluation: EvaluationPart = field(default_factory=EvaluationPart)
    trainer: dict[str, Any] = field(default_factory=dict)
    """Fields of TRL's GRPOConfig."""
    seed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The recipe as it would stand in a YAML file, defaults written out."""
        plain = dataclasses.asdict(self)
        plain["budget"] = _spread(plain["budget"])
        plain["rewards"] = [_spread(reward) for reward in plain["rewards"]]
        return plain

    def to_yaml(self) -> str:
        return yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True)


def _spread(plugin: dict[str, Any]) -> dict[str, Any]:
    return {**{k: v for k, v in plugin.items() if k != "options"}, **plugin["options"]}


class _Loader(yaml.SafeLoader):
    """YAML that reads `1e-6` as the number everybody means by it."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def load_yaml(text: str) -> Any:
    """One YAML value, read as recipes are. Errors: UserError."""
    try:
        return yaml.load(text, _Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{text!r} is not YAML: {str(error).splitlines()[0]}") from error


def shipped_recipes() -> dict[str, Path]:
    """The recipes that come with the package, by name."""
    folder = Path(str(resources.files("experiments"))) / "recipes"
    return {path.stem: path for path in sorted(folder.rglob("*.yaml"))}


def load_recipe(reference: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe by path or by shipped name, apply `key=value` overrides, check every key."""
    path = Path(reference)
    if path.suffix in (".yaml", ".yml") and not path.is_file():
        raise UserError(f"recipe file {reference!r} does not exist; give a path or a shipped name")
    if not path.is_file():
        shipped = shipped_recipes()
        if reference not in shipped:
            raise unknown("recipe", reference, shipped)
        path = shipped[reference]
    try:
        values = yaml.load(path.read_text(), _Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(values, dict):
        raise UserError(f"{path}: a recipe is a mapping of keys to values")
    for override in overrides:
        _override(values, override)
    return parse_recipe(values, str(path))


def parse_recipe(values: Mapping[str, Any], where: str = "recipe") -> Recipe:
    """Check `values` and give the recipe; the error names the key, the place and the nearest key."""
    try:
        return TypeAdapter(Recipe).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise _explain(first["loc"], first["type"], first["msg"], where) from error


def _explain(loc: tuple[int | str, ...], kind: str, message: str, where: str) -> UserError:
    place = ".".join(map(str, loc))
    if kind == "unexpected_keyword_argument":
        return unknown("key", place, _siblings(loc), where)
    if kind in ("missing", "missing_argument"):
        return UserError(f"{where}: key {place!r} is missing; add it")
    return UserError(f"{where}: {place}: {message}")


def _siblings(loc: tuple[int | str, ...]) -> list[str]:
    """The keys known where `loc` points, each with its path."""
    part: Any = Recipe
    for step in loc[:-1]:
        hint = typing.get_type_hints(part).get(str(step))
        choices = [hint, *typing.get_args(hint)]
        part = next((c for c in choices if dataclasses.is_dataclass(c)), part)
    prefix = "".join(f"{step}." for step in loc[:-1])
    return [prefix + f.name for f in dataclasses.fields(part)]


def _override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise UserError(f"override {override!r} is not of the form part.key=value")
    *path, last = key.split(".")
    part: Any = values
    for step in path:
        part = _child(part, step, key)
    part[_place(part, last, key)] = load_yaml(text)


def _child(part: Any, step: str, key: str) -> Any:
    place = _place(part, step, key)
    child = part.get(place) if isinstance(part, dict) else part[place]
    if child is None:
        child = {}
    elif isinstance(child, str):  # `train: demo` is short for `train: {source: demo}`, and the like
        child = {"source" if step in ("train", "eval") else "name": child}
    if not isinstance(child, dict | list):
        raise UserError(f"override {key!r}: {step!r} has no keys below it")
    part[place] = child
    return child


def _place(part: Any, step: str, key: str) -> int | str:
    if not isinstance(part, list):
        return step
    if not step.isdecimal() or int(step) >= len(part):
        raise UserError(f"override {key!r}: {step!r} is no index into a list of {len(part)}")
    return int(step)
