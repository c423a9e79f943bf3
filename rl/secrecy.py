"""Secrets stay in the environment: what looks like one is refused in a recipe and left out of what is printed.

Looks for what has a known form: keys and variables named after secrets, tokens of the usual services. A secret in
words of one's own is not found.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from rl.errors import REMOVED, UserError

SECRET_KEY = re.compile(r"(^|_)(hub_token|auth_token|access_token|secret|password|passwd|api_key|credentials?)$", re.I)
SECRETS = re.compile(
    r"\b(hf_\w{20,}|sk-[\w-]{20,}|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|AKIA[0-9A-Z]{16})"
    r"|\b(xox[abprs]-[\w-]{10,}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{5,})"
    r"|(?<=://)[^\s/:@]+:[^\s/@]+(?=@)"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END|$)",
    re.S,
)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def require_no_secrets(values: Any, where: str) -> None:
    """Refuse a recipe with a secret in it: a run's folder and its model card hold the recipe. Errors: UserError."""
    if isinstance(values, Mapping):
        for key, value in values.items():
            place = f"{where}.{key}"
            if value and (SECRET_KEY.search(str(key)) or (key == "token" and isinstance(value, str))):
                raise _secret(place)
            require_no_secrets(value, place)
    elif isinstance(values, list | tuple):
        for number, value in enumerate(values):
            require_no_secrets(value, f"{where}.{number}")
    elif isinstance(values, str) and SECRETS.search(values):
        raise _secret(where)


def _secret(place: str) -> UserError:
    return UserError(
        f"{place} is a secret, which would be written into the run's folder; remove it and put it into the environment "
        "(HF_TOKEN, WANDB_API_KEY, or the variable that rollouts.pool.api_key_env names)"
    )


def from_environment(variable: str, option: str) -> str:
    """The secret in an environment variable. Errors: UserError, which says the variable's name and no more."""
    if not _VARIABLE.fullmatch(variable) or SECRETS.search(variable):
        raise UserError(f"{option} takes the name of an environment variable that holds the key, not the key itself")
    value = os.environ.get(variable, "").strip()
    if not value:
        raise UserError(f"{option}: the environment has no {variable}; export the workers' API key as it")
    return value


def without_secrets(text: str) -> str:
    """`text` without what has the known form of a secret."""
    return SECRETS.sub(REMOVED, text)
