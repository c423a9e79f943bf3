r"""What counts as the answer of a completion.

By default the last complete `\boxed{…}` after the end of thinking:

| completion | answer |
|---|---|
| `<think>\boxed{4}</think> So \boxed{5}.` | `5`: a box in the thinking is a draft |
| `<think>\boxed{4}` | none: the thinking never ended |
| `\boxed{4}. No, wait: \boxed{5}` | `5`: the last one |
| `\boxed{5} and then \boxed{6` | `5`: the last complete one |
| `$x = \boxed{4}$ or $x = \boxed{5}$` | `4, 5`: boxes joined by nothing but "and", "or", a comma are one answer |
| `\boxed{5} or 6`, `6 or \boxed{5}` | hedged: never right |
| `\boxed{5}, as \boxed{} was asked for` | none: an empty box, or one that says "answer", is an echo |
| `\boxed 5` | `5`: without braces a box holds one sign |

With `strict=False` echoes are passed over, and the last box stands whatever is said around it: the
three rows before the last give `5`. Where there is no box, `places` says where else to look:

| place | what counts there |
|---|---|
| `box` | as above |
| `tag` | the last complete `<answer>…</answer>`, or the box in it |
| `line` | what follows the last "answer is", "answer:" or `####`, to the end of that sentence or line |
| `number` | the last number of the text |

Everything here is linear in the text; a long text is looked at from its end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from rewards.thinking import THINK
from rewards.verifier.latex import LONGEST
from rewards.verifier.quick import compare

START_OF_THINKING, END_OF_THINKING = THINK
Place = Literal["box", "tag", "line", "number"]
PLACES = ("box", "tag", "line", "number")
TAIL = 2000
"""Characters at the end of a text in which a `line` or a `number` is looked for."""

_BOX = re.compile(r"\\(?:boxed|fbox)\s{0,8}\{")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_PIECE = re.compile(rf"{_BOX.pattern}|{_BRACE.pattern}", re.DOTALL)
_ECHOES = {"", "...", "…", r"\ldots", r"\dots", "answer", "your answer", "final answer", "your final answer"}
_SINGLE = re.compile(r"\\(?:boxed|fbox)\s{1,8}([0-9A-Za-z])(?![\w^/]|[.,][0-9])")
_MARK = re.compile(r"\b(?i:answer)(?:\s+is\b\s*:?|\s*[:=])|####")
_LINE = re.compile(r"[\s*]*([^\n]*)")
_SENTENCE_END = re.compile(r"\.\s+(?=[A-Z])")
_NUMBER = re.compile(r"(?<![\w.])-?(?:[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?|\.[0-9]+)")
_MOST_ECHOES = 50
"""Echoes that are passed over."""
_GAP = 60
"""Characters between two boxes that may still be one answer."""
_SIGNS = re.compile(r"\\text|\\[()\[\],;:! ]|[$\s{}.]|\b[A-Za-z](?:_\{?\w\}?)?\s*=")
_JOINED = re.compile(
    r"(?:(?:,|;|/|&|and|or|\\lor|\\vee|\\quad|either|else|maybe|perhaps|possibly|also|alternatively))*"
)
_OR_AFTER = re.compile(
    r"[\s$]*(?:\\\)|\\\])?[\s,]*or\s+(?:maybe\s+|perhaps\s+|possibly\s+)?\$?(-?[0-9]+)\b(?![.,/]?[0-9])"
)
_OR_BEFORE = re.compile(r"(?:^|[\s$])(-?[0-9]+)\$?[\s,]*or\s*(?:\$|\\\(|\\\[)?\s*$")


class Found(NamedTuple):
    """The answer that a completion gives, if any. A hedged one is never right."""

    answer: str | None
    hedged: bool = False


@dataclass(frozen=True)
class Reading:
    """Which part of a completion is its answer; see the head of this module.

    `thinking`: `if-begun` asks for `</think>` where `<think>` stands, `required` always, `ignored` never.
    """

    places: Sequence[Place] = ("box",)
    thinking: Literal["if-begun", "required", "ignored"] = "if-begun"
    strict: bool = True

    def __post_init__(self) -> None:
        for place in [self.places] if isinstance(self.places, str) else self.places:
            if place not in PLACES:
                raise ValueError(f"places must be among {', '.join(PLACES)}, not {place!r}")
        if isinstance(self.places, str):
            object.__setattr__(self, "places", (self.places,))
        if self.thinking not in ("if-begun", "required", "ignored"):
            raise ValueError(f"thinking must be if-begun, required or ignored, not {self.thinking!r}")

    def find(self, completion: str) -> Found:
        """The answer in the first of `places` that has one."""
        text = self.after_thinking(completion)
        if text is None:
            return Found(None)
        for place in self.places:
            found = self._look(place, text)
            if found.answer is not None:
                return found
        return Found(None)

    def after_thinking(self, completion: str) -> str | None:
        """What follows the thinking; None where it should have ended and has not."""
        if self.thinking == "ignored":
            return completion
        if completion.rfind("think>") < 0:  # one look at a long text that holds neither tag; faster than `in`
            return None if self.thinking == "required" else completion
        _, end, text = completion.rpartition(END_OF_THINKING)
        if not end and (self.thinking == "required" or START_OF_THINKING in completion):
            return None
        return text

    def _look(self, place: Place, text: str) -> Found:
        if place == "box":
            return _boxed(text, self.strict)
        if place == "tag":
            return _tagged(text, self.strict)
        found = (_last_line if place == "line" else _last_number)(text[-TAIL:])
        return Found(found)


_USUAL = Reading()


def boxed_answer(text: str) -> str | None:
    r"""What stands in the last complete `\boxed{…}` after the end of thinking, echo or not; None without one."""
    tail = _USUAL.after_thinking(text)
    span = None if tail is None else _last_box(tail, len(tail))
    return None if tail is None or span is None else _content(tail, span)


Span = tuple[int, int, int]
"""Where a box begins, where its content begins, and where that ends."""


def _last_box(text: str, end: int, begin: int = 0) -> Span | None:
    """The complete box between `begin` and `end` that closes last."""
    limit = end
    while (found := _opening(text, limit, begin)) is not None:
        start, inside = found
        # What is still open at a later box that never closes, never closes either.
        close = _close(text, inside, end if limit == end else limit)
        if close is not None:
            return _outermost(text, (start, inside, close), end)
        limit = start
    return None


def _outermost(text: str, span: Span, end: int) -> Span:
    """The box around this one that closes last, where one is near enough to be an answer with it."""
    begin = max(0, span[0] - LONGEST)
    if _opening(text, span[0], begin) is None:
        return span
    opened: list[tuple[int, int] | None] = []
    for match in _PIECE.finditer(text, begin, span[0]):
        piece = match.group()
        if piece == "}":
            opened = opened[:-1]
        elif piece == "{" or _BOX.match(piece):
            opened.append(None if piece == "{" else match.span())
    depth = 0
    for match in _BRACE.finditer(text, span[2] + 1, min(end, span[2] + LONGEST)):
        if not opened:
            break
        brace = match.group()
        if brace == "}" and depth == 0:
            box = opened.pop()
            span = span if box is None else (*box, match.start())
        elif len(brace) == 1:
            depth += 1 if brace == "{" else -1
    return span


def _opening(text: str, limit: int, begin: int = 0) -> tuple[int, int] | None:
    r"""Where the last `\boxed{` that starts between `begin` and `limit` begins, and where its content does."""
    while (place := text.rfind("box", begin, limit)) >= 0:
        start = place - 1 if text[place - 1 : place] == "\\" else place - 2
        match = _BOX.match(text, start) if start >= 0 else None
        if match:
            return start, match.end()
        limit = place
    return None


def _close(text: str, start: int, end: int) -> int | None:
    """The place of the brace that closes what is open at `start`."""
    depth = 1
    for match in _BRACE.finditer(text, start, end):
        brace = match.group()
        if brace == "{":
            depth += 1
        elif brace == "}":
            depth -= 1
            if depth == 0:
                return match.start()
    return None


def _boxed(text: str, strict: bool) -> Found:
    span = _last_box(text, len(text))
    single = _last_single(text, 0 if span is None else span[2])
    if single is not None:
        return Found(single[1], strict and _differs(_OR_AFTER.match(text, single.end()), single[1]))
    for _ in range(0 if strict else _MOST_ECHOES):
        if span is None or not _is_echo(text[span[1] : span[2]]):
            break
        span = _last_box(text, span[0])
    if span is None or _is_echo(text[span[1] : span[2]]):
        return Found(None)
    if not strict:
        return Found(_content(text, span))
    contents = [_content(text, span)]
    first = span
    nearby = max(0, span[0] - LONGEST)
    while (before := _last_box(text, first[0], nearby)) is not None and _joins(text[before[2] + 1 : first[0]]):
        content = _content(text, before)
        if content not in contents:
            contents.append(content)
        first = before
    answer = ", ".join(reversed(contents))
    others = (_OR_AFTER.match(text, span[2] + 1), _OR_BEFORE.search(text[max(0, first[0] - _GAP) : first[0]]))
    return Found(answer, any(_differs(other, answer) for other in others))


def _differs(other: re.Match[str] | None, answer: str) -> bool:
    """Whether a number that stands beside an answer, if any, is another one."""
    return other is not None and compare(other[1], answer) is False


def _last_single(text: str, begin: int) -> re.Match[str] | None:
    """The last box without braces after `begin`, near the end of the text."""
    begin = max(begin, len(text) - TAIL)
    found = None
    if text.find("box", begin) >= 0:
        for match in _SINGLE.finditer(text, begin):
            found = match
    return found


def _content(text: str, span: Span) -> str:
    """What stands in a box; a box within it is its content."""
    return _BOX.sub("{", text[span[1] : span[2]]).strip()


def _is_echo(content: str) -> bool:
    if len(content) > _GAP:
        return False
    plain = re.sub(r"\\(?:text|mathrm|textbf)\s*\{([^{}]*)\}", r"\1", content)
    return plain.strip().strip("[]<>").strip().lower() in _ECHOES


def _joins(gap: str) -> bool:
    """Whether nothing but "and", "or", punctuation and `x =` stands between two boxes."""
    return len(gap) <= _GAP and _JOINED.fullmatch(_SIGNS.sub("", gap)) is not None


def _tagged(text: str, strict: bool) -> Found:
    end = text.rfind("</answer>")
    start = text.rfind("<answer>", 0, max(end, 0))
    if start < 0:
        return Found(None)
    inside = text[start + len("<answer>") : end]
    if _opening(inside, len(inside)) is not None:
        return _boxed(inside, strict)
    return Found(_bare(inside) or None)


def _last_line(tail: str) -> str | None:
    found = None
    for mark in _MARK.finditer(tail):
        line = _LINE.match(tail, mark.end())
        said = _bare(_SENTENCE_END.split(line[1], 1)[0]) if line else ""
        found = said or found
    return found


def _last_number(tail: str) -> str | None:
    found = _NUMBER.findall(tail)
    return found[-1] if found else None


def _bare(answer: str) -> str:
    """Without the dress of a sentence: `**$5$**.` is 5."""
    return answer.strip().strip("*").rstrip(".").strip("*").strip()
