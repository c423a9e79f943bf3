"""Judges for the tests, as users write them: a function of the gold answer and the answer."""

from __future__ import annotations

import os
import signal
import time
from typing import Any


def same(gold: str, answer: str) -> bool:
    return gold == answer


def scripted(gold: str, answer: str) -> Any:
    """Does what the answer says."""
    if answer == "hang":
        while True:
            pass
    if answer == "sleep":
        time.sleep(60)
    if answer == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if answer == "exit":
        os._exit(3)
    if answer == "fill":
        return bytearray(10**12) and True
    if answer == "deep":
        return scripted(gold, answer)
    if answer == "raise":
        raise ZeroDivisionError("no such\nthing")
    if answer == "nonsense":
        return 17
    if answer == "child":
        return os.fork() == 0 or os.system("sleep 60 &") == 0
    return {"none": None, "half": 0.5, "whole": 1.0, "verdict": "timed_out"}.get(answer, answer == gold)


def counted(gold: str, answer: str) -> bool:
    """Takes a few milliseconds."""
    time.sleep(0.002)
    return int(gold) % 3 == int(answer) % 3


def worked(gold: str, answer: str) -> bool:
    """Takes as many seconds of the processor as the gold answer says."""
    end = time.process_time() + float(gold)
    while time.process_time() < end:
        pass
    return gold == answer


def process(gold: str, answer: str) -> bool:
    """Whether the worker is the process that the gold answer names."""
    return gold == str(os.getpid())


def scaled(gold: str, answer: str, factor: int) -> bool:
    return int(answer) == factor * int(gold)
