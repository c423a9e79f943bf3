"""Thinking in token ids: what prompts have begun of it, where it ends, and completions decoded with what marks it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rewards import Problem
from rewards.thinking import MARKS, THINK, begun, opened
from rl.errors import UserError
from rl.prompts import encode_prompts

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedTokenizerBase

End = tuple[tuple[int, ...], ...]
"""What ends thinking, in token ids: at each of its places, those that may stand there, the text's own first."""
TAIL = 64
"""Tokens at the end of a prompt that are looked at: a mark that is no token of its own may be spelt in some twenty."""
DUMMY = "▁"
"""What SentencePiece puts before a text that stands alone."""


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


def end_of(tokenizer: PreTrainedTokenizerBase, text: str | None) -> End:
    """What ends thinking: `text`, or else the mark that the tokenizer has a token for.

    Within a completion a text merges with its neighbours, as in `.</` and `>\\n`. So its first place takes all tokens
    that end with the first one that it is written in alone, and its last place all that begin with the last.
    Errors: UserError where the tokenizer cannot write the text; where there is none, and no token for a mark.
    """
    added = tokenizer.get_added_vocab()
    if text is None:
        text = next((marks.end for marks in MARKS if marks.end in added), None)
    if text is None:
        raise UserError(
            f"the tokenizer {tokenizer.name_or_path} has no token that ends thinking, such as {THINK.end}: say what "
            f"does by the option `end`, be it `end: {THINK.end}`"
        )
    ids = _written(tokenizer, text)
    pieces = tokenizer.convert_ids_to_tokens(ids)
    if pieces[0] == DUMMY and len(ids) > 1:
        ids, pieces = ids[1:], pieces[1:]
    pieces[0] = pieces[0].removeprefix(DUMMY)
    others = [(token, id) for token, id in tokenizer.get_vocab().items() if token not in added]
    places = [(id,) for id in ids]
    for place in {0, len(ids) - 1}:
        if pieces[place] not in added:
            fits = str.__contains__ if len(ids) == 1 else str.startswith if place else str.endswith
            more = sorted(id for token, id in others if fits(token, pieces[place]))
            places[place] = tuple(dict.fromkeys((ids[place], *more)))
    return tuple(places)


def own_end(tokenizer: PreTrainedTokenizerBase) -> End:
    """What ends thinking by the tokenizer's own mark, or as it spells one; empty where it cannot write any."""
    marked = any(marks.end in tokenizer.get_added_vocab() for marks in MARKS)
    try:
        return end_of(tokenizer, None if marked else THINK.end)
    except UserError:  # its model cannot end thinking
        return ()


def closing_of(tokenizer: PreTrainedTokenizerBase, text: str | None, end: End) -> tuple[int, ...]:
    """The token ids of a text that closes thinking, by default of what ends it.

    Errors: UserError where the tokenizer cannot write it, or it does not end thinking.
    """
    if text is None:
        return tuple(place[0] for place in end)
    ids = forced_ids(tokenizer, text)
    if first_end(ids, end) is None:
        own = tokenizer.decode([place[0] for place in end], skip_special_tokens=False)
        raise UserError(f"the closing {text!r} does not end thinking, which {own!r} does: put that into it")
    return ids


def forced_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[int, ...]:
    """The token ids of a text that is forced on completions. Errors: UserError where they would not read as it does."""
    ids = _written(tokenizer, text)
    said = str(tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))
    if said != text:
        raise UserError(
            f"the tokenizer {tokenizer.name_or_path} cannot write {text!r}: it would read {said!r}; take another text"
        )
    return tuple(ids)


def first_end(ids: Sequence[int] | NDArray[np.integer[Any]], end: End) -> int | None:
    """Tokens of `ids` up to the first end of thinking and with it; None where there is none, as of an empty `end`."""
    found, width = np.asarray(ids), len(end)
    if not width or len(found) < width:
        return None
    begins = np.ones(len(found) - width + 1, dtype=bool)
    for place, known in enumerate(end):
        here = found[place : len(found) - width + 1 + place]
        begins &= here == known[0] if len(known) == 1 else np.isin(here, known)
    return int(begins.argmax()) + width if begins.any() else None


def thinking_tokens(
    completions: Sequence[Sequence[int]], leads: Sequence[str], texts: Sequence[str], end: End
) -> list[int]:
    """How many tokens of each completion (token ids) are thinking, its end counted.

    All are where thinking began, by the prompt's lead or a mark in the text, and did not end.
    """

    def of(ids: Sequence[int], lead: str, text: str) -> int:
        ended = first_end(ids, end)
        if ended is not None:
            return ended
        return len(ids) if begun(lead) or any(marks.begin in text for marks in MARKS) else 0

    return [of(*each) for each in zip(completions, leads, texts, strict=True)]


def _written(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    if not ids or tokenizer.unk_token_id in ids:
        raise UserError(f"the tokenizer {tokenizer.name_or_path} cannot write {text!r}, by which thinking is to end")
    return ids


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
