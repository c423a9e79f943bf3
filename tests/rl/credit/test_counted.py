import json
from random import Random

import torch
from counting import operations
from hypothesis import given
from hypothesis import strategies as st

from rl.credit.gfpo import AdaptiveK
from rl.credit.within.counted import MOST, Counted

numbers = st.floats(-1e12, 1e12).map(lambda value: round(value, 6))


def counted(values: list[float]) -> Counted:
    found = Counted()
    for start in range(0, len(values), 64):
        found.add(values[start : start + 64])
    return found


@given(st.lists(numbers | st.integers(-16, 16).map(lambda n: n / 16)))
def test_few_different_numbers_are_counted_exactly(values: list[float]) -> None:
    assert counted(values).above(values) == [sum(other > value for other in values) for value in values]


def test_many_numbers_stay_in_bounded_bins_and_are_told_apart_a_bin_from_one_another() -> None:
    random = Random(0)
    values = [random.gauss(0, 1) for _ in range(30_000)]
    found = counted(values)
    bin_ = (max(values) - min(values)) / 2048
    for value, above in zip(values[:50], found.above(values[:50]), strict=True):
        assert sum(v > value + bin_ for v in values) <= above <= sum(v >= value - bin_ for v in values)
    assert len(found.bins) <= MOST
    assert found.total == len(values)


def test_a_state_goes_on_as_its_source_would_and_one_without_a_width_is_taken_in() -> None:
    random = Random(1)
    values, later = ([random.random() for _ in range(6_000)] for _ in range(2))
    first, second, old = counted(values), Counted(), Counted()
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    old.load_state_dict({"seen": [[round(value, 6), 1] for value in values]})
    for each in (first, second, old):
        each.add(later)
    assert first.width > 1
    assert first.above(later) == second.above(later) == old.above(later)
    assert first.state_dict() == second.state_dict() == old.state_dict()


def test_what_a_round_costs_does_not_grow_with_the_rounds_before_it() -> None:
    adaptive, random = AdaptiveK(), Random(2)

    def rounds(count: int) -> int:
        rewards = torch.tensor([[random.random(), random.random()] for _ in range(64 * count)])
        for groups in rewards.split(64):
            adaptive(groups)
        return operations(lambda: adaptive(rewards[:64]))

    few = rounds(100)
    assert rounds(200) < 1.5 * few
    assert len(adaptive.state_dict()["seen"]) <= MOST
