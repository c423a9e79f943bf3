from dataclasses import replace
from random import Random
from typing import Literal

import pytest
from counting import operations
from hypothesis import given
from hypothesis import strategies as st
from makers import group, rollout

from rewards import History, Rollout
from rewards.repetition import Repetition, loop_length


def tokens(*ids: int, correct: int | None = 1, stop: Literal["eos", "length"] = "eos") -> Rollout:
    return replace(rollout(len(ids), correct, stop), token_ids=ids)


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [
        ("", 0),
        ("a", 0),
        ("ab", 0),
        ("aa", 2),  # period 1, twice
        ("aab", 0),  # the loop is not at the end
        ("xabab", 4),  # period 2: abab
        ("xbabab", 5),  # period 2 holds back to the first b: babab
        ("abcab", 0),  # period 3 spans 5 < 6
        ("abcabc", 6),
        ("xyabbabb", 6),  # period 3 (abb abb = 6) goes before period 1 (bb = 2)
        ("abaabaaa", 3),  # aaa; no longer period reaches twice its length
        ("aaaaaaa", 7),
    ],
)
def test_a_loop_is_the_longest_end_that_repeats_at_least_twice(sequence: str, expected: int) -> None:
    assert loop_length(sequence) == expected


def naive_loop(sequence: list[int]) -> int:
    longest = 0
    for period in range(1, len(sequence) // 2 + 1):
        span = period
        while span < len(sequence) and sequence[-1 - span] == sequence[-1 - span + period]:
            span += 1
        if span >= 2 * period:
            longest = max(longest, span)
    return longest


@given(st.integers(1, 3).flatmap(lambda size: st.lists(st.integers(0, size), max_size=60)))
def test_loops_of_random_sequences_equal_a_naive_search(sequence: list[int]) -> None:
    assert loop_length(sequence) == naive_loop(sequence)


@given(st.lists(st.integers(0, 2), max_size=20), st.lists(st.integers(0, 2), min_size=1, max_size=6), st.integers(2, 8))
def test_loops_of_made_up_loops_equal_a_naive_search(start: list[int], phrase: list[int], times: int) -> None:
    sequence = start + phrase * times
    assert loop_length(sequence) == naive_loop(sequence) >= len(phrase) * times


def test_sequences_of_32768_tokens_are_handled() -> None:
    noise = [Random(0).randrange(50_000) for _ in range(16_384)]
    phrase = list(range(50_000, 50_128))
    assert loop_length(noise + phrase * 128) == 16_384
    assert loop_length([7] * 32_768) == 32_768
    assert loop_length(list(range(32_768))) == 0
    assert loop_length([1] * 32_767 + [2]) == 0
    assert loop_length(([1] * 16_383 + [2]) * 2) == 32_768


def test_a_last_token_that_stands_alone_ends_the_search_at_once() -> None:
    def cost(size: int) -> int:
        sequence = tuple([*range(50)] * (size // 50) + [99])
        return operations(lambda: loop_length(sequence))

    assert cost(8_000) == cost(1_000)


@pytest.mark.parametrize(
    ("ids", "share"),
    [
        ((), 0.0),  # length 0
        ((1,), 0.0),
        ((1, 2, 3, 4), 0.0),
        ((1, 2, 3, 3), 2 / 4),
        ((9, 1, 2, 1, 2), 4 / 5),
        ((9, 8, 7, 6, 5, 4, 1, 2, 1, 2), 4 / 10),
        ((1, 1, 1, 1), 1.0),
    ],
)
def test_reward_is_correctness_less_the_share_of_tokens_in_the_closing_loop(ids: tuple[int, ...], share: float) -> None:
    seen = group(tokens(*ids), tokens(*ids, correct=0), tokens(*ids, correct=None))
    assert Repetition()(seen, History()) == pytest.approx([1 - share, -share, None])
    assert Repetition().terms(seen, History()) == {"correct": [1.0, 0.0, None], "repetition": [-share, -share, None]}


def test_the_constant_penalty_is_for_loops_that_were_cut_at_the_budget() -> None:
    seen = group(
        tokens(1, 1, 1, 1, stop="length"),
        tokens(9, 8, 7, 1, 1, correct=0, stop="length"),  # a tenth, however short the loop
        tokens(1, 2, 3, stop="length"),
        tokens(1, 1, 1, 1),  # ended by itself
        tokens(1, 1, 1, correct=None, stop="length"),
    )
    assert Repetition(mode="constant")(seen, History()) == pytest.approx([0.9, -0.1, 1.0, 1.0, None])
    shown = Repetition(mode="constant", penalty=0.2).terms(seen, History())
    assert shown["repetition"] == pytest.approx([-0.2, -0.2, 0.0, 0.0, None])


def test_the_ratio_does_not_ask_how_a_rollout_stopped() -> None:
    seen = group(tokens(1, 2, 2), tokens(1, 2, 2, stop="length"))
    assert Repetition()(seen, History()) == pytest.approx([1 / 3, 1 / 3])


def test_without_token_ids_the_words_are_compared() -> None:
    assert Repetition()(group(rollout(99, 0, text="so wait\n no wait no  wait no")), History()) == pytest.approx(
        [-6 / 7]
    )
    with pytest.raises(ValueError, match="token_ids"):
        Repetition()(group(rollout(99, 0)), History())


def test_an_empty_group_gets_an_empty_answer() -> None:
    assert Repetition()(group(), History()) == []


@pytest.mark.parametrize("options", [{"mode": "both"}, {"penalty": -0.1}])
def test_options_outside_the_paper_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=f"repetition: {next(iter(options))}"):
        Repetition(**options)  # type: ignore[arg-type]


drawn_rollouts = st.lists(
    st.tuples(
        st.lists(st.integers(0, 2), max_size=12), st.sampled_from([0, 1, None]), st.sampled_from(["eos", "length"])
    )
)


@given(drawn_rollouts)
def test_rewards_equal_a_naive_account_of_the_formulas(
    drawn: list[tuple[list[int], int | None, Literal["eos", "length"]]],
) -> None:
    ratio: list[float | None] = []
    constant: list[float | None] = []
    for ids, correct, stop in drawn:
        looping = naive_loop(ids)
        ratio.append(None if correct is None else correct - looping / max(len(ids), 1))
        constant.append(None if correct is None else correct - (0.1 if looping and stop == "length" else 0.0))
    seen = group(*(tokens(*ids, correct=correct, stop=stop) for ids, correct, stop in drawn))
    assert Repetition()(seen, History()) == pytest.approx(ratio)
    assert Repetition(mode="constant")(seen, History()) == pytest.approx(constant)


@given(st.lists(st.integers(0, 2), min_size=1, max_size=30), st.integers(1, 30), st.integers(2, 5))
def test_the_earlier_a_loop_begins_the_more_it_costs(phrase: list[int], start: int, times: int) -> None:
    late, early = (tuple(range(10, 10 + size)) + tuple(phrase * times) for size in (start + 1, start))
    values = Repetition()(group(tokens(*late), tokens(*early)), History())
    assert values[0] is not None
    assert values[1] is not None
    assert 0.0 <= values[1] < values[0] <= 1.0
