"""A padded batch as one row without padding, for attention that tells sequences apart.

Ours (`varlen.py`) is told where each begins and what it sees, so that rows after one another that have the same prompt
have it once: the first of them is whole, of the others there is the prompt's last token, which predicts their first,
and their completion. To flash attention transformers says where rows begin: it recognises such a row by positions that
start over where there is no attention mask.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rl.updates import varlen
from rl.updates.sequence import ALONE, SequenceGroup


@dataclass(frozen=True)
class EndToEnd:
    """Rows of (B, L) ids and mask as one of (1, T), T being what is kept of the ones in the mask."""

    ids: Tensor
    mask: Tensor
    """Bool, as that of `ids`."""
    keep: int
    """Columns, the last of them, in which completions stand."""
    kept: Tensor
    """(B, L) bool: what is in the row."""
    place: Tensor
    """(B, L): where in the row a token is, be it in another row's prompt."""

    @property
    def total(self) -> int:
        """T."""
        return int(self.kept.sum())

    def tokens(self) -> dict[str, Tensor]:
        """(1, T) `input_ids`, `position_ids` and `shift_labels`.

        The labels stand at the token before the one they name, and name the unmasked among the last `keep` columns.
        """
        labels = self.ids.masked_fill(~self.mask, -100)
        labels[:, : -self.keep] = -100
        ahead = nn.functional.pad(labels[:, 1:], (0, 1), value=-100)
        positions = self.mask.long().cumsum(1) - 1
        named = {"input_ids": self.ids, "position_ids": positions, "shift_labels": ahead}
        return {name: values[self.kept][None] for name, values in named.items()}

    def attention(self, behind: int = 0) -> dict[str, Any]:
        """What `varlen.attend` is told: of each row its queries and keys, and where the keys are.

        `behind`: tokens of padding after the last row, a row of their own.
        """
        own, seen, places = self.kept.sum(1), self.mask.sum(1), self.place[self.mask]
        if behind:
            own, seen = (nn.functional.pad(each, (0, 1), value=behind) for each in (own, seen))
            places = torch.cat([places, torch.arange(behind, device=places.device) + self.total])
        # A mask of four dimensions is taken as it is: none of (T, T) is made, and ours looks at none.
        nothing = torch.ones((1, 1, 1, 1), dtype=torch.bool, device=self.ids.device)
        rows = {"attention_mask": nothing, "cu_seq_lens_q": _starts(own), "max_length_q": int(own.max())}
        if self.kept.equal(self.mask):
            return rows
        keys = {"cu_seq_lens_k": _starts(seen), "max_length_k": int(seen.max()), "key_places": places}
        return {**rows, **keys}

    def seen(self, behind: int = 0) -> Tensor:
        """(1, 1, T, 3), what `chunked` is told of each token: its row's first key, and a prompt's first and end.

        `behind`: as of `attention`.
        """
        own, shared = self.kept.sum(1), (self.mask & ~self.kept).sum(1)
        begins = self.mask.long().argmax(1, keepdim=True)
        start = self.place.gather(1, begins)[:, 0] * (shared > 0)
        rows = torch.stack([own.cumsum(0) - own, start, start + shared], 1)
        each = rows.repeat_interleave(own, 0)
        padding = each.new_tensor([[self.total, 0, 0]]).expand(behind, 3)
        return torch.cat([each, padding])[None, None]

    def back(self, values: Tensor) -> Tensor:
        """(1, T) values that stand at the token before the one they are of, to the (B, keep) they are of."""
        before = slice(-self.keep - 1, -1)
        places = self.place[:, before]
        return values[0].index_select(0, places.flatten()).view_as(places).masked_fill(~self.mask[:, before], 0.0)


def end_to_end(ids: Tensor, mask: Tensor, keep: int, shared: bool = False) -> EndToEnd:
    """Of (B, L) ids and mask; `shared`: a prompt that is that of the row before is not there again."""
    ones = mask.bool()
    again = torch.zeros_like(ones)
    if shared:
        prompts = ids.masked_fill(~ones, -1)[:, :-keep]
        again[1:, : -keep - 1] = (prompts[1:] == prompts[:-1]).all(1, keepdim=True)
    kept = ones & ~again
    place = (kept.flatten().long().cumsum(0) - 1).clamp(min=0).view_as(ids)
    rows = torch.arange(len(ids), device=ids.device)[:, None]
    first = torch.where(again, 0, rows).cummax(0).values
    return EndToEnd(ids, ones, keep, kept, place.gather(0, first))


def inputs_of(model: Any, row: EndToEnd, chunked: bool = False, group: SequenceGroup = ALONE) -> dict[str, Any]:
    """For `model`, with what tells sequences apart in its attention; of `group`, this rank's share of the tokens."""
    tokens: dict[str, Any] = dict(row.tokens())
    behind = group.padding(row.total)
    if group.ranks > 1:
        fill = {"shift_labels": -100}
        padded = {n: nn.functional.pad(x, (0, behind), value=fill.get(n, 0)) for n, x in tokens.items()}
        tokens = {name: group.share(values) for name, values in padded.items()} | {"sequence_group": group}
    if chunked:
        return {**tokens, "attention_mask": row.seen(behind)}
    return {**tokens, **(row.attention(behind) if is_ours(model) else {})}


def is_ours(model: Any) -> bool:
    """Whether a model attends by `varlen.py`, in which rows may share a prompt."""
    return attention_of(model) == varlen.NAME


def _starts(lengths: Tensor) -> Tensor:
    return nn.functional.pad(lengths.cumsum(0), (1, 0)).to(torch.int32)


def supports(model: Any, device: torch.device) -> bool:
    """Whether `model` runs such attention here, in all its layers."""
    name = attention_of(model)
    layers = set(getattr(model.config, "layer_types", None) or [])
    known = name == varlen.NAME or "flash" in name
    return known and device.type == "cuda" and layers <= {"full_attention", "sliding_attention"} and not stateful(model)


def attention_of(model: Any) -> str:
    """By its name in transformers; of a model under wrappers, too."""
    while hasattr(model, "module"):  # DeepSpeed's engine has a `config`, too, of its own
        model = model.module
    return str(model.config._attn_implementation)


def stateful(model: Any) -> bool:
    """Whether it carries a state from token to token (Mamba and its like), which positions do not reset."""
    return bool(getattr(model, "_is_stateful", False))
