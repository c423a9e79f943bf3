"""What is installed, in which version; what the project asks for, and which of its extras brings what is missing."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from rl.errors import UserError

PROJECT = "lengthwise"
HOME = Path(__file__).resolve().parents[1]
"""Where the code that runs lies."""
_EXTRA = re.compile(r"([\w.-]+).*;.*extra == ['\"]([\w-]+)['\"]")


def installed(package: str) -> str | None:
    """The version of a package; None where it is not there, or runs from a checkout."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


@dataclass(frozen=True)
class Needs:
    """What the project asks for."""

    python: str
    packages: list[str]
    """As in metadata: `trl>=1.16; extra == "train"`. Extras that stand in others are left out."""


def needs() -> Needs:
    """The project's own metadata, or of a checkout its pyproject.toml."""
    checkout = HOME / "pyproject.toml"
    if checkout.is_file():
        project = tomllib.loads(checkout.read_text())["project"]
        extras = project["optional-dependencies"]
        optional = [f"{each}; extra == '{extra}'" for extra, asked in extras.items() for each in asked]
        python, packages = project["requires-python"], [*project["dependencies"], *optional]
    else:
        found = metadata.distribution(PROJECT)
        python, packages = found.metadata["Requires-Python"], found.requires or []
    return Needs(python, [each for each in packages if not each.startswith(f"{PROJECT}[")])


def missing(error: ModuleNotFoundError) -> UserError | None:
    """What to install for a module that is not there; None where none of the project's extras brings it."""
    module = (error.name or "").partition(".")[0]
    pairs = [match.groups() for match in map(_EXTRA.match, needs().packages) if match]
    extra = next((extra for package, extra in pairs if package.replace("-", "_").lower() == module.lower()), None)
    if extra is None:
        return None
    return UserError(f"this needs {module}, which is not installed: pip install '{PROJECT}[{extra}]'")
