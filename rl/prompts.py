"""Prompts as token ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase

from rewards import Problem


def encode_prompts(
    tokenizer: PreTrainedTokenizerBase, problems: Sequence[Problem], chat_options: Mapping[str, Any] | None = None
) -> list[list[int]]:
    """Prompt token ids, as the trainer makes them: the chat template where the prompt is a chat and there is one."""
    encoded: list[list[int]] = []
    for problem in problems:
        prompt = problem.prompt
        if not isinstance(prompt, str) and tokenizer.chat_template is None:
            prompt = "\n\n".join(turn["content"] for turn in prompt)
        if isinstance(prompt, str):
            encoded.append(tokenizer(prompt)["input_ids"])
        else:
            encoded.append(
                tokenizer.apply_chat_template(
                    prompt, add_generation_prompt=True, tokenize=True, return_dict=False, **(chat_options or {})
                )
            )
    return encoded
