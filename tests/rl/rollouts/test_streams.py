import torch
from hypothesis import given
from hypothesis import strategies as st

from rl.rollouts.streams import stable_seed, uniform

WORD = 2**64 - 1


def naive(seed: int, place: int) -> float:
    """SplitMix64 with Python's unbounded integers: the state after `place` + 1 steps, mixed; its upper half."""
    z = (seed + (place + 1) * 0x9E3779B97F4A7C15) & WORD
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & WORD
    return ((z ^ (z >> 31)) >> 32) / 2**32


@given(st.integers(0, 2**62 - 1), st.integers(0, 10**6))
def test_a_number_is_what_the_published_generator_gives(seed: int, place: int) -> None:
    assert uniform(torch.tensor([seed]), torch.tensor([place])).item() == naive(seed, place)


def test_the_first_number_of_the_stream_of_zero_is_the_published_one() -> None:
    # SplitMix64 from 0 begins with 0xE220A8397B1DCDAF; its upper 32 bits over 2^32:
    assert uniform(torch.tensor([0]), torch.tensor([0])).item() == 0xE220A839 / 2**32


def test_streams_are_even_and_do_not_follow_one_another() -> None:
    seeds = torch.tensor([stable_seed(0, place) for place in range(1000)])
    table = torch.stack([uniform(seeds, torch.full_like(seeds, place)) for place in range(100)])
    assert abs(table.mean().item() - 0.5) < 5 * (1 / 12 / table.numel()) ** 0.5
    counts = torch.histc(table, bins=20, min=0, max=1)
    assert ((counts - 5000).square() / 5000).sum() < 43.8  # chi-square, 19 degrees of freedom, 99.9 %
    for other in (table[1:], table.roll(1, dims=1)[:-1]):
        together = torch.corrcoef(torch.stack([table[:-1].flatten(), other.flatten()]))[0, 1]
        assert abs(together.item()) < 5 / table.numel() ** 0.5
