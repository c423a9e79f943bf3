import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import group, rollout

from rewards import Group, History
from rewards.length.toggle import Toggle

Cells = list[tuple[int, int | None]]


def of(cells: Cells, id: str = "p") -> Group:
    return group(*(rollout(length, correct) for length, correct in cells), id=id)


def after(toggle: Toggle, *visits: Cells) -> History:
    history = History()
    for visit in visits:
        toggle.observe(of(visit), history)
    return history


FIRST: Cells = [(100, 1), (200, 1), (400, 1), (9000, 0)]
"""Right lengths 100, 200, 400: the median is 200, a quarter of the way 150."""


@pytest.mark.parametrize(
    ("step", "cells", "expected"),  # interval 10, threshold .5, budget 200
    [
        (0, [(200, 1), (201, 1), (100, 0)], [1.0, 0.0, 0.0]),  # accuracy 2/3: within 200 or nothing
        (9, [(200, 1), (201, 1), (100, 0)], [1.0, 0.0, 0.0]),
        (10, [(200, 1), (201, 1), (100, 0)], [1.0, 1.0, 0.0]),  # the other phase
        (19, [(200, 1), (201, 1), (100, 0)], [1.0, 1.0, 0.0]),
        (20, [(200, 1), (201, 1), (100, 0)], [1.0, 0.0, 0.0]),  # and the first again
        (0, [(201, 1), (201, 0), (100, 0)], [1.0, 0.0, 0.0]),  # accuracy 1/3, below 1/2
        (0, [(201, 1), (100, 0)], [0.0, 0.0]),  # accuracy 1/2 is not below
        (0, [(201, 1), (100, 0), (7, None)], [0.0, 0.0, None]),
        (0, [], []),
    ],
)
def test_the_budget_is_in_force_by_turns_and_where_the_problem_is_solved(
    step: int, cells: Cells, expected: list[float | None]
) -> None:
    toggle = Toggle(interval=10, threshold=0.5, percentile=0.5)
    assert toggle(of(cells), after(toggle, FIRST), step) == expected


def test_the_budget_is_a_percentile_of_the_first_right_lengths_and_stays() -> None:
    for share, budget in ((0.5, 200.0), (0.25, 150.0), (0.0, 100.0), (1.0, 400.0)):
        toggle = Toggle(percentile=share)
        history = after(toggle, FIRST, [(5, 1), (6, 1)])
        assert history.get("toggle", "p") == {"budget": budget}


def test_a_problem_without_a_right_answer_at_first_never_has_a_budget() -> None:
    toggle = Toggle()
    for first in ([(50, 0)], []):
        history = after(toggle, first, [(5, 1), (6, 1)] if first else [])
        assert toggle(of([(9999, 1)]), history) == [1.0]
    assert after(toggle, [(5, None)], FIRST).get("toggle", "p") == {"budget": 200.0}  # nobody judged: no visit


def test_other_problems_have_budgets_of_their_own_and_a_checkpoint_keeps_them() -> None:
    toggle, kept = Toggle(), History()
    kept.load_state_dict(json.loads(json.dumps(after(toggle, FIRST).state_dict())))
    assert toggle(of([(201, 1)]), kept) == [0.0]
    assert toggle(of([(201, 1)], id="q"), kept) == [1.0]


def test_terms_are_correctness_and_whether_the_budget_is_kept() -> None:
    toggle = Toggle()
    terms = toggle.terms(of([(200, 1), (201, 0), (201, 1), (7, None)]), after(toggle, FIRST), 0)
    assert terms == {"correct": [1.0, 0.0, 1.0, None], "length": [1.0, 0.0, 0.0, None]}


@pytest.mark.parametrize("options", [{"interval": 0}, {"threshold": 1.1}, {"percentile": -0.1}])
def test_bad_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="toggle: "):
        Toggle(**options)  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.integers(0, 500), st.sampled_from([0, 1, None])), max_size=8), st.integers(0, 99))
def test_it_only_ever_takes_from_right_answers_and_nothing_in_the_other_phase(cells: Cells, step: int) -> None:
    toggle = Toggle(interval=10)
    for (_, correct), value in zip(cells, toggle(of(cells), after(toggle, FIRST), step), strict=True):
        assert (value is None) == (correct is None)
        assert value is None or value <= correct  # type: ignore[operator]
        assert value == correct or step // 10 % 2 == 0
