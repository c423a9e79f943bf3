"""How held-out problems were answered, said in one line, and whether two runs may be compared by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rl.report.settings import shown

Protocol = Mapping[str, Any]

DECISIVE = ("cap", "temperature", "top_p", "verifier", "truncated", "data")
"""Figures taken under protocols that differ in one of these cannot stand in one table."""
NOTED = ("samples", "prompt", "system", "budget_text", "seed", "engine", "versions")
"""Differences in these are told beside the table."""


def of_recipe(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The protocol by which a recipe evaluates, for evaluation files that do not say it themselves."""
    evaluation, data = recipe["evaluation"], recipe["data"]
    asked, written = evaluation["prompt_budget"], recipe["budget"]["in_prompt"]
    return {
        "cap": evaluation["budget"],
        "samples": 1,
        "temperature": evaluation["temperature"],
        "top_p": evaluation["top_p"],
        "seed": recipe["seed"],
        "prompt": data["prompt"]["template"],
        "system": data["prompt"]["system"],
        "budget_text": written.replace("{budget}", str(asked)) if asked and written else None,
        "verifier": recipe["verifier"],
        "truncated": "judge",
        "data": {"name": (data["eval"] or {}).get("source")},
    }


def line(protocol: Protocol, problems: int) -> str:
    """The protocol as it stands on every table and plot."""
    samples = protocol.get("samples", 1)
    verifier = protocol.get("verifier") or {}
    data = protocol.get("data") or {}
    parts = [
        f"{problems} problems of {data.get('name') or 'unnamed data'}",
        f"{samples} sample{'s' if samples > 1 else ''} each",
        f"cap {protocol.get('cap')} tokens",
        f"temperature {shown(protocol.get('temperature'))}",
        f"top-p {shown(protocol.get('top_p'))}",
        f"verifier {verifier.get('name', '?')}",
    ]
    if protocol.get("name"):
        parts.insert(0, f"protocol {protocol['name']}")
    if protocol.get("budget_text"):
        parts.append(f"prompts say “{protocol['budget_text']}”".replace("{prompt}", "…"))
    return ", ".join(parts)


def differences(first: Protocol, second: Protocol, keys: tuple[str, ...]) -> list[str]:
    """Where two protocols differ among `keys`, as text; what one of them does not say is no difference."""
    found = []
    for key in keys:
        if key not in first or key not in second:
            continue
        ours, theirs = first[key], second[key]
        if key == "data":
            shared = sorted(ours.keys() & theirs.keys())
            ours, theirs = ({name: data[name] for name in shared} for data in (ours, theirs))
        if ours != theirs:
            found.append(f"{key} {_shown(ours)} against {_shown(theirs)}")
    return found


def _shown(value: Any) -> str:
    return ", ".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, Mapping) else repr(value)
