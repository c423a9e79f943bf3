"""A recipe: a whole run as dataclasses. `rl.recipe.values` makes and checks them, `rl.recipe.files` reads YAML."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, ConfigDict, Field

from rl.recipe.rollout_parts import Count, RolloutPart, Samples

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True)
class SourcePart:
    """Where problems come from."""

    __pydantic_config__ = _STRICT
    source: str
    """A .jsonl, .json, .parquet or .csv file, a folder of .parquet or of `save_to_disk`, a benchmark, a hub name,
    `module:factory`, `demo` or `keychain-demo`."""
    columns: dict[str, str] = field(default_factory=dict)
    """Which column, or which path as `reward_model.ground_truth` or `answer[0]`, is the `problem`, the `answer` and the
    `choices`, where the usual names do not hold."""
    options: dict[str, Any] = field(default_factory=dict)
    """Keyword arguments of the factory, or of `datasets.load_dataset` (`name`, `split`); a secret is `{env: NAME}`."""
    strict: bool = False
    """Whether a row without an answer that can be judged is an error; else it is left out and counted."""


@dataclass(frozen=True)
class PromptPart:
    """How a problem becomes a chat."""

    __pydantic_config__ = _STRICT
    template: str = "{problem}"
    """The user's turn."""
    system: str | None = None
    """The system's turn, if any."""
    choices: str = "{problem}\n\n{choices}\n\nAnswer with the letter of the right choice."
    """The problem of multiple choice, where its text does not show the choices; it then goes into `template`."""


def _source(value: Any) -> Any:
    return {"source": value} if isinstance(value, str) else value


Source = Annotated[SourcePart, BeforeValidator(_source)]


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
    term: str | None = None
    """Take this unweighted term of the reward (`length`, say) instead of the whole."""


@dataclass(frozen=True)
class BudgetPart(PluginPart):
    """A budget schedule, and what becomes of its budgets."""

    in_prompt: str | None = None
    """The user's turn with the budget in it, e.g. `{prompt} Think for {budget} tokens.`; written anew each round. With
    budget `split`, `{thinking}` is the thinking's."""
    cap: Count | None = None
    """Tokens at which every rollout is stopped, where that is not the budget itself."""
    cap_factor: float = 1.0
    """Rollouts are stopped at this multiple of their budget."""


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
Judge = Annotated[
    PluginPart,
    _gather_options("name"),
    BeforeValidator(lambda value: {"name": "math", **value} if isinstance(value, Mapping) else value),
]
"""Options alone are the default verifier's."""
Reward = Annotated[RewardPart, _gather_options("name", "weight", "term")]
Budget = Annotated[BudgetPart, _gather_options("name", "in_prompt", "cap", "cap_factor")]


@dataclass(frozen=True)
class ProbePart:
    """Answer every training problem with the model the run starts from, before it trains.

    Each problem gets the columns `pass_rate`, `ref_accuracy` (the same) and `ref_length` (mean tokens).
    """

    __pydantic_config__ = _STRICT
    samples: Samples = 8
    """Answers a problem, sampled as in training, at the first budget."""
    above: Annotated[float, Field(ge=0, le=1)] | None = None
    """Keep only problems with a pass rate above this."""
    below: Annotated[float, Field(ge=0, le=1)] | None = None
    """Keep only problems with a pass rate below this."""


@dataclass(frozen=True)
class DataPart:
    """The problems of a run."""

    __pydantic_config__ = _STRICT
    train: Source
    eval: Source | None = None
    """Held-out problems, answered before and after training."""
    prompt: PromptPart = field(default_factory=PromptPart)
    order: Plugin = field(default_factory=lambda: PluginPart("uniform"))
    """`uniform`, `as-given`, `easy-to-hard`, `pass-rate-window`, `easy-anchors`."""
    probe: ProbePart | None = None
    """Measure the training problems first, and keep those of a certain pass rate."""
    monitor: Source | None = None
    """Problems that set a reward's controller (LASER-D); answered from time to time, never trained on."""


@dataclass(frozen=True)
class BatchPart:
    """The size of a round and of its updates, the same on any number of ranks."""

    __pydantic_config__ = _STRICT
    groups: Count
    """Problems a round, `trainer.num_generations` rollouts each."""
    updates: Count = 1
    """Optimiser steps made from a round; more than one, and clipping can act."""
    per_device: Count | None = None
    """Rollouts a rank takes through the model at once; all of an update's by default."""
    tokens_per_micro_batch: Count | None = None
    """Pack instead: only rollouts with gradient, sorted by length, so many tokens at once, padding counted."""


