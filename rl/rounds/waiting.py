"""Rollouts of workers, waited for so that all ranks do the same; and a run that has lost all its workers.

Such a run says so, saves itself, waits for a worker, and ends if none comes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from accelerate.utils import gather_object

from rl.errors import UserError
from rl.ranks import is_main_process
from rl.rollouts import Completion
from rl.rollouts.workers.engine import NoWorkers, WorkersEngine
from rl.terminal import say

GLANCE = 2.0
"""Seconds between two looks, while no worker serves, at whether the run was told to end."""


@dataclass(frozen=True)
class Deserted:
    """What a run does once no worker serves it, on every rank."""

    save: Callable[[], str] = lambda: "nothing is saved"
    """Save the run as it was before this round; say in words what came of it."""
    end_if_told: Callable[[], None] = lambda: None
    """Asked every `GLANCE` seconds; raises where the run was told to end."""


def wait(
    engine: WorkersEngine, attempt: Callable[[float], Sequence[Completion]], deserted: Deserted
) -> list[Completion]:
    """This rank's completions, once every rank has its own. Errors: UserError on all of them, if on one.

    `attempt` waits for so many seconds without any worker. Errors: NoWorkers.
    """
    completions, trouble = _try(attempt, engine.patience)
    if trouble is not None:
        saved = deserted.save()
        _say(f"{trouble}; {saved}; the run waits for one for {engine.minutes:g} minutes")
        patience, most = engine.patience, 60 * engine.minutes
        while trouble is not None and patience < most:
            patience = min(patience + GLANCE, most)
            completions, trouble = _try(attempt, patience)
            if trouble is not None:
                deserted.end_if_told()
        if trouble is not None:
            raise UserError(
                f"{trouble}, for {engine.minutes:g} minutes; {saved}; start workers, and the same command again"
            )
    return list(completions)


def _try(attempt: Callable[[float], Sequence[Completion]], patience: float) -> tuple[Sequence[Completion], str | None]:
    """This rank's completions, or why one rank does not have its own: the same on all ranks."""
    completions: Sequence[Completion] = ()
    wrong, missing = None, None
    try:
        completions = attempt(patience)
    except NoWorkers as error:
        missing = str(error)
    except UserError as error:
        wrong = str(error)
    ranks = gather_object([(wrong, missing)])
    if first := next((each for each, _ in ranks if each), None):
        raise UserError(first)
    return completions, next((each for _, each in ranks if each), None)


def _say(line: str) -> None:
    if is_main_process():
        say(line, error=True)
