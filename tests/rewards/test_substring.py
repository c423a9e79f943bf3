import re
import string
from random import Random
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import rollout

from rewards import Group, History, Problem
from rewards.substring import Substring

Mode = Literal["strict", "paper"]

HOLES = [
    # empty after normalisation
    ("the", "Paris"),
    (".", "Paris"),
    ("A, an & the!", "Paris"),
    # inside a word or a number
    ("1", "1912"),
    ("no", "Nobel"),
    ("a r", "Mozart"),  # "r"
    ("19125", "1912"),
    ("Parisian", "Paris"),
    # lists of guesses
    ("Paris, London, Rome", "Paris"),
    ("London; Paris", "Paris"),
    ("Paris or London", "Paris"),
    ("Paris and London", "Paris"),
    ("Paris/London", "Paris"),
    ("Paris\nLondon", "Paris"),
    ("Smith and Wesson, Colt", "Smith and Wesson"),
    ("red blue green white Paris black grey", "Paris"),  # 7 words > 4 * 1 + 2
    # denials
    ("Not Paris", "Paris"),
    ("It isn't Paris", "Paris"),
    ("Paris never", "Paris"),
    # less than half of the gold's words
    ("of", "The Lord of the Rings"),  # 1 of 3
    ("United", "United States of America"),  # 1 of 4
    # to be equal: yes, no, numbers, two characters
    ("no yes", "yes"),
    ("no idea", "no"),
    ("1912 1913", "1912"),
    ("in 1912", "1912"),
    ("US UK", "US"),
]


def score(prediction: str, gold: str, mode: Mode = "strict", columns: dict[str, Any] | None = None) -> float | None:
    text = f"<think>Let me see. \\boxed{{draft}}</think> It is \\boxed{{{prediction}}}."
    return judge([text], gold, mode, columns)[0]


def judge(
    texts: list[str], gold: str, mode: Mode = "strict", columns: dict[str, Any] | None = None
) -> list[float | None]:
    rollouts = tuple(rollout(10, 0, text=text) for text in texts)
    return Substring(mode)(Group(Problem("p", "Where?", gold, columns or {}), rollouts), History())


@pytest.mark.parametrize(("prediction", "gold"), HOLES)
def test_the_papers_rule_has_holes_that_strict_mode_closes(prediction: str, gold: str) -> None:
    assert score(prediction, gold, "paper") == 1.0
    assert score(prediction, gold, "strict") == 0.0


@pytest.mark.parametrize(
    ("prediction", "gold"),
    [
        ("Paris. London. Rome", "Paris"),
        ("Paris - London - Rome", "Paris"),
        ("Washington DC, Paris", "Washington, D.C."),
    ],
)
def test_strict_mode_refuses_lists_however_they_are_separated(prediction: str, gold: str) -> None:
    assert score(prediction, gold) == 0.0


@pytest.mark.parametrize(("prediction", "gold"), [("35", "3.5"), ("5", "-5")])
def test_strict_mode_tells_numbers_apart_that_differ_in_point_or_sign(prediction: str, gold: str) -> None:
    assert score(prediction, gold) == 0.0


@pytest.mark.parametrize(
    ("prediction", "gold"),
    [
        ("Paris", "Paris"),
        ("the  PARIS!", "paris"),
        ("Paris", "The Paris."),
        ("the city of Paris", "Paris"),  # 3 words <= 6
        ("a b1 c1 d1 e1 f1 Paris", "Paris"),  # without the article 6 words, the most for a gold of one
        ("Wolfgang Amadeus Mozart", "Mozart"),
        ("Mozart", "Amadeus Mozart"),  # 1 of 2 words
        ("New York City", "New York"),
        ("1912", "1912"),
        ("1,912", "1912"),
        ("10", "10 km"),
        ("10,000 metres", "10000 metres run"),  # that comma does not list
        ("yes.", "Yes"),
        ("No", "no"),
        ("us", "U.S."),
        ("Smith and Wesson", "Smith and Wesson"),
        ("Republic of Trinidad and Tobago", "Trinidad and Tobago"),
        ("Washington, D.C.", "Washington DC"),
        ("No Country for Old Men", "film No Country for Old Men"),  # the gold denies as well
        ("Zürich", "Zürich"),
    ],
)
def test_legitimate_answers_earn_one_in_both_modes(prediction: str, gold: str) -> None:
    assert score(prediction, gold, "paper") == 1.0
    assert score(prediction, gold, "strict") == 1.0


@pytest.mark.parametrize(("prediction", "gold"), [(r"\text{Paris}", "Paris"), (r"\text{New York}", "New York")])
def test_an_answer_in_latex_text_is_legitimate_too(prediction: str, gold: str) -> None:
    assert score(prediction, gold, "strict") == 1.0


