"""How vLLM computes prompts: in pieces on CUDA, whole on a CPU."""

from __future__ import annotations

BATCH_TOKENS = 4096
"""Tokens of one step on a CPU, where no prompt and its completion are longer."""


def prefill(cuda: bool, max_model_len: int | None) -> tuple[bool, int | None]:
    """Whether prompts are computed in pieces, and the tokens of a step; None: vLLM's own choice.

    `max_model_len` in tokens, None where it is the model's own. Of a prompt in pieces vLLM draws after
    each, and takes back all but the last draw by setting the seeded generator back by an offset.
    Generators on a CPU have none, so there it would end with an error.
    """
    if cuda:
        return True, None
    return False, None if max_model_len is None else max(max_model_len, BATCH_TOKENS)
