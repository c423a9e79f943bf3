"""Where in a text each token ends, for methods that go by what is said."""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream
from transformers import PreTrainedTokenizerBase

from rewards.compact import Compact, token_ids
from rl.errors import UserError


def text_ends(
    tokenizer: PreTrainedTokenizerBase, completions: Sequence[Sequence[int]], texts: Sequence[str]
) -> list[Compact[int]]:
    """Characters of its text up to the end of each token of a completion.

    A token that ends within a character, or is not shown, ends where the one before it did.
    Errors: UserError for a tokenizer that cannot decode token by token.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if not isinstance(backend, Tokenizer):
        raise UserError(
            "a method that reads the text token by token needs a fast tokenizer (tokenizer.json); this model has none"
        )
    shown = {id: token.content for id, token in tokenizer.added_tokens_decoder.items() if token.special}
    return [_ends(backend, shown, ids, text) for ids, text in zip(completions, texts, strict=True)]


def _ends(backend: Tokenizer, special: dict[int, str], ids: Sequence[int], text: str) -> Compact[int]:
    stream = DecodeStream(skip_special_tokens=False)
    ends, end = [], 0
    for id in ids:
        left_out = special.get(id)
        if left_out is not None and not text.startswith(left_out, end):
            ends.append(end)
            continue
        end += len(stream.step(backend, id) or "")
        ends.append(min(end, len(text)))
    return token_ids(ends)
