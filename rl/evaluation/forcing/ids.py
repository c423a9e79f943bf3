"""What a protocol forces, in the texts and token ids of a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rewards.thinking import MARKS, begun
from rl.errors import UserError
from rl.evaluation.protocol import Protocol
from rl.evaluation.rows import Row, lead_of
from rl.thinking import End, closing_of, end_of, first_end, forced_ids, leads, thinking_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Ids:
    """The ends of thinking in a protocol that `concrete` gave."""

    end: End
    marked: bool
    """Whether a mark begins the thinking; else every completion begins with it."""
    wait: tuple[int, ...] = ()
    """What stands in the place of the end, where thinking is made longer."""
    closing: tuple[int, ...] = ()
    """What closes it by force."""
    after_newline: tuple[int, ...] = ()
    """The same after a thought that ends with a newline."""

    @staticmethod
    def of(tokenizer: PreTrainedTokenizerBase, protocol: Protocol) -> Ids:
        """Errors: UserError where the tokenizer cannot write what is forced, or a closing does not end thinking."""
        end, forced, longer = end_of(tokenizer, protocol.end), protocol.forced, protocol.longer
        wait = forced_ids(tokenizer, longer.text) if longer else ()
        if forced is None:
            return Ids(end, _begin(protocol.end) != "", wait)
        after = forced.closing.removeprefix("\n") if forced.fresh_line else forced.closing
        closings = [
            closing_of(tokenizer, None if text == protocol.end else text, end) for text in (forced.closing, after)
        ]
        return Ids(end, _begin(protocol.end) != "", wait, *closings)

    def thinking(self, rows: Sequence[Row]) -> list[int]:
        """Tokens of thinking in each answer, its end counted; all of them where it began and did not end."""
        ids, texts = [row["token_ids"] for row in rows], [row["completion"] for row in rows]
        if self.marked:
            return thinking_tokens(ids, list(map(lead_of, rows)), texts, self.end)
        return [first_end(own, self.end) or len(own) for own in ids]


def concrete(protocol: Protocol, tokenizer: PreTrainedTokenizerBase) -> Protocol:
    """The protocol with what it forces in the texts of the tokenizer's model.

    Errors: UserError where nothing is known to end its thinking, where the tokenizer cannot write a text, where a
    closing does not end thinking, and where a budget or cap leaves nothing after a prefix.
    """
    if not (protocol.forced or protocol.longer or protocol.prefix is not None):
        return protocol
    end = end_of(tokenizer, protocol.end)
    text = protocol.end or str(tokenizer.decode([place[0] for place in end], skip_special_tokens=False))
    found = replace(protocol, end=text)
    if protocol.forced:
        closing = protocol.forced.closing.replace("{end}", text)
        found = replace(found, forced=replace(protocol.forced, closing=closing))
    if protocol.prefix is not None:
        found = replace(found, prefix=protocol.prefix.replace("{end}", text))
        _require_after_prefix(found, len(_prefix(tokenizer, found, "")))
    Ids.of(tokenizer, found)  # refuses what cannot be written
    return found


def prefixes(
    tokenizer: PreTrainedTokenizerBase, protocol: Protocol, prompts: Sequence[Sequence[int]]
) -> list[tuple[int, ...]]:
    """The token ids that the completions of each prompt are made to begin with."""
    if protocol.prefix is None:
        return [()] * len(prompts)
    found = leads(tokenizer, prompts)
    each = {lead: _prefix(tokenizer, protocol, lead) for lead in set(found)}
    return [each[lead] for lead in found]


def most_tokens(tokenizer: PreTrainedTokenizerBase, protocol: Protocol) -> int:
    """Tokens that a completion may have, what is forced counted."""
    if protocol.forced is None:
        return protocol.cap
    return max(protocol.cap, protocol.forced.cap + len(Ids.of(tokenizer, protocol).closing))


def _prefix(tokenizer: PreTrainedTokenizerBase, protocol: Protocol, lead: str) -> tuple[int, ...]:
    begin = _begin(protocol.end)
    text = (protocol.prefix or "").replace("{begin}", f"{begin}\n" if begin and not begun(lead) else "")
    return forced_ids(tokenizer, text)


def _begin(end: str | None) -> str:
    """What begins the thinking that a text ends; nothing where it is no mark that is known."""
    return next((marks.begin for marks in MARKS if marks.end == end), "")


def _require_after_prefix(protocol: Protocol, length: int) -> None:
    least = min(*protocol.scored_at, *(protocol.forced.budgets if protocol.forced else ()), protocol.cap)
    if least <= length:
        raise UserError(
            f"completions are made to begin with {length} tokens, which leave nothing of {least}: raise what is smaller"
        )
