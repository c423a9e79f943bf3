"""A-DLP: a price of tokens that follows accuracy (arXiv 2505.18298)."""

from __future__ import annotations

from collections.abc import Mapping

from rewards.history import History, HistoryView
from rewards.shaped import at_least, is_correct, of_judged
from rewards.types import Group, Values

PRICE = "price"
"""The one history entry of the controller, in the place of a problem's id."""


class ADlp:
    """R = c - λ · L, right or wrong; after each round λ = max(0, λ + η · (accuracy of the round - `accuracy`)).

    λ begins at `initial`, per token. Accuracy is of all rollouts that the round judged, unshaped. Beyond 1/λ tokens a
    right answer is worth less than nothing.
    """

    name = "a-dlp"
    source = "arXiv 2505.18298"

    def __init__(self, initial: float = 1e-3, eta: float = 1e-3, accuracy: float = 0.62) -> None:
        at_least(self.name, 0, initial=initial, eta=eta)
        if not 0 <= accuracy <= 1:
            raise ValueError(f"a-dlp: accuracy must lie in [0, 1], not {accuracy}")
        self.initial, self.eta, self.accuracy = initial, eta, accuracy

    def terms(self, group: Group, history: HistoryView) -> dict[str, Values]:
        """`correct`, and `length`: -λ · L, at the price of this round."""
        price = self.price(history)
        return {
            "correct": [r.raw_reward for r in group.rollouts],
            "length": of_judged(group, lambda r: -price * r.length),
        }

    def __call__(self, group: Group, history: HistoryView) -> Values:
        price = self.price(history)
        return of_judged(group, lambda r: is_correct(r) - price * r.length)

    def price(self, history: HistoryView) -> float:
        """λ after all that was observed, per token."""
        entry = history.get(self.name, PRICE)
        return self._after(entry) if entry else self.initial

    def _after(self, entry: Mapping[str, float]) -> float:
        return max(0.0, entry["price"] + self.eta * (entry["right"] / entry["judged"] - self.accuracy))

    def observe(self, group: Group, history: History, step: int = 0) -> None:
        """Count this group into its round, which is told by its step; the round before it sets its price."""
        count = len(group.judged())
        if not count:
            return
        entry = history.get(self.name, PRICE)
        if entry is None or entry["step"] != step:
            entry = {"price": self.price(history), "right": 0, "judged": 0, "step": step}
        right, judged = entry["right"] + len(group.correct()), entry["judged"] + count
        history.put(self.name, PRICE, {**entry, "right": right, "judged": judged})
