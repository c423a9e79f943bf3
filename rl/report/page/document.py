"""One self-contained page: styles, scripts and data inside it, and nothing that it could load from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

HERE = "rl.report.page"


def document(package: str, script: str, data: Mapping[str, Any], **values: Any) -> str:
    """The `page.html` of a package as HTML, with the styles of this one, the script that draws charts, and its own.

    `data` is what the scripts read, `values` what the template asks for. The page's policy lets nothing run but what is
    in it, by its hash.
    """
    style, code = _read(HERE, "page.css"), _read(HERE, "charts.js") + _read(package, script)
    environment = Environment(
        loader=PackageLoader(package, "."), autoescape=True, trim_blocks=True, undefined=StrictUndefined
    )
    return environment.get_template("page.html").render(
        policy=Markup(f"default-src 'none'; script-src {_hash(code)}; style-src {_hash(style)}; base-uri 'none'"),
        style=Markup(style),
        script=Markup(code),
        data=Markup(embedded(data)),
        version=_version(),
        **values,
    )


def embedded(values: Any) -> str:
    """JSON that can stand in a script element whatever is in it: no `<`, and null where a number is none."""
    return json.dumps(finite(values), ensure_ascii=True, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def finite(values: Any) -> Any:
    """The same values with None for every NaN and infinity, which JSON does not know."""
    if isinstance(values, Mapping):
        return {key: finite(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [finite(value) for value in values]
    return None if isinstance(values, float) and not math.isfinite(values) else values


def _read(package: str, name: str) -> str:
    return resources.files(package).joinpath(name).read_text()


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("lengthwise")
    except PackageNotFoundError:
        return "from source"
