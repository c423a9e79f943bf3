"""KL-Cov (Cui et al. 2025, arXiv 2505.22617): a penalty where the policy is about to lose its entropy.

Of the N tokens of a micro-batch that are in the loss, those k = max(1, floor(share x N)) with the largest
(A - mean A)(logp - mean logp) get the loss -A x ratio + coefficient x |logp - old logp|, all others -A x ratio. As in
verl's `compute_policy_loss_kl_cov`:

- no ratio is clipped, so `epsilon` and `epsilon_high` are without effect;
- the penalty has no gradient at ratio 1: in the first update of a round it does nothing;
- which tokens are chosen depends on what shares their micro-batch. Where updates are packed, that is the packed one, in
  which rollouts without advantage stay, as the penalty may fall on them, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

FURTHEST = 80.0
"""Nats that a token may have fallen for its penalty to be exact."""


class KlCov:
    """Has TRL's PPO-like losses be KL-Cov's: the penalty goes into them as a part of the advantages.

    -A' x ratio with A' = A - coefficient x |log ratio| / ratio is the loss above, and so is its gradient. TRL asks for
    log-probs first, and for advantages afterwards.
    """

    def __init__(self, share: float, coefficient: float) -> None:
        self.share, self.coefficient = share, coefficient
        self._inputs: dict[str, Any] | None = None

    def loss(self, theirs: Callable[..., Tensor], model: Any, inputs: dict[str, Any]) -> Tensor:
        """TRL's `_compute_loss`, which clips nothing, of a micro-batch."""
        self._inputs = dict(inputs)
        try:
            return theirs(model, self._inputs)
        finally:
            self._inputs = None

    def see(self, logps: Tensor) -> None:
        """TRL's current log-probs, (rows, tokens): of the micro-batch in `loss`, or of others, that are let be."""
        if (inputs := self._inputs) is None:
            return
        advantages, mask = inputs["advantages"], inputs["completion_mask"] * inputs.get("tool_mask", 1)
        advantages = (advantages if advantages.dim() == 2 else advantages.unsqueeze(1)).expand_as(logps)
        old = inputs.get("old_per_token_logps")
        log_ratio = logps - (logps.detach() if old is None else old)
        # Bounded, since of what is that far away TRL's ratio is 0, which no infinity may meet.
        penalty = self.coefficient * log_ratio.abs() * torch.exp(-log_ratio.clamp(min=-FURTHEST))
        inputs["advantages"] = advantages - penalty * chosen(advantages, logps.detach(), mask.bool(), self.share)


def chosen(advantages: Tensor, logps: Tensor, active: Tensor, share: float) -> Tensor:
    """Of (rows, tokens) those with the penalty, as bool; `active` are those in the loss."""
    found = torch.zeros_like(active)
    if not active.any():
        return found
    gain, likely = advantages[active], logps[active]
    covariance = (gain - gain.mean()) * (likely - likely.mean())
    most = covariance.topk(max(1, int(share * len(covariance)))).indices
    found[active] = torch.zeros_like(covariance, dtype=torch.bool).scatter(0, most, True)
    return found