@dataclass(frozen=True)
class LoraPart:
    """Train a LoRA adapter (arXiv 2106.09685) on the model, which stays as it is.

    `trainer.learning_rate` is the adapter's; it wants about ten times a whole model's.
    """

    __pydantic_config__ = _STRICT
    rank: int = 16
    alpha: float = 32.0
    """The adapter's product is multiplied by alpha / rank."""
    dropout: float = 0.0
    target_modules: Literal["all-linear"] | list[str] = "all-linear"
    """Names of the linear layers that are adapted, as `[q_proj, v_proj]`; by default all but the LM head."""
    modules_to_save: list[str] = field(default_factory=list)
    """Names of modules that are trained whole and kept with the adapter."""
    rslora: bool = False
    """Multiply by alpha / sqrt(rank) instead (arXiv 2312.03732)."""
    quantize: Literal["nf4", "int8"] | None = None
    """Hold the model in 4 bits (QLoRA, arXiv 2305.14314) or 8 bits; needs CUDA and bitsandbytes."""


@dataclass(frozen=True)
class SamplingPart:
    """Dynamic sampling: drop groups whose reward does not vary, draw fresh problems in their place.

    What a draw yields beyond the batch trains in the next round.
    """

    __pydantic_config__ = _STRICT
    dynamic: bool = False
    max_rounds: int = 4
    """Generation rounds a batch may take; what is missing then is filled with dropped groups."""
    filter_on: Literal["raw", "shaped"] = "raw"
    """Which reward must vary: correctness, or the shaped sum."""


@dataclass(frozen=True)
class EvaluationPart:
    """How held-out problems are answered; equal before and after training."""

    __pydantic_config__ = _STRICT
    budget: int = 1024
    """Tokens a completion may have; a setting of its own, whatever the training budget is. The default is lowered to
    what the model's context leaves."""
    temperature: float = 1.0
    top_p: float = 1.0
    samples: Samples = 1
    """Completions a problem."""
    batch_size: Count = 256
    before: bool = True
    """Whether to evaluate the untrained model too."""
    prompt_budget: Count | None = None
    """The budget that the prompts state, where training states one; by default they state none."""


@dataclass(frozen=True)
class Recipe:
    """A whole run: model, data, rewards, budget and optimiser settings."""

    __pydantic_config__ = _STRICT
    name: str
    model: str
    """A path, a hub name, `demo`, `modes-demo`, `dial-demo` or `keychain-demo`."""
    data: DataPart
    rewards: list[Reward]
    budget: Budget
    verifier: Judge = field(default_factory=lambda: PluginPart("math"))
    """`math`, `exact`, `choice`, `numeric`, `substring`, `reasoning-gym`, or a function as `file.py:name`."""
    advantage: Plugin = field(default_factory=lambda: PluginPart("group"))
    """`group`, `centred`, `dler`, `dler-tokens`, `gdpo`, `gfpo`, `lead`, `ddca`, `qglas`, `canon`, `maxrl`,
    `drpo-weights`, `none`, or your own as `file.py:name`."""
    asking: Plugin | None = None
    """What rollouts of a group are asked besides their prompt: `adapt-think`, `begin`, `hbpo`, or your own as
    `file.py:name`."""
    edits: list[Plugin] = field(default_factory=list)
    """What is done to judged groups before they are scored, one after the other: `dot`, `lc-r1`, `qlpo`, `s-grpo`,
    `mask-long-correct`, or your own."""
    credit: Plugin | None = None
    """Which tokens of a rollout earned its advantage: `brpo`, `decs`, `lc-r1`, `thinkless`, or your own."""
    batch: BatchPart | None = None
    lora: LoraPart | None = None
    """Train an adapter instead of the whole model."""
    sampling: SamplingPart = field(default_factory=SamplingPart)
    rollouts: RolloutPart = field(default_factory=RolloutPart)
    evaluation: EvaluationPart = field(default_factory=EvaluationPart)
    trainer: dict[str, Any] = field(default_factory=dict)
    """Fields of TRL's GRPOConfig."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    stages: list[dict[str, Any]] = field(default_factory=list)
    """Each a `name` and overrides; a stage starts from the model that the one before it ended with."""

    def to_dict(self) -> dict[str, Any]:
        """The recipe as it would stand in a YAML file, defaults written out but for what most methods do without."""
        plain = dataclasses.asdict(self)
        for part in ("asking", "edits", "credit"):
            if not plain[part]:
                del plain[part]
        for part in {"budget", "verifier", "advantage", "asking", "credit"} & plain.keys():
            plain[part] = _spread(plain[part])
        plain["data"]["order"] = _spread(plain["data"]["order"])
        for part in {"rewards", "edits"} & plain.keys():
            plain[part] = [_spread(each) for each in plain[part]]
        return plain

    def to_yaml(self) -> str:
        return yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True)


def _spread(plugin: dict[str, Any]) -> dict[str, Any]:
    return {**{k: v for k, v in plugin.items() if k != "options"}, **plugin["options"]}
