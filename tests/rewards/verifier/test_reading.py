import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rewards.verifier.reading as module
from rewards.verifier import Reading, boxed_answer
from rewards.verifier.reading import Found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"\boxed{5}", "5"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed {12}", "12"),
        (r"\fbox{12}", "12"),
        (r"<think>\boxed{4}</think> so \boxed{5}", "5"),
        (r"\boxed{4}, no: \boxed{5}", "5"),
        (r"\boxed{5} and then \boxed{6", "5"),
        (r"\boxed{5} and then \boxed{6 \boxed{7", "5"),
        (r"\boxed{unfinished, so \boxed{5}", "5"),
        (r"\boxed{\boxed{5}}", "{5}"),
        (r"\boxed{\{1,2\}}", r"\{1,2\}"),
        (r"\boxed{\left\{ 1 \right.}", r"\left\{ 1 \right."),
        (r"<think>\boxed{4}", None),
        (r"<think>\boxed{4}</think> it is 4", None),
        (r"</think> \boxed{7}", "7"),
        ("no box", None),
        (r"so \boxed", None),
        ("xbox{5}", None),
        ("box", None),
        ("", None),
    ],
)
def test_the_answer_is_the_last_whole_box_after_thinking(text: str, expected: str | None) -> None:
    assert boxed_answer(text) == expected


@given(st.text(alphabet="{}ab"))
def test_a_balanced_box_is_read_back_whole(inside: str) -> None:
    depth = 0
    for c in inside:
        depth += {"{": 1, "}": -1}.get(c, 0)
        if depth < 0:
            return
    if depth == 0:
        assert boxed_answer(f"\\boxed{{{inside}}}") == inside


def naive_last_box(text: str) -> str | None:
    """The content of the box that closes last, brace by brace from the left."""
    found, opened = None, []
    place = 0
    while place < len(text):
        if text.startswith("\\boxed{", place):
            opened.append(place + 7)
            place += 7
            continue
        if text[place] == "{":
            opened.append(None)
        elif text[place] == "}" and opened:
            start = opened.pop()
            found = text[start:place].replace("\\boxed{", "{").strip() if start is not None else found
        place += 1
    return found


@given(st.lists(st.sampled_from(["\\boxed{", "{", "}", "a", "b "]), max_size=12).map("".join))
def test_the_search_from_the_end_finds_what_a_search_from_the_start_finds(text: str) -> None:
    depth = 0
    for piece in re.findall(r"[{}]", text):  # a stray closing brace belongs to no box
        depth += 1 if piece == "{" else -1
        if depth < 0:
            return
    assert boxed_answer(text) == naive_last_box(text)


STRICT, LENIENT = Reading(), Reading(strict=False)


@pytest.mark.parametrize(
    ("completion", "strict", "lenient"),
    [
        (r"So \boxed{5}.", Found("5"), "5"),
        (r"$x = \boxed{4}$ or $x = \boxed{5}$", Found("4, 5"), "5"),
        (r"\boxed{4}, \boxed{5}", Found("4, 5"), "5"),
        (r"\boxed{4} and \boxed{5} and \boxed{6}", Found("4, 5, 6"), "6"),
        (r"\boxed{4}\boxed{5}", Found("4, 5"), "5"),
        (r"\boxed{5}, that is \boxed{5}", Found("5"), "5"),
        (r"\boxed{5} or \boxed{5}", Found("5"), "5"),
        (r"\boxed{4} or possibly \boxed{5}", Found("4, 5"), "5"),
        (r"\boxed{4} is wrong, so \boxed{5}", Found("5"), "5"),
        (r"\boxed{5} or 6", Found("5", hedged=True), "5"),
        (r"6 or $\boxed{5}$", Found("5", hedged=True), "5"),
        (r"\boxed{5} or so they say", Found("5"), "5"),
        (r"It is 5, or $\boxed{\frac{10}{2}}$.", Found(r"\frac{10}{2}"), r"\frac{10}{2}"),
        (r"$AB=1\frac{1}{4}$, or $\boxed{1.25}$.", Found("1.25"), "1.25"),
        (r"\boxed{5}, as \boxed{} was asked for", Found(None), "5"),
        (r"\boxed{5}, put into \boxed{\text{answer}}", Found(None), "5"),
        (r"\boxed{ }", Found(None), None),
        (r"It is $\boxed 7$.", Found("7"), "7"),
        (r"\boxed{5}. No: \boxed 7.", Found("7"), "7"),
        (r"\boxed 7 and then \boxed{5}", Found("5"), "5"),
        (r"\boxed 7 or 8", Found("7", hedged=True), "7"),
        (r"\boxed 42", Found(None), None),
        (r"\boxed 7.5", Found(None), None),
        (r"\boxed x^2", Found(None), None),
    ],
)
def test_strictness_as_the_head_of_the_module_says(completion: str, strict: Found, lenient: str | None) -> None:
    assert STRICT.find(completion) == strict
    assert LENIENT.find(completion) == Found(lenient)


