"""A micro-batch over several ranks: each has a share of its tokens and, while it attends, a share of its heads.

The scheme of DeepSpeed-Ulysses (arXiv 2309.14509), which ALST (arXiv 2506.13996) trains long contexts by. All ranks of
a group hold the same row of tokens. Each takes its own share of them through the model; before attention the ranks
trade, all to all, their tokens of all heads for all tokens of their heads, and after it the other way round. The
log-probs of all shares then come together on every rank, so a loss is that of the whole row. Its gradient goes back to
a rank's own log-probs only: the others' have a rank each that does the same, and the sum over ranks is the gradient.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from transformers import PretrainedConfig

from rl.errors import UserError


@dataclass(frozen=True)
class SequenceGroup:
    """`ranks` that share each micro-batch, of which this is the one at `place`."""

    ranks: int = 1
    place: int = 0
    together: dist.ProcessGroup | None = None
    chunk: int | None = None
    """Of the tokens that a rank takes through a layer at once (`chunked`): those of all ranks follow on each other."""

    def padding(self, tokens: int) -> int:
        """How many to add to `tokens` so that every rank's share is equally large."""
        return -tokens % self.ranks

    def share(self, values: Tensor) -> Tensor:
        """(1, T) of all tokens, T a multiple of `ranks`, to the (1, t) of this rank's."""
        pieces = torch.split(values, [size * self.ranks for size in self._sizes(values.size(1) // self.ranks)], 1)
        return torch.cat([piece.chunk(self.ranks, 1)[self.place] for piece in pieces], 1)

    def gathered(self, own: Tensor) -> Tensor:
        """(1, t) of this rank's tokens to the (1, T) of all, where a gradient goes back to its own."""
        if self.ranks == 1:
            return own
        shares = [torch.empty_like(own) for _ in range(self.ranks)]
        dist.all_gather(shares, own.detach().contiguous(), self.together)
        shares[self.place] = own
        pieces = zip(*(torch.split(each, self._sizes(own.size(1)), 1) for each in shares), strict=True)
        return torch.cat([share for piece in pieces for share in piece], 1)

    def queries(self, own: Tensor) -> Tensor:
        """(1, heads, t, D) of this rank's tokens to (1, heads / ranks, T, D) of its heads."""
        if self.ranks == 1:
            return own
        by_rank = torch.unflatten(own[0], 0, (self.ranks, -1))
        return _exchanged(by_rank, self.together).transpose(0, 1).flatten(1, 2)[None]

    def keys(self, own: Tensor) -> Tensor:
        """The same of keys or values; where the ranks do not divide their heads, these are repeated until they do."""
        again = self.ranks // math.gcd(own.size(1), self.ranks)
        return self.queries(own if again == 1 else own.repeat_interleave(again, 1))

    def tokens(self, attended: Tensor) -> Tensor:
        """(1, T, heads / ranks, D) of this rank's heads to (1, t, heads, D) of its tokens."""
        if self.ranks == 1:
            return attended
        by_rank = torch.unflatten(attended[0], 0, (self.ranks, -1))
        return _exchanged(by_rank, self.together).transpose(0, 1).flatten(1, 2)[None]

    def _sizes(self, own: int) -> list[int]:
        """Of the pieces that a share of `own` tokens consists of."""
        most = self.chunk or own
        return [min(most, own - start) for start in range(0, own, most)]


ALONE = SequenceGroup()


def join_groups(most: int, chunk: int | None, patience: float) -> dict[int, SequenceGroup]:
    """This rank's groups, by how many consecutive ranks are in each: all that `most` can be parted into.

    All ranks of a launch call it together. `patience`: seconds that they wait for one another. Errors: UserError.
    """
    require_groups(most, dist.get_world_size() if dist.is_initialized() else 1)
    groups = {1: ALONE}
    for ranks in range(2, most + 1):
        if most % ranks == 0:
            together, _ = dist.new_subgroups(  # type: ignore[no-untyped-call]
                ranks, timeout=timedelta(seconds=patience)
            )
            groups[ranks] = SequenceGroup(ranks, dist.get_rank(together), together, chunk)
    return groups


def require_groups(ranks: int, launched: int) -> None:
    """Refuse a launch that does not part into groups of `ranks`. Errors: UserError."""
    if launched % ranks:
        raise UserError(
            f"trainer.sequence_ranks {ranks} needs a launch of a multiple of {ranks} ranks, and this one has "
            f"{launched}; change either"
        )


def require_heads(config: PretrainedConfig, ranks: int) -> None:
    """Refuse a model whose attention heads cannot be dealt to `ranks`. Errors: UserError."""
    heads = config.get_text_config().num_attention_heads
    if heads % ranks:
        fitting = ", ".join(str(n) for n in range(2, heads + 1) if heads % n == 0)
        raise UserError(
            f"trainer.sequence_ranks {ranks} deals the model's {heads} attention heads over as many ranks, which does "
            f"not come out even; use {fitting or 1}"
        )


class _Exchange(Function):
    """(ranks, ...): slice r goes to rank r, whose own comes in its place. The gradient takes the same way."""

    @staticmethod
    def forward(ctx: Any, sent: Tensor, together: dist.ProcessGroup | None) -> Tensor:
        ctx.together = together
        return _all_to_all(sent, together)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return _all_to_all(gradient, ctx.together), None


def _exchanged(sent: Tensor, together: dist.ProcessGroup | None) -> Tensor:
    return _Exchange.apply(sent, together)  # type: ignore[no-any-return,no-untyped-call]


def _all_to_all(sent: Tensor, together: dist.ProcessGroup | None) -> Tensor:
    sent = sent.contiguous()
    received = torch.empty_like(sent)
    dist.all_to_all_single(received, sent, group=together)
    return received
