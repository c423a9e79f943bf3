"""Prompts as token ids, as a tokenizer's chat template renders them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from rewards import Problem
from rewards.types import Prompt
from rl.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def encode_prompts(
    tokenizer: PreTrainedTokenizerBase, problems: Sequence[Problem], chat_options: Mapping[str, Any] | None = None
) -> list[list[int]]:
    """Prompt token ids, as the trainer makes them: a chat by the chat template where there is one, else as plain text.

    Errors: UserError for a chat that the template refuses.
    """
    chats = {i for i, p in enumerate(problems) if not isinstance(p.prompt, str) and tokenizer.chat_template is not None}
    texts = [rendered(tokenizer, problem.prompt, chat_options) for problem in problems]
    encoded: dict[int, list[int]] = {}
    # A chat's template has written the special tokens already.
    for places, special in ((sorted(chats), False), ([i for i in range(len(texts)) if i not in chats], True)):
        if places:
            ids = tokenizer([texts[place] for place in places], add_special_tokens=special)["input_ids"]
            encoded |= zip(places, ids, strict=True)
    return [encoded[place] for place in range(len(problems))]


class Known:
    """Prompts as token ids, kept while rounds come back to them: those asked for last, up to so many tokens in all.

    All who ask for one get the same list, which is to be read only.
    """

    def __init__(self, most: int = 1 << 22) -> None:
        self.most = most
        self._ids: dict[str, list[int]] = {}
        self._tokens = 0

    def of(self, prompts: Sequence[Prompt], encode: Callable[[list[Prompt]], list[list[int]]]) -> list[list[int]]:
        """The ids of each; `encode` is asked for those that are not known, each once."""
        keys = {id(prompt): prompt if isinstance(prompt, str) else f"\0{prompt!r}" for prompt in prompts}
        each = {keys[id(prompt)]: prompt for prompt in prompts}
        new = {key: prompt for key, prompt in each.items() if key not in self._ids}
        found = {key: self._ids.pop(key) for key in each.keys() - new.keys()}
        found |= zip(new, encode(list(new.values())) if new else (), strict=True)
        self._ids |= found
        self._tokens += sum(len(found[key]) for key in new)
        while self._tokens > self.most:
            self._tokens -= len(self._ids.pop(next(iter(self._ids))))
        return [found[keys[id(prompt)]] for prompt in prompts]

    def forget(self) -> None:
        self._ids, self._tokens = {}, 0


def rendered(tokenizer: PreTrainedTokenizerBase, prompt: Prompt, chat_options: Mapping[str, Any] | None = None) -> str:
    """A prompt as its model is given it, special tokens of a chat in it. Errors: UserError as of `encode_prompts`."""
    if isinstance(prompt, str):
        return prompt
    if tokenizer.chat_template is None:
        return "\n\n".join(turn["content"] for turn in prompt)
    try:
        return str(
            tokenizer.apply_chat_template(prompt, add_generation_prompt=True, tokenize=False, **(chat_options or {}))
        )
    except Exception as error:  # a template is a program, which raises what it likes
        said = " ".join(str(error).split())
        system = any(turn["role"] == "system" for turn in prompt)
        remedy = "; where it takes no system turn, say it in data.prompt.template" if system else ""
        raise UserError(
            f"the chat template of {tokenizer.name_or_path} refuses a prompt ({_begin(prompt)}): {said[:200]}{remedy}"
        ) from error


def require_template(tokenizer: PreTrainedTokenizerBase, problems: Sequence[Problem]) -> None:
    """Errors: UserError for a chat that is to be trained on where the tokenizer has no chat template."""
    chat = next((p.prompt for p in problems if not isinstance(p.prompt, str)), None)
    if chat is not None and tokenizer.chat_template is None:
        raise UserError(
            f"a prompt is a chat ({_begin(chat)}), and the tokenizer {tokenizer.name_or_path} has no chat template: "
            "take a model that has one, or map a column of text, such as `columns: {problem: 'prompt[0].content'}`"
        )


def _begin(prompt: Sequence[Mapping[str, str]]) -> str:
    """The last turn of a chat, to tell it by."""
    text = str(prompt[-1]["content"])
    return repr(text if len(text) <= 40 else text[:39] + "…")


def unread(tokenizer: PreTrainedTokenizerBase, chat_options: Mapping[str, Any] | None = None) -> str | None:
    """The options that the chat template does not look at, in a line; None where there are none."""
    from transformers.utils.chat_template_utils import _get_template_variables

    template = tokenizer.chat_template or ""
    texts = template.values() if isinstance(template, dict) else [template]
    known = {name for text in texts for name in _get_template_variables(text)} - GIVEN
    ignored = [repr(name) for name in chat_options or {} if name not in known | OWN]
    if not ignored:
        return None
    there = ", ".join(sorted(known)) or "none"
    return f"the chat template of {tokenizer.name_or_path} does not look at {', '.join(ignored)} (it knows: {there})"


GIVEN = {"messages", "add_generation_prompt", "bos_token", "eos_token", "pad_token", "unk_token", "raise_exception"}
"""What every template is given."""
OWN = {"chat_template", "documents", "tools"}
"""What transformers itself takes beside a template's variables."""


def template_of(
    tokenizer: PreTrainedTokenizerBase, prompt: str, system: str | None, chat_options: Mapping[str, Any] | None = None
) -> str:
    """A hash (16 hex digits) of what surrounds a problem: the rendered prompt with the problem's place left open.

    `prompt` is the user's turn with `{problem}` in it.
    """
    turns = [{"role": "system", "content": system}] if system else []
    turns.append({"role": "user", "content": prompt})
    chat = tokenizer.chat_template is not None
    whole: Prompt = turns if chat else "\n\n".join(turn["content"] for turn in turns)
    return blake2b(rendered(tokenizer, whole, chat_options).encode(), digest_size=8).hexdigest()
