r"""Ways to shorter or longer thinking that need no training, to stand beside models that were trained for it.

Each is a change of the protocol. A majority vote needs none: every evaluation of several samples has it, beside what
its samples cost (`rl.evaluation.figures.equal_tokens`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rl.errors import unknown
from rl.evaluation.forcing.asked import Longer

RIVALS: Mapping[str, Mapping[str, Any]] = {
    # arXiv 2501.19393 (s1): thinking closed at the budgets of --force-at.
    "budget-forcing": {"closing": "s1"},
    # The same paper: what would end the thinking gives way to "Wait", while budget is left.
    "think-longer": {"longer": Longer()},
    # arXiv 2504.09858 (NoThinking): `{begin}` is what begins thinking, where the prompt has not.
    "no-thinking": {"prefix": "{begin}Okay, I think I have finished thinking.\n{end}\n\n"},
    # arXiv 2502.18600, but for its sentence on where the answer is to stand, which the protocol's prompt says.
    "chain-of-draft": {
        "system": "Think step by step, but only keep a minimum draft for each thinking step, with 5 words at most."
    },
    # After arXiv 2401.05618 (Concise Chain of Thought).
    "concise": {"system": "Be concise."},
}


def rival(name: str) -> Mapping[str, Any]:
    """What a rival changes in a protocol. Errors: UserError with the nearest name."""
    if name not in RIVALS:
        raise unknown("rival", name, RIVALS)
    return RIVALS[name]
