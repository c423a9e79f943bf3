"""A plug-in's own code, called so that it cannot take the run with it: named where it fails, or takes for ever.

What such code changes of the process is put back: the folder, standard output and error, what signals do, torch's
gradient mode and default dtype. A child that it forks, and that comes back here, ends.
"""

from __future__ import annotations

import os
import reprlib
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from copy import deepcopy
from dataclasses import replace
from itertools import islice
from types import FrameType
from typing import Any, TextIO, TypeVar

from rewards import Problem
from rewards.signatures import Sample
from rl.errors import UserError
from rl.plugins.blame import name_of, raised

T = TypeVar("T")
P = TypeVar("P", Problem, Sample)

VARIABLE = "LENGTHWISE_PLUGIN_SECONDS"
SECONDS = 300.0
"""What one call may take, unless the environment variable says otherwise: for a judge that is asked over a network, all
completions of a round."""
HEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
"""What a run is saved and ended by."""
AGAIN = 5.0
"""Seconds after which a plug-in that passed over its end has the process end."""


class _OutOfTime(BaseException):
    """Not an Exception, which much code catches and goes on."""


@contextmanager
def guarded(plugin: object, kind: str = "reward", timed: bool = True) -> Iterator[None]:
    """Call a plug-in in this block; one that bounds its own time is not `timed`.

    Errors: UserError naming it where it raises, ends the process, or takes too long.
    """
    with bounded(plugin, kind, timed):
        try:
            yield
        except UserError:
            raise
        except Exception as error:
            raise raised(plugin, error, kind) from error


@contextmanager
def bounded(plugin: object, kind: str, timed: bool = True) -> Iterator[None]:
    """The same for code whose exceptions somebody else words; a text stands for a plug-in of that name."""
    own = os.getpid()
    try:
        with _put_back(), in_time(plugin, kind) if timed else nullcontext():
            yield
    except SystemExit as error:
        if os.getpid() == own:
            told = f"called sys.exit({error.code!r}); it is to return, or to raise"
            raise UserError(f"{kind} {name_of(plugin)!r} {told}") from None
    finally:
        _end_unless(own)


@contextmanager
def in_time(plugin: object, kind: str = "reward") -> Iterator[None]:
    """One call of many within a block that is guarded, but not timed. Errors: UserError where it takes too long."""
    seconds, own = limit(), os.getpid()
    try:
        with _alarm(seconds, _out_of_time(name_of(plugin), kind, seconds)):
            yield
    except _OutOfTime:
        raise _took_too_long(plugin, kind, seconds) from None
    finally:
        _end_unless(own)


def _end_unless(own: int) -> None:
    """End a process that a plug-in forked."""
    if os.getpid() != own:
        os._exit(1)


def counted(plugin: object, given: Iterable[T], count: int, each: str, of: str, kind: str = "reward") -> list[T]:
    """What a plug-in gave, one `each` (numbers, say) for each of `count` things (rollouts, say).

    Of a generator, which may have no end, no more than one too many is taken.
    Errors: UserError naming a plug-in that gave something else than a list, or one of another length.
    """
    who = f"{kind} {name_of(plugin)!r}"
    single = isinstance(given, str | bytes | Mapping) or getattr(given, "shape", None) == ()
    if single or not isinstance(given, Iterable):
        raise UserError(f"{who} gave {reprlib.repr(given)} for {count} {of}; it is to give a list of {count} {each}")
    found = list(given if isinstance(given, Sized) else islice(given, count + 1))
    if len(found) != count:
        gave = len(found) if isinstance(given, Sized) or len(found) < count else f"over {count}"
        raise UserError(f"{who} gave {gave} {each} for {count} {of}")
    return found


def limit() -> float:
    """Seconds of one call. Errors: UserError where the environment says no number above 0."""
    text = os.environ.get(VARIABLE)
    with suppress(ValueError):
        seconds = SECONDS if text is None else float(text)
        if 0 < seconds <= threading.TIMEOUT_MAX:
            return seconds
    raise UserError(f"{VARIABLE} must be a number of seconds above 0, not {text!r}")


def took_too_long(plugin: object, kind: str = "reward") -> UserError:
    return _took_too_long(plugin, kind, limit())


def of_its_own(one: P) -> P:
    """A copy that a plug-in may edit."""
    return replace(one, prompt=deepcopy(one.prompt), columns=deepcopy(dict(one.columns)))


def _took_too_long(plugin: object, kind: str, seconds: float) -> UserError:
    return UserError(
        f"{kind} {name_of(plugin)!r} took over {seconds:g} s in one call; mend it, or give it more: {VARIABLE}=SECONDS"
    )


@contextmanager
def _alarm(seconds: float, heard: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Interrupt this block; only a process's main thread can be, and only where nobody else has set the alarm."""
    free = threading.current_thread() is threading.main_thread() and signal.getitimer(signal.ITIMER_REAL)[0] == 0
    if not free:
        yield
        return
    before = signal.signal(signal.SIGALRM, heard)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _out_of_time(name: str, kind: str, seconds: float) -> Callable[[int, FrameType | None], None]:
    """What an alarm does: at first it raises; where the plug-in caught even that, the process ends."""
    rung: list[bool] = []

    def heard(number: int, frame: FrameType | None) -> None:
        if rung:
            os.write(2, f"error: {kind} {name!r} took over {seconds:g} s and cannot be interrupted\n".encode())
            os._exit(2)
        rung.append(True)
        raise _OutOfTime

    return heard


@contextmanager
def _put_back() -> Iterator[None]:
    with ExitStack() as after:
        _folder(after)
        for name, number in (("stdout", 1), ("stderr", 2)):
            _stream(name, number, after)
        if threading.current_thread() is threading.main_thread():
            for number in HEARD:
                if (handler := signal.getsignal(number)) is not None:  # None: not Python's
                    after.callback(signal.signal, number, handler)
        torch: Any = sys.modules.get("torch")
        if torch is not None and hasattr(torch, "set_default_dtype"):
            after.callback(torch.set_grad_enabled, torch.is_grad_enabled())
            after.callback(torch.set_default_dtype, torch.get_default_dtype())
        yield


def _folder(after: ExitStack) -> None:
    with suppress(OSError):  # it may have been deleted
        here = os.open(".", os.O_RDONLY)
        after.callback(os.close, here)
        after.callback(os.fchdir, here)


def _stream(name: str, number: int, after: ExitStack) -> None:
    """Have sys.stdout or sys.stderr, and the file behind it, be what they are now."""
    stream: TextIO | None = getattr(sys, name)
    try:
        kept = os.dup(number)
    except OSError:
        return
    place = os.fstat(kept)

    def back() -> None:
        setattr(sys, name, stream)  # first: what stood there may close its file as it goes
        try:
            same = os.path.samestat(os.fstat(number), place)
        except OSError:
            same = False
        if not same:
            os.dup2(kept, number)
        os.close(kept)
        if stream is not None and stream.closed:
            setattr(sys, name, open(number, "w", closefd=False, errors="backslashreplace"))  # noqa: SIM115

    after.callback(back)
