"""A decoder layer that runs, forward and backward, one chunk of the sequence at a time.

Forward keeps only the layer's input. Backward first takes all keys and values from it again, then
visits the chunks from the last to the first: a chunk's forward is repeated with a graph, against the
keys and values of the chunks before it as leaves, and is left with the gradient of its output and the
gradients that later chunks have put on its own keys and values. A chunk that is not kept (`sparse.py`) is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from transformers import PretrainedConfig

from rl.updates.chunked.attention import chunked_attention
from rl.updates.chunked.sparse import Kept
from rl.updates.sequence import ALONE, SequenceGroup


class _Kept(Exception):
    """A chunk's keys and values are kept; the rest of the layer is not wanted."""


class Keys:
    """All keys and values of a layer, filled chunk by chunk. A layer takes it for its cache.

    Of a sequence group they are those of this rank's heads and all ranks' tokens: a chunk has so many on each rank.
    """

    def __init__(self, length: int, group: SequenceGroup, only: bool = False) -> None:
        self.length, self.group, self.only, self.end = length * group.ranks, group, only, 0
        self.pair: list[Tensor] = []

    def update(self, key: Tensor, value: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        key, value = self.group.keys(key), self.group.keys(value)
        self.pair = self.pair or [x.new_empty(*x.shape[:2], self.length, x.size(3)) for x in (key, value)]
        start, self.end = self.end, self.end + key.size(2)
        for kept, new in zip(self.pair, (key, value), strict=True):
            kept[:, :, start : self.end] = new
        if self.only:
            raise _Kept
        return self.pair[0][:, :, : self.end], self.pair[1][:, :, : self.end]


class Replay:
    """The keys and values before `start` as leaves, followed by a chunk's own, which have a graph."""

    def __init__(self, keys: Keys, start: int) -> None:
        self.group = keys.group
        self.past = [kept[:, :, : start * self.group.ranks].detach().requires_grad_() for kept in keys.pair]
        self.own: list[Tensor] = []

    def update(self, key: Tensor, value: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        self.own = [self.group.keys(key), self.group.keys(value)]
        key, value = (torch.cat(both, 2) for both in zip(self.past, self.own, strict=True))
        return key, value


@dataclass(frozen=True)
class Call:
    """One call of a layer, and how to make it for tokens `start` to `end` only."""

    forward: Callable[..., Tensor]
    config: PretrainedConfig
    arguments: dict[str, Any]
    parameters: list[nn.Parameter]
    chunk: int
    autocast: tuple[str, torch.dtype, bool]

    @property
    def group(self) -> SequenceGroup:
        group: SequenceGroup = self.arguments.get("sequence_group", ALONE)
        return group

    def chunks(self, length: int) -> list[tuple[int, int]]:
        return [(start, min(start + self.chunk, length)) for start in range(0, length, self.chunk)]

    def kept(self, count: int) -> Sequence[bool]:
        """Of so many chunks, whether gradients go through each."""
        some: Kept | None = self.arguments.get("kept_chunks")
        return [True] * count if some is None else some.chunks

    def arrived(self, d_keys: Tensor, start: int, end: int) -> Tensor:
        """The gradient that later chunks have put on keys or values of one."""
        own, some = d_keys[:, :, start * self.group.ranks : end * self.group.ranks], self.arguments.get("kept_chunks")
        return own if some is None else own / some.share

    def of(self, hidden: Tensor, start: int, end: int, keys: Keys | Replay) -> Tensor:
        ranks = self.group.ranks
        arguments = {name: _share(name, value, start, end, ranks) for name, value in self.arguments.items()}
        cache = "cache" if "cache" in arguments else "past_key_values"  # its name before transformers 5.24
        device, dtype, enabled = self.autocast
        # Weights that autocast has cast without a graph must not be reused where there is one.
        with chunked_attention(self.config), torch.autocast(device, dtype, enabled, cache_enabled=False):
            return self.forward(hidden, **{**arguments, cache: keys})


def _share(name: str, value: Any, start: int, end: int, ranks: int) -> Any:
    if name == "position_embeddings":
        return tuple(part[..., start:end, :] for part in value)
    if name == "attention_mask" and value is not None:
        return value[:, :, start * ranks : end * ranks]  # of all ranks' tokens, which a chunk attends with
    if name == "position_ids" and value is not None:
        return value[..., start:end]
    if isinstance(value, Tensor):
        raise NotImplementedError(f"a decoder layer's argument {name!r} is not known to part along the sequence")
    return value


class _Chunked(torch.autograd.Function):
    """(B, L, hidden) and a layer's trained parameters to (B, L, hidden).

    Parameters are inputs, so each gets its gradient once, summed over chunks: hooks of distributed
    training fire as they would for an ordinary layer.
    """

    @staticmethod
    def forward(ctx: Any, call: Call, hidden: Tensor, *parameters: Tensor) -> Tensor:
        ctx.call = call
        ctx.save_for_backward(hidden, *parameters)
        keys, out = Keys(hidden.size(1), call.group), torch.empty_like(hidden)
        for start, end in call.chunks(hidden.size(1)):
            out[:, start:end] = call.of(hidden[:, start:end], start, end, keys)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_out: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        call, hidden = ctx.call, ctx.saved_tensors[0]
        keys = _take_keys(call, hidden)
        d_keys = [torch.zeros_like(kept, dtype=_wide(kept)) for kept in keys.pair]
        d_hidden = torch.empty_like(hidden)
        ranks = call.group.ranks
        d_parameters = [torch.zeros_like(p, dtype=_wide(p)) for p in call.parameters]
        chunks = call.chunks(hidden.size(1))
        for through, (start, end) in reversed(list(zip(call.kept(len(chunks)), chunks, strict=True))):
            if not through:
                d_hidden[:, start:end] = 0
                continue
            replay = Replay(keys, start)
            with torch.enable_grad():
                piece = hidden[:, start:end].detach().requires_grad_()
                out = call.of(piece, start, end, replay)
            left = [call.arrived(d, start, end).to(own.dtype) for d, own in zip(d_keys, replay.own, strict=True)]
            d_piece, *rest = torch.autograd.grad(
                [out, *replay.own],
                [piece, *replay.past, *call.parameters],
                [d_out[:, start:end], *left],
                allow_unused=True,
            )
            d_hidden[:, start:end] = d_piece
            for total, new in zip([d[:, :, : start * ranks] for d in d_keys] + d_parameters, rest, strict=True):
                if new is not None:
                    total += new
        narrow = (d.to(p.dtype) for d, p in zip(d_parameters, call.parameters, strict=True))
        return None, d_hidden if ctx.needs_input_grad[1] else None, *narrow


def _take_keys(call: Call, hidden: Tensor) -> Keys:
    """A layer's keys and values, without running the rest of it."""
    keys = Keys(hidden.size(1), call.group, only=True)
    for start, end in call.chunks(hidden.size(1)):
        try:
            call.of(hidden[:, start:end], start, end, keys)
        except _Kept:
            continue
    return keys


def _wide(x: Tensor) -> torch.dtype:
    """Sums over chunks are kept in at least 32 bits, as a kernel keeps its own sums."""
    return torch.promote_types(x.dtype, torch.float32)


def chunked(
    forward: Callable[..., Tensor],
    layer: nn.Module,
    config: PretrainedConfig,
    chunk: int,
    hidden: Tensor,
    arguments: dict[str, Any],
) -> Tensor:
    """A layer's `forward` of (B, L, hidden), `chunk` tokens at a time; `arguments` are those of the whole sequence."""
    device = hidden.device.type
    parameters = [p for p in layer.parameters() if p.requires_grad]
    autocast = device, torch.get_autocast_dtype(device), torch.is_autocast_enabled(device)
    call = Call(forward, config, arguments, parameters, chunk, autocast)
    return _Chunked.apply(call, hidden, *parameters)  # type: ignore[no-any-return,no-untyped-call]
