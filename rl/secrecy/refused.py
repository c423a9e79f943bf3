"""Recipes with a secret in them, refused: a run's folder, its page and its model card hold the recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rl.errors import UserError
from rl.secrecy.environment import reference
from rl.secrecy.forms import holds_secret, is_secret, is_secret_name


def require_no_secrets(values: Any, where: str) -> None:
    """Errors: UserError naming the place of a secret, and not the secret, at any depth."""
    _require(values, where, "", False)


def _require(values: Any, where: str, above: str, named: bool) -> None:
    """`named`: what stands here stands below a key that is called as secrets are."""
    if above != "options" and reference(values, where) is not None:
        return
    if isinstance(values, Mapping):
        for key, value in values.items():
            place = f"{where}.{key}"
            if holds_secret(str(key)):
                raise _secret(where)
            if is_secret(str(key), value, above) or (named and _is_text(value)):
                raise _secret(place)
            _require(value, place, str(key), named or is_secret_name(str(key)))
    elif isinstance(values, list | tuple):
        for number, value in enumerate(values):
            _require(value, f"{where}.{number}", above, named)
    elif isinstance(values, str) and holds_secret(values):
        raise _secret(where)


def _is_text(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""


def _secret(place: str) -> UserError:
    return UserError(
        f"{place} is a secret, which would be written into the run's folder; remove it and put it into the environment "
        "(HF_TOKEN, WANDB_API_KEY, or LENGTHWISE_…, which an option names as {env: LENGTHWISE_…})"
    )
