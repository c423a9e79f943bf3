"""Devices by name, as their data sheets have them: what memory and rates are reckoned from where none are given."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import torch
import yaml

from rl.errors import unknown

USABLE = 0.95
"""Of a device's memory: the rest is for CUDA's context, and what the caching allocator cannot use."""


@dataclass(frozen=True)
class Card:
    """One device."""

    name: str
    memory: float
    """GB of 10^9 bytes that a process may count on."""
    tflops: float
    """10^12 dense bf16 operations a second, of its data sheet."""
    bandwidth: float
    """GB/s of its memory, of its data sheet."""
    link: float
    """GB/s one way to the other devices of its node, of its data sheet."""
    host: float
    """GB/s one way to its host."""


@cache
def known_cards() -> tuple[Card, ...]:
    """Those of cards.yaml."""
    table = yaml.safe_load((resources.files(__package__) / "cards.yaml").read_text())
    return tuple(Card(name, **values) for name, values in table.items())


def card_called(name: str) -> Card:
    """The card of this name. Errors: UserError with the nearest."""
    cards = {card.name: card for card in known_cards()}
    if name not in cards:
        raise unknown("card", name, cards, "--rates")
    return cards[name]


def card_of(device: str) -> Card | None:
    """The card that CUDA calls so, as `NVIDIA H100 80GB HBM3`; None where no name fits."""
    fits = [card for card in known_cards() if card.name.lower() in device.lower()]
    return max(fits, key=lambda card: len(card.name), default=None)


@dataclass(frozen=True)
class Device:
    """This machine's: its card where it is known, and the memory that it has."""

    memory: float
    """GB of 10^9 bytes that a process may count on."""
    card: Card | None


def this_device() -> Device | None:
    """The first CUDA device; None: there is none, or CUDA does not say what it is."""
    if not torch.cuda.is_available():
        return None
    try:
        found = torch.cuda.get_device_properties(0)
    except (RuntimeError, AssertionError):
        return None
    return Device(found.total_memory * USABLE / 1e9, card_of(found.name))
