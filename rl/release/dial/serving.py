"""Settings to paste: a thinking budget in what serves models. Each note names the version whose words these are.

No product has a budget for the answer: `max_tokens` bounds thinking, closing and answer together.
"""

from __future__ import annotations

import json
import shlex
from typing import NamedTuple

from rewards.thinking import MARKS
from rl.release.dial.budgets import Budgets


class Setting(NamedTuple):
    """A product's: what starts it, what a request adds, and what to know."""

    product: str
    start: str
    request: str
    note: str


def settings(name: str, place: str, budgets: Budgets, budget: int) -> list[Setting]:
    """For the model `name`, of which `place` is a folder or a hub name, at a `budget` of thinking in tokens."""
    end, closing, place = budgets.end, budgets.closing["text"], shlex.quote(place)
    begin = next((marks.begin for marks in MARKS if marks.end == end), "")
    most = budget + len(closing.encode()) + budgets.answer  # a closing has at most a token a byte
    marks = _quoted(json.dumps({"reasoning_start_str": begin, "reasoning_end_str": end}))
    own = "" if closing == end else f" It closes thinking by `{_shown(end)}`, the figures by {_shown(closing)!r}."
    before, _, after = closing.partition(end)
    lost = (
        f" It does not force what the figures' closing has after its end, {_shown(after)!r}." if after.strip() else ""
    )
    message = f" --reasoning-budget-message {_quoted(before)}" if before else ""
    return [
        Setting(
            "vLLM",
            f"vllm serve {place} --reasoning-config {marks}",
            json.dumps({"thinking_token_budget": budget, "max_tokens": most}),
            f"as of 0.32. It counts after `{_shown(begin)}`, the figures with it. `reasoning_end_str` is what it looks "
            f"for to see that thinking is over, as well as what it forces: leave it at the plain end.{own}",
        ),
        Setting(
            "SGLang",
            f"python -m sglang.launch_server --model-path {place} --reasoning-parser qwen3 --enable-strict-thinking",
            json.dumps({"custom_params": {"thinking_budget": budget}, "max_tokens": most}),
            "as of 0.5.12, not tried here. The parser must know the marks of thinking (`qwen3`, or `deepseek-r1` where "
            f"the prompt begins it).{own}",
        ),
        Setting(
            "llama.cpp",
            f"llama-server -m {shlex.quote(name + '.gguf')} --jinja --reasoning-budget {budget}{message}",
            json.dumps({"thinking_budget_tokens": budget, "max_tokens": most}),
            "as of build 9960, not tried here. The message stands before the end of thinking. A request may ask for a "
            f"budget of its own where the server was started without one.{lost}",
        ),
        Setting(
            "Ollama",
            f"ollama run {shlex.quote(name)}",
            json.dumps({"think": True, "options": {"num_predict": most}}),
            "has no budget for thinking, as far as we know: `think` turns it on or off, and `num_predict` cuts "
            "thinking and answer together, so answers may be missing. Use llama.cpp where a budget matters.",
        ),
    ]


def _quoted(text: str) -> str:
    """As one word of a shell, on one line."""
    shown = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"$'{shown}'" if shown != text else f"'{text}'"


def _shown(text: str) -> str:
    return text.replace("`", "'")
