"""Texts that close thinking by force, as their sources have them. `{end}` is what ends a model's thinking."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from rl.errors import unknown


class Closing(NamedTuple):
    """A text, and whether its first newline is left out where the thought ends with one."""

    text: str
    fresh_line: bool = False


CLOSINGS: Mapping[str, Closing] = {
    # What vLLM's thinking budget and Elastic Reasoning (arXiv 2505.05315) force.
    "plain": Closing("{end}"),
    # Budget forcing (arXiv 2501.19393), whose own model ends its thinking by `<|im_start|>answer`.
    "s1": Closing("\n{end}\nFinal Answer:", fresh_line=True),
    # As Qwen3's report (arXiv 2505.09388) and its users close it.
    "qwen3": Closing(
        "\n\nConsidering the limited time by the user, I have to give the solution based on the thinking directly "
        "now.\n{end}\n\n"
    ),
    # NoThinking under a budget (arXiv 2504.09858); the newlines are those of its prefix.
    "no-thinking": Closing("{end}\n\nFinal Answer:"),
}

_NAME = re.compile(r"[A-Za-z0-9_-]+")


def closing(said: str) -> tuple[str, Closing]:
    """A closing by name, or a text of one's own, in which `\\n` may be written as two characters.

    Errors: UserError for a word that is no name; whether a text ends thinking, its model's tokenizer says.
    """
    if said in CLOSINGS:
        return said, CLOSINGS[said]
    if _NAME.fullmatch(said):
        raise unknown("closing", said, CLOSINGS)
    return "custom", Closing(said.replace("\\n", "\n"))
