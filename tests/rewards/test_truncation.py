from makers import group, rollout

from rewards import History
from rewards.correct import Correct
from rewards.length.truncation import Truncation

GROUP = group(
    rollout(4000, 1),  # correct, ended at the cap by itself
    rollout(4000, 1, "length"),  # shows the answer, but was cut
    rollout(10, 0),
    rollout(4000, 0, "length"),
    rollout(10, None),
)


def test_only_a_finished_correct_rollout_pays() -> None:
    assert Truncation()(GROUP, History()) == [1.0, 0.0, 0.0, 0.0, None]


def test_released_code_pays_a_tenth_for_a_cut_answer() -> None:
    assert Truncation(unfinished=0.1)(GROUP, History()) == [1.0, 0.1, 0.0, 0.0, None]


def test_correct_is_the_raw_reward() -> None:
    assert Correct()(GROUP, History()) == [1.0, 1.0, 0.0, 0.0, None]
