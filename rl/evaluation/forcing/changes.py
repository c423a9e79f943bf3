"""Options that force something, as changes of a protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rl.errors import UserError
from rl.evaluation.forcing.asked import Forced, Longer
from rl.evaluation.forcing.closings import closing
from rl.evaluation.forcing.rivals import rival


def forcing(given: Mapping[str, Any]) -> dict[str, Any]:
    """Changes with fields of a protocol in place of those that say what is forced.

    These are `rival`, `force_at`, `efforts`, `closing`, `answer`, `min_thinking` and `waits`.
    What else is given goes before what the rival changes. Errors: UserError for what does not go together.
    """
    values = dict(given)
    name = values.pop("rival", None)
    own = dict(rival(name)) if name is not None else {}
    forced = _forced(values, name, own.pop("closing", None))
    longer = _longer(values, own.pop("longer", None))
    values = own | values
    if "end" in values and not (forced or longer or "prefix" in values):
        raise UserError("--end says where what is forced goes: give --force-at, or a rival that forces something")
    return values | {key: value for key, value in (("forced", forced), ("longer", longer)) if value is not None}


def _forced(values: dict[str, Any], name: str | None, default: str | None) -> Forced | None:
    budgets, efforts, said, answer = (values.pop(key, None) for key in ("force_at", "efforts", "closing", "answer"))
    if budgets is None:
        if said is not None or answer is not None:
            raise UserError(
                "--closing and --answer say how thinking is closed: give --force-at, as 512,1024, with them"
            )
        if default is not None:
            raise UserError(f"--rival {name} closes thinking at budgets: give --force-at, as 512,1024, with it")
        return None
    known, (text, fresh_line) = closing(default or "plain" if said is None else said)
    forced = Forced(budgets, efforts=efforts or (), name=known, closing=text, fresh_line=fresh_line)
    return forced if answer is None else replace(forced, answer=answer)


def _longer(values: dict[str, Any], longer: Longer | None) -> Longer | None:
    found = {"minimum": values.pop("min_thinking", None), "times": values.pop("waits", None)}
    changed = {key: value for key, value in found.items() if value is not None}
    if changed and longer is None:
        raise UserError("--min-thinking and --waits go with --rival think-longer")
    return longer and replace(longer, **changed)
