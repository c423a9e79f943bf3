"""Prompts: a problem's text, or turns of a chat in any of the usual forms, as what a model is given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from rewards.types import Prompt
from rl.errors import UserError
from rl.problems.choices import Choices
from rl.problems.paths import opened
from rl.recipe.parts import PromptPart

_JSON = json.JSONEncoder(sort_keys=True, ensure_ascii=False)
_text = json.encoder.encode_basestring
_USUAL = {"content", "role"}
_ROLES = {"human": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant"}


def made(asked: str | list[dict[str, str]], form: PromptPart, chat: bool, choices: Choices | None = None) -> Prompt:
    """The prompt: turns as they are, a text by the recipe's template, with its choices where it does not show them."""
    if not isinstance(asked, str):
        return asked
    if choices is not None and not choices.stand_in(asked):
        asked = form.choices.replace("{choices}", choices.shown()).replace("{problem}", asked)
    said = asked if form.template == "{problem}" else form.template.replace("{problem}", asked)
    turns = [("system", form.system), ("user", said)]
    messages = [{"role": role, "content": content} for role, content in turns if content]
    return messages if chat else "\n\n".join(m["content"] for m in messages)


def require_places(form: PromptPart) -> None:
    """Errors: UserError where the problem would not stand in its own prompt."""
    needed = {"template": ["{problem}"], "choices": ["{problem}", "{choices}"]}
    for name, places in needed.items():
        text = getattr(form, name)
        for place in places:
            if place not in text:
                raise UserError(f"data.prompt.{name} must hold {place}, or all problems are one; not {text[:60]!r}")


def problem_id(prompt: Prompt, answer: str) -> str:
    """A hash of the problem's content, so that it survives any reordering of the data."""
    said = _text(prompt) if isinstance(prompt, str) else f"[{', '.join(map(_turn_text, prompt))}]"
    return blake2b(f"[{said}, {_text(answer)}]".encode(), digest_size=8).hexdigest()


def _turn_text(turn: Mapping[str, str]) -> str:
    """A turn as JSON, its keys in order; an encoder that is made for each row takes most of the time of a hash."""
    if turn.keys() == _USUAL and all(isinstance(part, str) for part in turn.values()):
        return f'{{"content": {_text(turn["content"])}, "role": {_text(turn["role"])}}}'
    return _JSON.encode(turn)


def question_id(asked: Prompt) -> str:
    """A hash of what is asked, whatever its spaces and case, and whatever a chat's system turn says."""
    said = asked if isinstance(asked, str) else " ".join(t["content"] for t in asked if t["role"] != "system")
    return blake2b(" ".join(said.casefold().split()).encode(errors="replace"), digest_size=8).hexdigest()


def turns_of(value: Any) -> list[dict[str, str]] | None:
    """Turns as `role` and `content`, also those of `[{from, value}]` and of lists of text parts; else None."""
    value = opened(value) if isinstance(value, str) else value
    if not isinstance(value, list) or not value:
        return None
    turns = [_turn(turn) for turn in value]
    return None if None in turns else [turn for turn in turns if turn is not None]


def has_other_parts(value: Any) -> bool:
    """Whether turns of a chat hold parts that are no text."""
    turns = value if isinstance(value, list) else []
    contents = [turn.get("content") for turn in turns if isinstance(turn, Mapping)]
    return any(isinstance(c, list) and any(isinstance(p, Mapping) and "text" not in p for p in c) for c in contents)


def _turn(turn: Any) -> dict[str, str] | None:
    if not isinstance(turn, Mapping):
        return None
    if isinstance(turn.get("role"), str) and isinstance(turn.get("content"), str):
        return dict(turn)
    role, content = turn.get("role", turn.get("from")), turn.get("content", turn.get("value"))
    if isinstance(content, list) and all(isinstance(part, Mapping) and "text" in part for part in content):
        content = "".join(str(part["text"]) for part in content)
    if content is None and _ROLES.get(str(role), role) == "assistant":
        content = ""  # a turn that holds no text, but an answer beside it
    if not isinstance(role, str) or not isinstance(content, str):
        return None
    return {"role": _ROLES.get(role, role), "content": content}
