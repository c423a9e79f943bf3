"""Secrets that a recipe or a command names, and the environment holds; nobody writes their values anywhere.

A recipe reads only variables that were made for Lengthwise: else one without a line of code could send whatever the
environment holds to a server of its writer's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from rl.errors import UserError
from rl.secrecy.forms import holds_secret, is_hidden, without_secrets

PREFIX = "LENGTHWISE_"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REFERENCE = re.compile(r"[A-Z_][A-Z0-9_]*")
"""In capitals: `{env: CartPole-v1}` is another option of somebody's."""


def key_of(variable: str, option: str, by_recipe: bool = False) -> str:
    """The key in a variable that an option names. Errors: UserError, which says the variable's name and no more.

    One that a recipe names begins with LENGTHWISE_; the user may name any on the command line.
    """
    if not _VARIABLE.fullmatch(variable) or holds_secret(variable):
        raise UserError(f"{option} takes the name of an environment variable that holds the key, not the key itself")
    if by_recipe and not variable.startswith(PREFIX):
        raise UserError(
            f"{option}: a recipe reads no variable but {PREFIX}…, and {variable} is none; name it on the command line: "
            f"--api-key-env {variable}"
        )
    return _value(variable, option)


def reference(value: Any, where: str) -> str | None:
    """The variable that `{env: NAME}` names; None for any other value. Errors: UserError for one of others."""
    if not isinstance(value, Mapping) or set(value) != {"env"} or not _REFERENCE.fullmatch(str(value["env"])):
        return None
    name = str(value["env"])
    if not name.startswith(PREFIX) or not is_hidden(name):
        raise UserError(
            f"{where}: an option reads no variable but {PREFIX}…_KEY, …_TOKEN, …_SECRET or …_PASSWORD, and "
            f"{without_secrets(name)} is none; export it under such a name"
        )
    return name


def with_environment(value: Any, where: str) -> Any:
    """An option with the value of each variable in the place of its `{env: NAME}`. Errors: UserError."""
    name = reference(value, where)
    if name is not None:
        return _value(name, where)
    if isinstance(value, Mapping):
        return {key: with_environment(inner, f"{where}.{key}") for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(with_environment(inner, f"{where}.{number}") for number, inner in enumerate(value))
    return value


def _value(variable: str, option: str) -> str:
    value = os.environ.get(variable, "").strip()
    if not value:
        raise UserError(f"{option}: the environment has no {variable}; export the key as it")
    if not value.isprintable():
        raise UserError(f"{option}: {variable} holds more than one line; export the key alone")
    return value
