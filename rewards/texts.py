"""Lists of texts, told from one text."""

from __future__ import annotations


def require_lists(**given: object) -> None:
    """Refuse one text where a list of texts is meant: Python would take it letter by letter.

    Errors: TypeError naming the argument.
    """
    for name, value in given.items():
        if isinstance(value, str | bytes):
            raise TypeError(f"{name} must be a list of texts, not one text; put it in brackets: [{value[:40]!r}]")
