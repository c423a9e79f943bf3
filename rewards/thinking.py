r"""Where thinking begins and ends: the marks that models put around it, and what a prompt has begun already.

Many chat templates open the thinking at the end of the prompt, so the completion holds its end only, and one that was
cut holds no mark at all. `opened` looks at the end of a prompt, `read` puts what it found before the completion, in
the one spelling that everything here reads: `<think>…</think>`.

| the prompt ends with | its lead |
|---|---|
| `<\|im_start\|>assistant\n` | none |
| `<\|Assistant\|><think>\n` | `<think>`: the completion begins inside thinking |
| `<think>\n\n</think>\n\n`, `</think>` | `<think></think>`: thinking is over |
"""

from __future__ import annotations

from typing import NamedTuple


class Marks(NamedTuple):
    """What stands before a thought, and after it."""

    begin: str
    end: str

    @property
    def both(self) -> str:
        return self.begin + self.end


THINK = Marks("<think>", "</think>")
OTHERS = (
    Marks("<|begin_of_thought|>", "<|end_of_thought|>"),
    Marks("[THINK]", "[/THINK]"),
    Marks("<seed:think>", "</seed:think>"),
    Marks("◁think▷", "◁/think▷"),
    # Channels: each message says which one it is in, and only the final one's is an answer.
    Marks("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
)
MARKS = (THINK, *OTHERS)
SIGNS = ("<|", "THINK]", ":think>", "think▷")
"""One of these is in each mark of the others."""


def opened(prompt: str) -> str:
    """The lead of a prompt's completions, from its end: a mark that opened, both where thinking is over, or nothing."""
    end = prompt.rstrip()
    for marks in MARKS:
        if end.endswith(marks.begin):
            return marks.begin
        if end.endswith(marks.end):
            return marks.both
    return ""


def begun(lead: str) -> bool:
    """Whether a completion with this lead begins inside thinking."""
    return any(lead == marks.begin for marks in MARKS)


def before_end(text: str) -> str | None:
    """What a completion says before the first mark that ends thinking, in any spelling; None where there is none."""
    places = [place for marks in MARKS if (place := text.find(marks.end)) >= 0]
    return text[: min(places)] if places else None


def read(lead: str, text: str) -> str:
    """A completion as it is to be read: after its prompt's lead, every mark spelt `<think>` or `</think>`.

    Thinking that is over in the prompt and begins anew in the completion is the completion's own.
    """
    text, lead = _respelt(text), lead and _respelt(lead)
    return text if lead == THINK.both and THINK.begin in text else lead + text


def _respelt(text: str) -> str:
    if not any(sign in text for sign in SIGNS):
        return text
    for marks in OTHERS:
        text = text.replace(marks.begin, THINK.begin).replace(marks.end, THINK.end)
    return text
