import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import group, rollout

from rewards import Group, History
from rewards.length.a_dlp import ADlp

Cells = list[tuple[int, int | None]]


def of(cells: Cells) -> Group:
    return group(*(rollout(length, correct) for length, correct in cells))


def solved(right: int, wrong: int) -> Group:
    return of([*[(1, 1)] * right, *[(1, 0)] * wrong])


def test_every_token_costs_right_or_wrong() -> None:
    # 1 - .001 · 400, - .001 · 400; beyond 1/.001 tokens a right one is worth less than nothing
    assert ADlp()(of([(400, 1), (400, 0), (1500, 1), (9, None)]), History()) == pytest.approx([0.6, -0.4, -0.5, None])
    terms = ADlp().terms(of([(400, 1), (9, None)]), History())
    assert terms == {"correct": [1.0, None], "length": [pytest.approx(-0.4), None]}


def test_after_a_round_the_price_follows_its_accuracy() -> None:
    reward, history = ADlp(), History()
    reward.observe(solved(7, 3), history, step=0)
    assert reward.price(history) == pytest.approx(0.00108)  # .001 + .001 · (.70 - .62)
    reward.observe(solved(5, 5), history, step=4)
    assert reward.price(history) == pytest.approx(0.00096)  # .00108 + .001 · (.50 - .62)


def test_the_accuracy_of_a_round_is_that_of_all_its_rollouts_in_whatever_groups() -> None:
    whole, apart = History(), History()
    reward = ADlp()
    reward.observe(solved(7, 3), whole, step=2)
    for each in (solved(4, 0), solved(1, 0), of([(1, None)]), solved(2, 3)):
        reward.observe(each, apart, step=2)
    assert reward.price(apart) == reward.price(whole)


def test_the_price_never_falls_below_nothing() -> None:
    reward, history = ADlp(initial=0.001, eta=1.0), History()
    reward.observe(solved(0, 4), history, step=0)
    assert reward.price(history) == 0.0
    reward.observe(solved(4, 0), history, step=1)
    assert reward.price(history) == pytest.approx(0.38)  # 0 + 1 · (1 - .62): not from below


def test_a_checkpoint_within_a_round_goes_on_as_if_nothing_had_happened() -> None:
    reward, unbroken, broken, resumed = ADlp(eta=0.1), History(), History(), History()
    rounds = [(0, solved(3, 1)), (0, solved(4, 0)), (1, solved(0, 4)), (1, solved(2, 2)), (2, solved(4, 0))]
    for step, each in rounds:
        reward.observe(each, unbroken, step)
    for step, each in rounds[:3]:
        reward.observe(each, broken, step)
    resumed.load_state_dict(json.loads(json.dumps(broken.state_dict())))
    for step, each in rounds[3:]:
        reward.observe(each, resumed, step)
    assert resumed.state_dict() == unbroken.state_dict()


@pytest.mark.parametrize("options", [{"initial": -1.0}, {"eta": -1.0}, {"accuracy": 1.5}])
def test_bad_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="a-dlp: "):
        ADlp(**options)


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(1, 8)), max_size=8))
def test_the_price_equals_the_papers_loop(rounds: list[tuple[int, int]]) -> None:
    reward, history, price = ADlp(eta=0.01), History(), 1e-3
    for step, (right, wrong) in enumerate(rounds):
        assert reward.price(history) == pytest.approx(price)
        reward.observe(solved(right, wrong), history, step)
        price = max(0.0, price + 0.01 * (right / (right + wrong) - 0.62))
    assert reward.price(history) == pytest.approx(price)
