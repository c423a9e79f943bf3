"""Thinking that ends too early, and is asked for again with other words in the place of its end (arXiv 2501.19393)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from rewards.compact import token_ids
from rl.evaluation.forcing.asked import Longer
from rl.evaluation.forcing.ids import Ids
from rl.rollouts import Ask, Completion
from rl.thinking import first_end


def lengthened(
    generate: Callable[[Sequence[Ask]], list[Completion]], asks: Sequence[Ask], longer: Longer, ids: Ids
) -> list[Completion]:
    """One completion an ask; `generate` is called once more for each time that thinking may be kept from ending.

    Each goes on where its thinking would have ended, with the next numbers of its own stream. A cap cuts what is
    forced as it cuts the rest, so an answer at a smaller cap is the beginning of one at a larger.
    """
    found = generate(asks)
    for _ in range(longer.times):
        again: dict[int, Ask] = {}
        for place, (ask, completion) in enumerate(zip(asks, found, strict=True)):
            end = first_end(completion.token_ids, ids.end)
            if end is None or (longer.minimum is not None and end >= longer.minimum):
                continue
            begun = (*completion.token_ids[: end - len(ids.end)], *ids.wait)
            if len(begun) < ask.budget:
                again[place] = replace(ask, prefix=begun)
            else:
                found[place] = Completion(token_ids(begun[: ask.budget]), "length")
        # Asked without prompts, too: gathering sharded weights takes every rank.
        for place, completion in zip(again, generate(list(again.values())), strict=True):
            found[place] = completion
    return found
