"""Where a thought first says its answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.first_right import first_right


@pytest.mark.parametrize(
    ("thought", "gold", "question", "until"),
    [
        (r"So 2 + 3 = 5. Wait, is it? Yes \boxed{5}.", "5", "", "So 2 + 3 = 5. "),
        (
            r"So 2 + 3 = 5. Wait, is it? Yes \boxed{5}.",
            "5",
            "What is 2 + 3 if x is 5?",
            r"So 2 + 3 = 5. Wait, is it? Yes \boxed{5}.",
        ),
        (
            "There are 5 of them. The answer is 5. Hm.",
            "5",
            "",
            "There are 5 of them. The answer is 5. ",
        ),  # no bare number
        ("The answer is 6. No: the answer is 5!", "5", "", "The answer is 6. No: the answer is 5!"),
        ("x = 0.5\nCheck it.", r"\frac{1}{2}", "", "x = 0.5\n"),
        ("So 2.5 = 5/2. Then", "2.5", "", "So 2.5 = 5/2. "),  # a point within a number ends no sentence
        ("So 12 = 15.", "5", "", None),
        ("So y = 5 + 3 = 8.", "5", "", None),
        ("So y = 5 + 3 = 8.", "8", "", "So y = 5 + 3 = 8."),
        ("So y = 1,000.", "1", "", None),
        ("So y = 1,000.", "1000", "", "So y = 1,000."),
        ("So 2 + 3 = 5.", "5", "Is 2 + 3 more than 5.", None),
        ("So it is 4.", "5", "", None),
        ("", "5", "", None),
    ],
)
def test_it_is_the_end_of_the_sentence_that_puts_it_as_one(
    thought: str, gold: str, question: str, until: str | None
) -> None:
    found = first_right(thought, [gold], question)
    assert (None if found is None else thought[:found]) == until


@given(st.text(max_size=200), st.integers(0, 50))
def test_what_comes_after_it_changes_nothing(after: str, answer: int) -> None:
    thought = f"We add. So the answer is {answer}.\n"
    assert first_right(thought + "So " + after, [str(answer)]) == len(thought)
