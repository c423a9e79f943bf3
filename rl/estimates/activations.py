"""What a micro-batch keeps from forward to backward, and what its projection to the vocabulary takes.

Counted tensor by tensor as autograd saves them in a decoder layer of transformers (tests compare the
sum with what a real layer saves), and as TRL's chunked log-probs lay out their tiles. Ranks that share a micro-batch
have an equal part each of all of it.
"""

from __future__ import annotations

import math

from rl.estimates.setup import Setup

TILE_TOKENS, TILE_WORDS = 4096, 32768
"""A tile of logits in TRL's head (`trl.kernels.chunked_logprob`)."""
CPU_TILES = 8.25
"""Tiles that are alive at once where plain torch folds them; Triton's kernel works in one."""


def layer_bytes(setup: Setup) -> float:
    """Bytes a token of one layer's input and everything that its backward pass needs."""
    shape, narrow = setup.shape, setup.compute_bytes
    h, i, q = shape.hidden, shape.intermediate, shape.queries
    # A mask has keys and values repeated for every head; ranks that share a micro-batch, until there is one for each.
    keys = shape.keys * key_copies(setup) if setup.padding_free or setup.sequence_ranks > 1 else q
    traded = q * (setup.sequence_ranks > 1)  # what was attended, by heads, beside the same by tokens
    norms = 2 * h * {True: 2 * 4, False: 3 * 4 if narrow == 4 else 4 + 2 * narrow}[setup.autocast]
    casts = 5 * h * narrow if setup.autocast else 0  # the inputs of q, k, v, gate and up, each by itself
    head_norms = (q + shape.keys) * (4 + narrow) if shape.model_type == "qwen3" else 0
    fused = (q + 2 * shape.keys) * narrow if shape.model_type == "phi3" else 0
    attention = (2 * q + traded + 2 * keys) * narrow + 4 * shape.heads + fused
    return norms + casts + head_norms + attention + 4 * i * narrow


def backward_bytes(setup: Setup) -> float:
    """Bytes a token of the gradients that are alive inside one layer's MLP, where they are most."""
    shape = setup.shape
    return 3 * shape.intermediate * setup.compute_bytes + 2 * shape.hidden * residual_bytes(setup)


def key_copies(setup: Setup) -> int:
    """How often a key head is there where its ranks trade tokens for heads."""
    return setup.sequence_ranks // math.gcd(setup.shape.kv_heads, setup.sequence_ranks)


def residual_bytes(setup: Setup) -> int:
    return 4 if setup.autocast or setup.compute_bytes == 4 else setup.compute_bytes


def layers(setup: Setup) -> float:
    """Bytes that all layers have saved when the backward pass begins, and the most that one of them adds."""
    shape, tokens = setup.shape, setup.own_tokens
    inputs = 0.0 if setup.offload_activations else layer_inputs(setup)
    mask = 0 if setup.padding_free or setup.sequence_ranks > 1 else setup.micro_rows * setup.length**2
    if setup.chunk is not None:
        return inputs + mask * min(1.0, setup.chunk / setup.length) + _chunked_layer(setup)
    if setup.checkpointing:
        return inputs + mask
    return tokens * layer_bytes(setup) * shape.layers + mask


def layer_inputs(setup: Setup) -> float:
    """Bytes of the inputs of all layers."""
    return setup.own_tokens * setup.shape.hidden * residual_bytes(setup) * float(setup.shape.layers)


def in_a_layer(setup: Setup) -> float:
    """Bytes that the backward pass adds inside one layer."""
    if setup.chunk is not None:
        return 0.0  # counted with what the layers keep: forward needs most of it too
    repeated = setup.own_tokens * layer_bytes(setup) if setup.checkpointing else 0.0
    return repeated + setup.own_tokens * backward_bytes(setup)


def _chunked_layer(setup: Setup) -> float:
    """A layer that runs chunk by chunk: one chunk's tensors, all keys and their gradients, the layer's gradients."""
    shape, tokens = setup.shape, setup.own_tokens
    rows, length = (setup.micro_rows, setup.length) if setup.sequence_ranks == 1 else (1, tokens)
    chunk = rows * min(setup.chunk or length, length)
    kept = 2 * shape.keys * key_copies(setup) * (setup.compute_bytes + 4)
    inside = chunk * (layer_bytes(setup) + backward_bytes(setup)) + tokens * kept
    return inside + tokens * shape.hidden * residual_bytes(setup) + 4 * shape.layer_parameters


def head(setup: Setup) -> float:
    """Bytes of the projection to the vocabulary: tiles, and the gradients of its input and its weights."""
    shape = setup.shape
    scored = setup.tokens if setup.cpu else setup.micro_rows * setup.completion
    whole = scored = min(scored, setup.own_tokens)
    if setup.chunk is not None:
        scored = min(scored, (setup.micro_rows if setup.sequence_ranks == 1 else 1) * setup.chunk)
    tile = min(scored, TILE_TOKENS) * min(shape.vocabulary, TILE_WORDS)
    tiles = tile * (setup.compute_bytes + (CPU_TILES - 1) * 4) if setup.cpu else tile * setup.compute_bytes
    trained = 0 if setup.trained is not None else shape.head_parameters * 4
    gathered = shape.head_parameters * 4 if setup.launch.sharding == "fsdp" else 0
    return tiles + whole * shape.hidden * 4 + trained + gathered
