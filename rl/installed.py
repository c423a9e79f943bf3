"""Versions of what is installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def installed(package: str) -> str | None:
    """The version of a package; None where it is not there, or runs from a checkout."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
