"""What a run's work costs: rates that were given, or measured on this machine."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from rl.errors import UserError, unknown
from rl.estimates.devices.cards import Card, card_called
from rl.reading import text_of
from rl.recipe.files import load_yaml


@dataclass(frozen=True)
class Rates:
    """None: not known, and reckoned from the card where that is."""

    card: str | None = None
    """The name of a rank's device in cards.yaml."""
    tokens_per_second: float | None = None
    """Rollout tokens that one rank (or one worker, of the workers engine) samples a second."""
    tflops: float | None = None
    """10^12 floating-point operations that training really does a second on one rank; not the data sheet's."""
    price_per_hour: float | None = None
    """Of one device: a rank's, or a worker's."""
    gpu_memory: float | None = None
    """Of a rank's device, in GB of 10^9 bytes."""
    length_share: float | None = None
    """Of its cap that a rollout uses, in the mean."""
    kept: float | None = None
    """Share of drawn groups that dynamic sampling keeps."""

    @property
    def of_card(self) -> Card | None:
        return None if self.card is None else card_called(self.card)

    @property
    def memory(self) -> float | None:
        """Bytes of a rank's device, as given or of its card."""
        card = self.of_card
        gigabytes = self.gpu_memory or (card.memory if card else None)
        return None if gigabytes is None else gigabytes * 1e9

    def __post_init__(self) -> None:
        if self.card is not None:
            card_called(self.card)
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None or field.name == "card":
                continue
            if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
                raise UserError(f"--rates: {field.name} must be a number above 0, not {value!r}")
            if field.name in ("length_share", "kept") and value > 1:
                raise UserError(f"--rates: {field.name} is a share, at most 1, not {value!r}")


def read_rates(given: str | None) -> Rates:
    """Rates from a YAML file, or from one line of YAML as `{tflops: 180, price_per_hour: 2.5}`. Errors: UserError."""
    if given is None:
        return Rates()
    is_file = not given.lstrip().startswith("{")
    if is_file and not Path(given).is_file():
        raise UserError(
            f"--rates {given!r} is neither a file nor a mapping like '{{tflops: 180, price_per_hour: 2.5}}'"
        )
    values: Any = load_yaml(text_of(Path(given)) if is_file else given)
    known = [field.name for field in fields(Rates)]
    if not isinstance(values, dict):
        raise UserError(f"--rates: expected a mapping with some of {', '.join(known)}")
    for name in values:
        if name not in known:
            raise unknown("rate", str(name), known, "--rates")
    return Rates(**values)
