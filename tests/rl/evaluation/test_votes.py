"""Votes, worked out by hand, and against drawing the ties."""

import math
import random
from collections import Counter
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rl.errors import UserError
from rl.evaluation import LengthFilter
from rl.evaluation.figures.votes import Ballot, entropy, length_filtered, majority, quantile_bins, shortest_majority


def ballots(*votes: tuple[str, int]) -> list[Ballot]:
    """Answers and lengths; `a` is right."""
    return [Ballot(answer, float(answer == "a"), length) for answer, length in votes]


def of_length_10(answers: str) -> list[Ballot]:
    return ballots(*((answer, 10) for answer in answers))


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ("aab", 1.0),
        ("abb", 0.0),
        ("ab", 1 / 2),
        ("abc", 1 / 3),
        ("aabbc", 1 / 2),
        ("bbccd", 0.0),
        ("a", 1.0),
        ("", 0.0),
    ],
)
def test_a_majority_is_right_or_as_likely_as_the_tie_makes_it(answers: str, expected: float) -> None:
    assert majority(of_length_10(answers)) == pytest.approx(expected)


def test_samples_with_one_answer_that_were_judged_apart_count_by_the_share_that_is_right() -> None:
    assert majority([Ballot("x", 1.0, 5), Ballot("x", 0.0, 5), Ballot("x", 0.0, 5), Ballot("y", 1.0, 5)]) == 1 / 3


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=9))
@settings(max_examples=40, derandomize=True)
def test_the_value_of_a_tie_is_the_mean_over_fair_draws(answers: list[str]) -> None:
    lot = random.Random(0)
    counts = Counter(answers)
    top = [answer for answer, count in counts.items() if count == max(counts.values())]
    drawn = fmean(lot.choice(top) == "a" for _ in range(4000))
    assert majority(of_length_10("".join(answers))) == pytest.approx(drawn, abs=0.04)


def test_the_shortest_majority_weighs_votes_by_the_logarithm_of_the_mean_length() -> None:
    # a: 2 / ln 10 = 0.869; b: 3 / ln 100 = 0.651; as many votes each would need e^(3/0.869) = 31.6 tokens.
    assert shortest_majority(ballots(("a", 8), ("a", 12), ("b", 100), ("b", 100), ("b", 100))) == 1.0
    assert shortest_majority(ballots(("a", 8), ("a", 12), ("b", 31), ("b", 31), ("b", 31))) == 0.0
    assert shortest_majority(ballots(("a", 8), ("a", 12), ("b", 32), ("b", 32), ("b", 32))) == 1.0
    # The mean of 2 and 198 is 100, whatever each of them is.
    assert shortest_majority(ballots(("a", 2), ("a", 198), ("b", 99), ("b", 99))) == 0.0


def test_of_two_samples_that_disagree_the_shortest_majority_is_the_shorter() -> None:
    # What the paper names as its second advantage: a plain majority can only toss a coin.
    assert shortest_majority(ballots(("a", 99), ("b", 100))) == 1.0
    assert shortest_majority(ballots(("a", 100), ("b", 99))) == 0.0
    assert majority(ballots(("a", 99), ("b", 100))) == 1 / 2


def test_the_shortest_majority_of_equals_is_a_tie() -> None:
    assert shortest_majority(ballots(("a", 8), ("b", 8), ("c", 8))) == pytest.approx(1 / 3)
    assert shortest_majority(ballots(("a", 1), ("b", 2))) == 1 / 2  # one token counts as two
    assert shortest_majority([]) == 0.0


def test_entropy_is_that_of_the_shares() -> None:
    assert entropy("aaaa") == 0.0
    assert entropy("abab") == pytest.approx(math.log(2))
    assert entropy("aaab") == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))


def lengths(groups: list[list[Ballot]]) -> list[list[int]]:
    return [[b.length for b in group] for group in groups]


def test_bins_are_quantiles_and_equal_lengths_stay_together() -> None:
    assert lengths(quantile_bins(ballots(*(("a", n) for n in (6, 1, 5, 2, 4, 3))), 3)) == [[1, 2], [4, 3], [6, 5]]
    assert lengths(quantile_bins(ballots(*(("a", n) for n in (7, 7, 7, 7))), 3)) == [[7, 7, 7, 7]]
    assert lengths(quantile_bins(ballots(*(("a", n) for n in (1, 1, 1, 1, 9, 9))), 2)) == [[1, 1, 1, 1], [9, 9]]
    assert quantile_bins([], 3) == []


@given(st.lists(st.integers(1, 50), min_size=1, max_size=40), st.integers(1, 8))
def test_every_voter_is_in_one_bin_and_bins_do_not_overlap(given_: list[int], count: int) -> None:
    bins = quantile_bins(ballots(*(("a", n) for n in given_)), count)
    assert sorted(n for group in lengths(bins) for n in group) == sorted(given_)
    for shorter, longer in zip(lengths(bins), lengths(bins)[1:], strict=False):
        assert max(shorter) < min(longer)


# Three bins of three by length: short ones say a a a, middle ones b b c, long ones b b b.
NINE = ballots(*zip("aaabbcbbb", range(1, 10), strict=True))


def test_the_length_filter_keeps_the_most_agreed_bins() -> None:
    assert majority(NINE) == 0.0
    # Entropies 0, 0.64, 0: of two bins kept a and b tie three to three; of all three b has five of nine.
    assert length_filtered(NINE, LengthFilter(bins=3, keep=2, minimum=3)) == 1 / 2
    assert length_filtered(NINE, LengthFilter(bins=3, keep=3, minimum=3)) == 0.0
    # One bin of two with entropy 0: as likely the one as the other.
    assert length_filtered(NINE, LengthFilter(bins=3, keep=1, minimum=3)) == 1 / 2


def test_a_bin_of_one_voter_would_always_win_and_does_not_stand() -> None:
    votes = ballots(("a", 1), ("a", 2), ("c", 3), ("a", 4), ("b", 100))
    alone = LengthFilter(bins=5, keep=1, minimum=1)
    assert length_filtered(votes, alone) == pytest.approx(3 / 5)  # five bins of one: any of them
    # Long answers: b alone. Short ones: a a c a, which agree less than one voter does with itself.
    two = ballots(("a", 1), ("a", 1), ("c", 1), ("a", 1), ("b", 100))
    assert length_filtered(two, LengthFilter(bins=2, keep=1, minimum=1)) == 0.0
    assert length_filtered(two, LengthFilter(bins=2, keep=1, minimum=2)) == 1.0


def test_where_no_bin_stands_all_vote() -> None:
    assert length_filtered(NINE, LengthFilter(bins=9, keep=3, minimum=3)) == majority(NINE)
    assert length_filtered([], LengthFilter()) == 0.0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 30)), max_size=16))
def test_one_bin_that_keeps_everyone_is_a_plain_majority(votes: list[tuple[str, int]]) -> None:
    assert length_filtered(ballots(*votes), LengthFilter(1, 1, 1)) == pytest.approx(majority(ballots(*votes)))


def test_a_length_filter_that_cannot_be_is_refused() -> None:
    for options in ({"bins": 0}, {"keep": 0}, {"minimum": 0}):
        with pytest.raises(UserError, match="length filter"):
            LengthFilter(**options)
