from dataclasses import replace
from random import Random
from unittest.mock import patch

import numpy as np
import pytest
from counting import operations
from hypothesis import given
from hypothesis import strategies as st
from makers import group, rollout

from rewards import History, Rollout, ngram
from rewards.compact import token_ids
from rewards.ngram import Ngram


def tokens(*ids: int, correct: int | None = 1) -> Rollout:
    return replace(rollout(len(ids), correct), token_ids=ids)


def share(ids: list[int], n: int) -> float:
    """The part of the tokens that a penalty of -1 marks."""
    value = Ngram(n, -1.0)(group(tokens(*ids)), History())[0]
    assert value is not None
    return -value


@pytest.mark.parametrize(
    ("sequence", "n", "marked"),
    [
        ("", 2, 0),  # length 0
        ("a", 2, 0),  # shorter than n
        ("ab", 2, 0),
        ("aa", 1, 1),  # the second a only: the first occurrence is free
        ("abab", 2, 2),  # ab again, at 2
        ("ababa", 2, 3),  # ab at 2 and ba at 3 overlap: tokens 2, 3, 4
        ("abxab", 2, 2),
        ("abxabyab", 2, 4),  # two repetitions of ab
        ("aaaa", 2, 3),  # aa at 1 and at 2: tokens 1, 2, 3; an occurrence may overlap the first
        ("abcabc", 3, 3),
        ("abcabc", 2, 3),  # ab at 3, bc at 4: tokens 3, 4, 5
        ("abcabc", 4, 0),
        ("abcdxbcdabc", 3, 6),  # bcd at 5, abc at 8: tokens 5-7, 8-10
    ],
)
def test_tokens_of_repeated_occurrences_are_marked_once(sequence: str, n: int, marked: int) -> None:
    assert share([ord(c) for c in sequence], n) == pytest.approx(marked / len(sequence) if sequence else 0.0)


def test_by_default_a_repeated_40_gram_costs_a_twentieth_of_its_share() -> None:
    once = tuple(range(40))
    seen = group(tokens(*once, *once), tokens(*once[:39], *once[:39]), tokens(*once, *once, 99, 98, *range(200, 318)))
    assert Ngram()(seen, History()) == pytest.approx([-0.05 * 40 / 80, 0.0, -0.05 * 40 / 200])


def test_hapos_setting_is_three_grams() -> None:
    # 1 2 3 again: 3 of 7 tokens
    assert Ngram(n=3, penalty=-0.5)(group(tokens(1, 2, 3, 9, 1, 2, 3)), History()) == pytest.approx([-0.5 * 3 / 7])


def test_right_and_wrong_pay_alike() -> None:
    assert Ngram(1, -1.0)(group(tokens(1, 1, correct=1), tokens(1, 1, correct=0)), History()) == [-0.5, -0.5]


def test_without_token_ids_the_words_are_compared() -> None:
    assert Ngram(2, -1.0)(group(rollout(99, 1, text="so wait\n so  wait then")), History()) == pytest.approx([-2 / 5])
    with pytest.raises(ValueError, match="token_ids"):
        Ngram()(group(rollout(99, 1)), History())


def test_an_empty_group_gets_an_empty_answer() -> None:
    assert Ngram()(group(), History()) == []


@pytest.mark.parametrize("options", [{"n": 0}, {"n": -3}, {"penalty": 0.05}])
def test_options_that_make_no_penalty_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"ngram: {next(iter(options))}"):
        Ngram(**options)  # type: ignore[arg-type]


def naive(ids: list[int], n: int) -> float:
    marks = [0] * len(ids)
    for start in range(len(ids) - n + 1):
        for earlier in range(start):
            if ids[earlier : earlier + n] == ids[start : start + n]:
                for i in range(start, start + n):
                    marks[i] = 1
    return sum(marks) / len(ids) if ids else 0.0


sequences = st.integers(0, 3).flatmap(lambda top: st.lists(st.integers(0, top), max_size=40))


@given(sequences, st.integers(1, 6))
def test_rewards_equal_a_naive_account_of_the_formula(ids: list[int], n: int) -> None:
    assert share(ids, n) == pytest.approx(naive(ids, n))


@given(st.lists(sequences, max_size=6), st.integers(1, 4), st.integers(0, 2**32))
def test_no_rollout_depends_on_the_others(drawn: list[list[int]], n: int, seed: int) -> None:
    order = Random(seed).sample(range(len(drawn)), len(drawn))
    together = Ngram(n, -1.0)(group(*(tokens(*drawn[i]) for i in order)), History())
    assert together == pytest.approx([-naive(drawn[i], n) for i in order])


@given(sequences, st.integers(1, 6))
def test_longer_grams_never_mark_more(ids: list[int], n: int) -> None:
    assert share(ids, n + 1) <= share(ids, n) <= 1.0


@given(sequences, st.integers(1, 6), st.booleans())
def test_hashes_give_what_looking_one_by_one_does_even_where_all_collide(ids: list[int], n: int, words: bool) -> None:
    said = ["ab"[number % 2] for number in ids] if words else ids
    expected = ngram._one_by_one(said, n).tolist()
    assert ngram.repeats(said, n).tolist() == expected
    with patch.object(ngram, "_hashes", lambda numbers, n: np.zeros(len(numbers) - n + 1, np.uint64)):
        assert ngram.repeats(said, n).tolist() == expected


@given(sequences, st.integers(1, 6), st.integers(0, 40))
def test_a_prefix_repeats_what_the_whole_does_as_far_as_it_goes(ids: list[int], n: int, cap: int) -> None:
    cap = min(cap, len(ids))
    assert ngram.share(ngram.repeats(ids, n), n, cap) == ngram.share(ngram.repeats(ids[:cap], n), n, cap)
    assert ngram.share(ngram.repeats(ids, n), n, cap) == naive(ids[:cap], n)


def test_what_python_does_for_an_answer_does_not_grow_with_its_tokens() -> None:
    short, long = (token_ids([i % 50 for i in range(size)]) for size in (1_000, 8_000))
    assert operations(lambda: ngram.repeats(long, 40)) == operations(lambda: ngram.repeats(short, 40))


def test_sequences_of_32768_tokens_are_handled() -> None:
    assert share([7] * 32_768, 40) == pytest.approx(32_767 / 32_768)  # all but the first token
    assert share(list(range(32_768)), 40) == 0.0