@pytest.mark.parametrize("mode", ["strict", "paper"])
@pytest.mark.parametrize(
    ("prediction", "gold"), [("London", "Paris"), ("", "Paris"), ("  ", "Paris"), ("1913", "1912"), ("yes", "no")]
)
def test_wrong_and_empty_answers_earn_nothing(prediction: str, gold: str, mode: Mode) -> None:
    assert score(prediction, gold, mode) == 0.0


@pytest.mark.parametrize("mode", ["strict", "paper"])
def test_any_alias_will_do(mode: Mode) -> None:
    columns = {"aliases": ["Big Apple", "NYC"]}
    assert [score(p, "New York", mode, columns) for p in ("nyc", "the Big Apple", "Boston")] == [1.0, 1.0, 0.0]
    assert [score(p, "New York", mode) for p in ("nyc", "the Big Apple")] == [0.0, 0.0]
    assert score("NYC", "", mode, columns) == 1.0


@pytest.mark.parametrize(
    ("text", "strict", "paper"),
    [
        (r"<think>hm</think> \boxed{Paris}", 1.0, 1.0),
        (r"hm</think> \boxed{Paris}", 1.0, 1.0),  # the prompt opened the thinking
        (r"<think>hm</think> \boxed{London} no: \boxed{Paris}", 1.0, 1.0),  # the last box counts
        (r"<think>hm</think> \boxed{Paris} no: \boxed{London}", 0.0, 0.0),
        (r"<think>\boxed{Paris}", 0.0, 0.0),  # still thinking
        (r"<think>\boxed{Paris}</think> It is London.", 0.0, 0.0),
        (r"<think>hm</think> It is Paris.", 0.0, 0.0),  # no box
        (r"<think>hm</think> \boxed{Paris", 0.0, 0.0),
        (r"It is \boxed{Paris}", 1.0, 0.0),  # never began to think
        ("", 0.0, 0.0),
    ],
)
def test_the_last_box_after_thinking_counts(text: str, strict: float, paper: float) -> None:
    assert judge([text], "Paris", "strict") == [strict]
    assert judge([text], "Paris", "paper") == [paper]


def test_an_empty_group_gets_an_empty_answer() -> None:
    assert judge([], "Paris") == []


def test_a_problem_without_any_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="'p' has no answer"):
        judge(["x"], "")


def test_another_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="substring: mode"):
        Substring("exact")  # type: ignore[arg-type]


def normal(text: str) -> str:
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return re.sub(r"\s+", " ", re.sub(r"\b(a|an|the)\b", " ", text)).strip()


answers = st.lists(
    st.sampled_from(
        [
            "the",
            "a",
            "no",
            "not",
            "yes",
            "1",
            "19",
            "1912",
            "Paris",
            "Nobel",
            "Rome",
            ",",
            " or ",
            ".",
            "!",
            " ",
            "  ",
            "\n",
        ]
    )
).map("".join) | st.lists(st.sampled_from(["the", "no", "1912", "Paris", "New", "York", "and", "US,"])).map(" ".join)
golds = answers.filter(bool)


@given(answers, golds)
def test_paper_mode_equals_a_naive_account_of_the_two_way_rule(prediction: str, gold: str) -> None:
    p, g = normal(prediction), normal(gold)
    expected = float(bool(prediction.strip()) and (p in g or g in p))
    assert score(prediction, gold, "paper") == expected


LAYOUTS = [
    "<think>x</think> {}",
    "x</think>{}",
    "<think>{}</think> x",
    "<think>{}",
    "{}",
    "{}</think>",
    "</think> {} {}",
]
pairs = golds.flatmap(
    lambda gold: st.tuples(
        answers | st.tuples(answers, answers).map(lambda around: f"{around[0]} {gold} {around[1]}"), st.just(gold)
    )
)


@given(pairs, st.sampled_from(LAYOUTS))
def test_what_strict_mode_accepts_the_paper_accepts_unless_thinking_never_began(
    pair: tuple[str, str], layout: str
) -> None:
    prediction, gold = pair
    text = layout.replace("{}", f"\\boxed{{{prediction}}}")
    if judge([text], gold, "strict") == [1.0]:
        assert judge([text], gold, "paper") == [float(layout != "{}")]


@given(golds)
def test_an_answer_with_words_is_always_right_by_itself(gold: str) -> None:
    assert score(gold, gold, "strict") == float(normal(gold) != "")


@given(st.lists(answers, max_size=5), golds, st.integers(0, 2**32))
def test_no_rollout_depends_on_the_others(predictions: list[str], gold: str, seed: int) -> None:
    texts = [f"</think>\\boxed{{{p}}}" for p in predictions]
    order = Random(seed).sample(range(len(texts)), len(texts))
    assert judge([texts[i] for i in order], gold) == [score(predictions[i], gold) for i in order]
