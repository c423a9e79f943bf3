"""What is asked of a model that no run brings: data and a protocol by their names, and what is changed in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from rl.evaluation.forcing.changes import forcing
from rl.evaluation.measuring import Asked, asked_by
from rl.evaluation.presets import preset
from rl.evaluation.protocol import Protocol
from rl.models import load_config, load_tokenizer, resolve_model
from rl.plugins import load_verifier
from rl.problems.benchmarks import is_long_context
from rl.problems.data import problems_of
from rl.problems.files import EMBEDDED, rows_of
from rl.recipe.parts import PluginPart, PromptPart, SourcePart


def changed(protocol: Protocol, changes: Mapping[str, Any]) -> Protocol:
    """The protocol with some fields changed; `min_bin` is its length filter's minimum.

    `{budget}` in a budget text is the cap or, where thinking is closed at budgets, each of these.
    Options of the chat template are added to its own, and what forces something is as `forcing` takes it.
    """
    values = forcing(changes)
    rival = changes.get("rival")
    if rival:
        values["name"] = rival if protocol.name == Protocol.name else f"{protocol.name}, {rival}"
    minimum = values.pop("min_bin", None)
    if minimum is not None:
        values["length_filter"] = replace(protocol.length_filter, minimum=minimum)
    values["chat_options"] = {**protocol.chat_options, **values.get("chat_options", {})}
    text = values.get("budget_text")
    if text is not None and values.get("forced", protocol.forced) is None:
        values["budget_text"] = text.replace("{budget}", str(values.get("cap", protocol.cap)))
    return replace(protocol, **values)


@dataclass(frozen=True)
class ProtocolChoice:
    """A protocol by name, or the default one, with what is to be other than it says."""

    name: str | None
    changes: Mapping[str, Any]
    """As `changed` takes them."""
    verifier: str | None
    options: Mapping[str, Any]
    """The verifier's."""

    def protocol(self) -> Protocol:
        """The protocol but for its verifier. Errors: UserError with the nearest name."""
        changes = dict(self.changes)
        if self.name is None and "cap" not in changes:
            forced = forcing(changes).get("forced")
            changes["cap"] = max([*changes.get("caps", ()), *([forced.cap] if forced else ())], default=Protocol.cap)
        return changed(preset(self.name) if self.name else Protocol(), changes)

    def judged(self, protocol: Protocol, long_context: bool) -> Protocol:
        """The protocol with its verifier: answers in long contexts are matched, where nothing else is said."""
        if self.verifier or (self.name is None and long_context):
            return replace(protocol, verifier=PluginPart(self.verifier or "substring", dict(self.options)))
        known = protocol.verifier
        return replace(protocol, verifier=PluginPart(known.name, {**known.options, **self.options}))


def asked_of(
    data: str, columns: Mapping[str, str], model: str, choice: ProtocolChoice, engine: str, limit: int | None
) -> Asked:
    """The problems of `data`, at most `limit`, in a form for `model`. Errors: UserError.

    A cap that nobody gave is the default's, or what the model's context leaves.

    `columns`: the data's names for `problem` and `answer`, where they are unusual.
    """
    protocol = choice.protocol()
    source = SourcePart(data, dict(columns), {"split": "test"} if data in EMBEDDED else {})
    rows = list(rows_of(source))
    protocol = choice.judged(protocol, is_long_context(rows))
    judge = load_verifier(protocol.verifier.name, protocol.verifier.options)
    tokenizer = load_tokenizer(resolve_model(model))
    chat = tokenizer.chat_template is not None
    problems = problems_of(rows, source, PromptPart(protocol.prompt, protocol.system), judge, chat).first(limit)
    asked = asked_by(tokenizer, problems, source, judge, protocol, engine)
    chosen = choice.name is not None or bool({"cap", "caps", "force_at"} & set(choice.changes))
    return asked if chosen else asked.fitted(tokenizer, load_config(resolve_model(model)))
