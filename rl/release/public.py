"""What leaves the machine must not tell secrets, nor where things lie on it: values made fit to be seen.

Looks for what has a known form: keys named after secrets, tokens of the usual services, absolute
paths. A secret in words of one's own is not found.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rl.reading import json_of
from rl.secrecy import is_secret, is_secret_name, without_secrets

PATH = re.compile(r"(?<![\w/.<>}])(?:file://|~)?(?:/[^\s/:'\"<>|()\[\]{},;]+){2,}/?")
"""An absolute path of two parts or more; no web address, fraction or closing tag looks like one."""


def public(value: Any, above: str = "") -> Any:
    """The same, keys of secrets left out, known forms of secrets removed, absolute paths cut to their last part."""
    if isinstance(value, Mapping):
        return {key: public(part, str(key)) for key, part in value.items() if not _is_kept_back(str(key), part, above)}
    if isinstance(value, list | tuple):
        return type(value)(public(part, above) for part in value)
    return public_text(value) if isinstance(value, str) else value


def _is_kept_back(key: str, value: Any, above: str) -> bool:
    """Whether a key holds a secret, or others below it; `{env: NAME}` is none."""
    if isinstance(value, Mapping):
        return is_secret_name(key) and set(value) != {"env"}
    return is_secret(key, value, above)


def public_text(text: str) -> str:
    text = without_secrets(text)
    if _is_path(text):
        return Path(text).name
    return PATH.sub(lambda found: found[0].rstrip("/").rpartition("/")[2], text)


def _is_path(text: str) -> bool:
    """Also with spaces in it, which only a look at the disk tells from a sentence."""
    return text[:1] in ("/", "~") and "\n" not in text and 1 < len(text) < 1000 and Path(text).expanduser().exists()


def make_public(folder: Path) -> None:
    """Rewrite the configurations in a folder that hold what must not be seen; a vocabulary holds none."""
    for path in folder.glob("*config*.json"):
        values = json_of(path)
        seen = public(values)
        if seen != values:
            path.write_text(json.dumps(seen, indent=2, ensure_ascii=False) + "\n")
