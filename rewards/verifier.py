"""Is the answer right? One interface, and the judge for mathematics behind it."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol

from rewards.types import Verdict

END_OF_THINKING = "</think>"
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
_BRACE = re.compile(r"\\boxed\s{0,8}\{|[{}]")

# A judge reports by its verdicts; math-verify's own warnings would come once an answer.
for _name in ("math_verify.parser", "math_verify.grader"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class Verifier(Protocol):
    """Judges completions against their answers, one verdict each; never raises for a bad completion."""

    def judge(self, answers: Sequence[str], completions: Sequence[str]) -> list[Verdict]: ...

    def readable(self, answer: str) -> bool:
        """Whether this gold answer is right by itself, so that somebody can be right by it."""
        ...


def boxed_answer(text: str) -> str | None:
    r"""What stands in the last complete `\boxed{…}` after the end of thinking, or None.

    A box inside unfinished thinking is a draft, not an answer. Linear in the text.
    """
    _, end, tail = text.rpartition(END_OF_THINKING)
    if not end and "<think>" in text:
        return None
    found: str | None = None
    boxes: list[int | None] = []  # where each open brace's box began; None for any other brace
    for match in _BRACE.finditer(tail):
        if match.group() != "}":
            boxes.append(None if match.group() == "{" else match.end())
        elif boxes and (start := boxes.pop()) is not None:
            found = tail[start : match.start()].strip()
    return found


class MathVerifier:
    """Mathematical equality by math-verify; plain integers are compared at once.

    A completion without a boxed answer after its thinking is `unparsable`. `seconds` bounds each
    parse and each comparison by SIGALRM, so call it from the main thread only.
    """

    def __init__(self, seconds: int = 5) -> None:
        self.seconds = seconds
        self._gold = lru_cache(maxsize=4096)(self._parse)

    def judge(self, answers: Sequence[str], completions: Sequence[str]) -> list[Verdict]:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("MathVerifier keeps time by SIGALRM: call it from the main thread")
        return [self._judge(a, c) for a, c in zip(answers, completions, strict=True)]

    def readable(self, answer: str) -> bool:
        return self._judge(answer, f"\\boxed{{{answer}}}") is Verdict.CORRECT

    def _judge(self, answer: str, completion: str) -> Verdict:
        from math_verify import verify
        from math_verify.errors import TimeoutException

        boxed = boxed_answer(completion)
        if not boxed:
            return Verdict.UNPARSABLE
        answer = answer.strip()
        if _NUMBER.fullmatch(answer) and _NUMBER.fullmatch(boxed):
            return Verdict.CORRECT if int(answer) == int(boxed) else Verdict.WRONG
        try:
            gold = self._gold(answer)
        except Exception:
            return Verdict.CRASHED
        try:
            found = self._parse(boxed)
        except TimeoutException:
            return Verdict.TIMED_OUT
        except Exception:
            return Verdict.UNPARSABLE
        if not gold or not found:
            return Verdict.UNPARSABLE if gold else Verdict.CRASHED
        try:
            right = verify(gold, found, timeout_seconds=self.seconds, raise_on_error=True)
        except TimeoutException:
            return Verdict.TIMED_OUT
        except Exception:
            return Verdict.CRASHED
        return Verdict.CORRECT if right else Verdict.WRONG

    def _parse(self, expression: str) -> list[Any]:
        from math_verify import LatexExtractionConfig, parse

        return list(
            parse(
                f"\\boxed{{{expression}}}",
                extraction_config=[LatexExtractionConfig(boxed_match_priority=0)],
                parsing_timeout=self.seconds,
                raise_on_error=True,
            )
        )
