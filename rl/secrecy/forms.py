"""What a secret looks like: by the name of its key, by the form of known tokens, and in addresses.

A secret in words of one's own under a name of one's own is not found.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any
from urllib.parse import unquote

REMOVED = "[removed]"
"""Stands where a secret stood."""

_ALWAYS = re.compile(
    "password|passwd|passphrase|passcode|pwd|secrets?|credentials?|apikey|auth|authorization|cookie|sas|pat|dsn|bearer"
)
"""Words that a key ends with, whatever stands before them."""
_OWNED = {
    "key": "api|access|account|secret|private|ssh|auth|encryption|signing|service|storage|shared|subscription|master|"
    "client|consumer|app|application|aes|rsa|aws|gcs|azure|openai|anthropic|wandb|workers?|admin|deploy|license",
    "token": "hub|hf|auth|access|api|sas|bearer|session|security|refresh|oauth|personal|private|git|github|gitlab|"
    "huggingface|wandb|push|deploy|bot|jwt|secret|service|account|admin|slack|aws|azure|gcs|csrf|client",
    "string": "connection|conn",
}
"""Words that a key ends with where one of these stands before them: `account_key`, but not `sort_key`."""
_JOINED = re.compile("|".join(f"(?:{owners}){word}" for word, owners in _OWNED.items()))
_STORES = {"storage_options", "client_kwargs", "fs_kwargs", "headers", "requests_kwargs"}
"""Below these, `key` and `user` are an account's: s3fs calls its two secrets `key` and `secret`."""

_TOKENS = (
    r"hf_\w{20,}|api_org_\w{20,}|sk-[\w-]{20,}|[spr]k_(?:live|test)_\w{16,}|gh[pousr]_\w{20,}|github_pat_\w{20,}|"
    r"glpat-[\w-]{16,}|(?:AKIA|ASIA)[0-9A-Z]{16}|AIza[\w-]{35}|ya29\.[\w-]{20,}|xox[abeprs]-[\w-]{10,}|npm_\w{30,}|"
    r"pypi-[\w-]{40,}|dop_v1_\w{40,}|hvs\.[\w-]{20,}|SG\.[\w-]{16,}\.[\w-]{16,}|r8_\w{30,}|nvapi-[\w-]{30,}|"
    r"gsk_\w{30,}|xai-\w{30,}|dckr_pat_[\w-]{20,}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{5,}"
)
_PARAMETERS = (
    r"sig|signature|x-(?:amz|goog)-(?:signature|credential|security-token)|credential|awsaccesskeyid|password|passwd|pwd|"
    r"(?:(?:access|auth|id)_)?token|api[_-]?key|key|auth|(?:client_)?secret"
)
_REST = r"[^\s&;#'\"<>]+"
_FORMS = re.compile(
    rf"(?<![\w-])(?:{_TOKENS})"
    r"|(?<=://)[^\s/?#@:'\"<>]+:[^\s/?#'\"<>]*(?=@)"  # a password before a host
    r"|(?:(?<=http://)|(?<=https://))[^\s/?#@'\"<>]+(?=@)"  # a token in the place of a user
    rf"|(?i:(?<=[?&]sig=)|(?<=[?&]x-amz-signature=)|(?<=[?&]x-goog-signature=)){_REST}"
    rf"|(?i:(?<=\bAccountKey=)|(?<=\bSharedAccessKey=)|(?<=\bSharedAccessSignature=)){_REST}"
    r"|(?i:(?<=\bbearer ))(?=\S*\d)[\w.~+/-]{16,}|(?i:(?<=\bbasic ))(?=\S*\d)[A-Za-z0-9+/]{16,}={0,2}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END[A-Z -]*|$)",
    re.S,
)
# What looks behind begins at the first letter of a word only: a text may be one word of a million letters.
_ADDRESS = re.compile(r"(?<!\w)\w+://[^\s'\"<>]+")
_PARAMETER = re.compile(rf"([?&;#](?:{_PARAMETERS})=)(?!\[removed\]){_REST}", re.I)
_GIVEN = re.compile(r"(?<![\w.-])([\w.-]+)=([^\s,;)'\"]+)")
_OF_OURS = re.compile(
    r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|CONNECTION_STRING|(^|_)(SAS|PAT))$", re.I
)
"""Ends of the names of variables that hold secrets."""
_LEAST = 8
"""Characters of a secret: shorter values would be found in ordinary words."""


def words_of(name: str) -> list[str]:
    """The words of a key, whatever joins them: `sasToken`, `SAS-TOKEN` and `sas_token` are one."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return [word.lower() for word in re.split(r"[^A-Za-z0-9]+", apart) if word]


def is_secret_name(name: str) -> bool:
    """Whether a key, or a variable, is called as secrets are."""
    words = words_of(name)
    if not words:
        return False
    *before, last = words
    if _ALWAYS.fullmatch(last) or _JOINED.fullmatch(last):
        return True
    return any(re.fullmatch(_OWNED.get(last, ""), word) for word in before)


def is_secret(name: str, value: Any, above: str = "") -> bool:
    """Whether `value` under the key `name` is one, by the name; `above` is the key that both stand below.

    No switch is, and nothing: `token: true` asks the hub's own place for it.
    """
    if isinstance(value, Mapping | bool) or value in (None, "", [], ()):
        return False
    if is_secret_name(name):
        return True
    if not isinstance(value, str):
        return False
    words = words_of(name)
    if words == ["token"] or (above.lower() in _STORES and words in (["key"], ["user"], ["username"])):
        return True
    return words[-1:] in (["token"], ["key"]) and _is_drawn(value)


def _is_drawn(text: str) -> bool:
    """Whether a text looks drawn by lot: small letters, capitals and digits change places all the time in it."""
    if not re.fullmatch(r"[A-Za-z0-9_\-+=]{20,}", text):
        return False
    kinds = ["Aa0"[c.islower() + 2 * c.isdigit()] for c in text if c.isalnum()]
    return 4 * sum(one != two for one, two in pairwise(kinds)) > len(text)


def holds_secret(text: str) -> bool:
    """Whether a known form of a secret stands in a text, also one whose letters an address writes as %xx."""
    return any(without_secrets(each) != each for each in {text, unquote(text)})


def without_secrets(text: str) -> str:
    """`text` without what has the known form of a secret."""
    text = _FORMS.sub(REMOVED, text)
    return _ADDRESS.sub(lambda found: _PARAMETER.sub(rf"\1{REMOVED}", found[0]), text)


def without_own_secrets(text: str) -> str:
    """`text`, which may repeat what a server said, without the values of variables that are named after secrets."""
    for name, value in os.environ.items():
        if _OF_OURS.search(name) and len(value.strip()) >= _LEAST:
            text = text.replace(value.strip(), REMOVED)
    return text


def is_hidden(variable: str) -> bool:
    """Whether the value of a variable of this name is cut out of what is printed."""
    return bool(_OF_OURS.search(variable))


def clean(text: str) -> str:
    """`text` without either kind, nor what is given as `password=…` in it."""
    return _GIVEN.sub(_without_value, without_secrets(without_own_secrets(text)))


def _without_value(found: re.Match[str]) -> str:
    return f"{found[1]}={REMOVED}" if is_secret_name(found[1]) else found[0]
