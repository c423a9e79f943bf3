from makers import rollout

import rewards
from rewards import Group, Problem
from rewards.types import is_group_only
from rl.plugins import load_reward
from rl.plugins.find import built_in


class Unread:
    """A history that nobody may look at."""

    def get(self, method: str, problem_id: str) -> None:
        raise AssertionError("it was looked at")


def test_built_in_rewards_need_only_their_group_but_for_those_that_remember_and_never_look_at_the_history() -> None:
    every = {name: load_reward(name, {}) for name in built_in(rewards, "__call__")}
    assert {name for name, reward in every.items() if not is_group_only(reward)} == {
        *("hapo", "laser-d", "laser-de", "toggle", "a-dlp", "auto-think", "grpo-lambda")
    }
    problem = Problem("p", "1+1=?", "2", {"ref_accuracy": 0.5, "ref_length": 5.0})
    seen = Group(problem, (rollout(3, 1.0, text="one two three"), rollout(7, 0.0, text="four"), rollout(9, None)))
    for reward in every.values():
        if is_group_only(reward):
            assert reward(seen, Unread()) == reward(seen, Unread())


def test_a_term_of_a_reward_needs_what_the_whole_does() -> None:
    assert is_group_only(load_reward("truncation", {}, term="length"))
    assert not is_group_only(load_reward("hapo", {}, term="length"))
