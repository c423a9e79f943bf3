"""Thinking in token ids: what prompts have begun of it, and completions decoded with what marks it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerBase

from rewards import Problem
from rewards.thinking import MARKS, begun, opened
from rl.prompts import encode_prompts

TAIL = 64
"""Tokens at the end of a prompt that are looked at: a mark that is no token of its own may be spelt in some twenty."""


def leads(tokenizer: PreTrainedTokenizerBase, prompts: Sequence[Sequence[int]]) -> list[str]:
    """What each prompt (token ids) has begun before its completions; see `rewards.thinking.opened`."""
    return [opened(str(tokenizer.decode(list(ids[-TAIL:]), skip_special_tokens=False))) for ids in prompts]


def texts(tokenizer: PreTrainedTokenizerBase, completions: Sequence[Sequence[int]]) -> list[str]:
    """What completions (token ids) say, special tokens left out, but for those that mark thinking."""
    special = {id: token.content for id, token in tokenizer.added_tokens_decoder.items() if token.special}
    ends = {tokenizer.eos_token, tokenizer.bos_token, tokenizer.pad_token}
    kept = {id for id, content in special.items() if content not in ends and _marks(content)}
    left_out = sorted(special.keys() - kept) if kept else []
    own = (np.asarray(ids, dtype=np.int64) for ids in completions)
    return [str(tokenizer.decode(ids[~np.isin(ids, left_out)].tolist(), skip_special_tokens=not kept)) for ids in own]


def _marks(token: str) -> bool:
    """Whether a mark of thinking is this token, or begins or goes on with it."""
    return any(token in mark for marks in MARKS for mark in marks)


def described(
    tokenizer: PreTrainedTokenizerBase, problems: Sequence[Problem], chat_options: Mapping[str, Any] | None = None
) -> str:
    """What the prompts of problems do with thinking, in words; nothing where they leave it to the completion."""
    found = leads(tokenizer, encode_prompts(tokenizer, problems, chat_options))
    kinds = Counter("" if not lead else "begun" if begun(lead) else "over" for lead in found)
    said = [
        f"{kind} in the prompt" if count == len(found) else f"{kind} in {count} of {len(found)} prompts"
        for kind, count in sorted(kinds.items())
        if kind
    ]
    return " and ".join(said)
