"""Whether the numbers of two evaluations may stand in one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rl.evaluation import Protocol

DECISIVE = ("cap", "temperature", "top_p", "verifier", "truncated", "data")
"""Numbers taken under protocols that differ in one of these cannot stand in one table."""
NOTED = (
    *("samples", "prompt", "system", "budget_text", "chat_options", "template", "seed", "engine", "versions"),
    *("prefix", "longer", "forced"),
)
"""Differences in these are told beside the table."""
MAY_LACK = ("data", "versions", "template")
"""What a protocol may not say."""


def differences(first: Protocol, second: Protocol, keys: tuple[str, ...]) -> list[str]:
    """Where two protocols differ among `keys`, as text; what one of them does not say is no difference."""
    ours, theirs = _plain(first), _plain(second)
    return [
        f"{key} {_shown(ours[key])} against {_shown(theirs[key])}"
        for key in keys
        if ours[key] != theirs[key] and (key not in MAY_LACK or (ours[key] and theirs[key]))
    ]


def _plain(protocol: Protocol) -> dict[str, Any]:
    """What a file is called says nothing of what is in it."""
    values = protocol.to_dict()
    data = values["data"]
    return {**values, "data": data and f"{data['problems']} problems ({data['fingerprint']})"}


def _shown(value: Any) -> str:
    return ", ".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, Mapping) else repr(value)