def test_every_completion_in_the_table_of_the_documentation_reads_as_it_says() -> None:
    table = re.findall(r"^\| `(.+?)`(?:, `(.+?)`)? \| (`.+?`|none|hedged)", module.__doc__ or "", re.MULTILINE)
    rows = [(text, answer) for first, second, answer in table for text in (first, second) if text and "\\" in text]
    assert len(rows) == 9
    for text, answer in rows:
        found = STRICT.find(text)
        if answer == "hedged":
            assert found.hedged, text
        else:
            assert found == Found(None if answer == "none" else answer.strip("`")), text


@pytest.mark.parametrize(
    ("reading", "completion", "expected"),
    [
        (Reading(("tag",)), "<answer>5</answer>", "5"),
        (Reading(("tag",)), "<answer>4</answer> <answer> **5** </answer>", "5"),
        (Reading(("tag",)), r"<answer>It is \boxed{5}.</answer>", "5"),
        (Reading(("tag",)), r"<answer>5", None),
        (Reading(("tag",)), r"\boxed{5}", None),
        (Reading(("box", "tag")), r"<answer>5</answer>", "5"),
        (Reading(("box", "tag")), r"\boxed{4} <answer>5</answer>", "4"),
        (Reading(("line",)), "The answer is 5.\nGood.", "5"),
        (Reading(("line",)), "Final answer: **$5$**.", "$5$"),
        (Reading(("line",)), "Answer: 4\nThe answer is: 5", "5"),
        (Reading(("line",)), "#### 5", "5"),
        (Reading(("line",)), "The answer is 12 days. #### 12", "12"),
        (Reading(("line",)), "#### 11\nNo: the answer is 12.", "12"),
        (Reading(("line",)), "The final answer is $12$. I hope it is correct.", "$12$"),
        (Reading(("line",)), r"The answer is: $\frac{3.5}{2}$. Thanks for reading.", r"$\frac{3.5}{2}$"),
        (Reading(("line",)), "**Final Answer:** **12**", "12"),
        (Reading(("line",)), "Final answer:\n12", "12"),
        (Reading(("line",)), "The answer is 3.5 hours. Done", "3.5 hours"),
        (Reading(("line",)), "Answer: 12\n#### ", "12"),
        (Reading(("line",)), "This answers it.", None),
        (Reading(("number",)), "so 3 apples and -1,234.5 pears", "-1,234.5"),
        (Reading(("number",)), "none", None),
        (Reading(("box", "line", "number")), "It is 5", "5"),
        (Reading(thinking="required"), r"\boxed{5}", None),
        (Reading(thinking="required"), r"x</think>\boxed{5}", "5"),
        (Reading(thinking="ignored"), r"<think>\boxed{5}", "5"),
        (Reading("tag"), "<answer>5</answer>", "5"),
    ],
)
def test_where_else_an_answer_may_stand(reading: Reading, completion: str, expected: str | None) -> None:
    assert reading.find(completion).answer == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [({"places": ["bocks"]}, "bocks"), ({"places": "bocks"}, "bocks"), ({"thinking": "no"}, "no")],
)
def test_an_unknown_setting_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Reading(**options)


PIECES = [*"ab{}\\ $\n,or<>/1x=", "\\boxed{", "<think>", "</think>", "<answer>", "</answer>", "answer is"]


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_any_text_can_be_read(text: str) -> None:
    for reading in (STRICT, LENIENT, Reading(("box", "tag", "line", "number"), "ignored")):
        reading.find(text)
