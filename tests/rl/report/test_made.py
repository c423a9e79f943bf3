"""What a page says of itself, which answers it shows, and how its runs are told apart."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from rl.report.page.charts import Series, told_apart
from rl.report.page.examples import kinds, ruled
from rl.report.page.made import command, machine, spoken, trained_for


def run(label: str, *seconds: float | None) -> Any:
    return SimpleNamespace(label=label, metrics=[{"step_time": each} for each in seconds])


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (3599, "59 min 59 s"), (7325, "2 h 2 min")]
)
def test_a_time_is_said_in_two_units(seconds: float, said: str) -> None:
    assert spoken(seconds) == said


def test_the_foot_of_a_page_says_how_long_each_run_trained_and_of_many_the_sum_and_the_range() -> None:
    assert trained_for([run("a", 30.0, None, 60.0)]) == "1 min 30 s"
    assert trained_for([run("a", 30.0), run("b", 90.0)]) == "a 30 s, b 1 min 30 s"
    assert (
        trained_for([run(str(n), float(n)) for n in range(1, 14)]) == "1 min 31 s in all, 1 s to 13 s a run"
    )  # 13 · 14 / 2


def test_the_command_is_one_that_can_be_given_again_without_its_secrets() -> None:
    assert command(["/somewhere/bin/lengthwise", "compare", "a b", "--out", "c"]) == "lengthwise compare 'a b' --out c"
    assert "hf_" not in command(["lengthwise", "train", "hf_" + "a" * 34])
    assert command([]) == "none: from Python"
    assert "CPU core" in machine()


def test_the_answers_shown_are_one_gained_one_lost_one_shorter_and_right_and_then_even_steps() -> None:
    first = SimpleNamespace(
        accuracy_of={**dict.fromkeys("abcdef", 1.0), "c": 0.0}, tokens_of=dict.fromkeys("abcdefg", 9.0)
    )
    second = SimpleNamespace(
        accuracy_of={**dict.fromkeys("abcdef", 1.0), "d": 0.0},
        tokens_of={"a": 3.0, "b": 5.0, "c": 6.0, "d": 8.0, "e": 9.0, "f": 12.0, "g": 14.0},
    )
    found = kinds("abcdefg", first, second)  # type: ignore[arg-type]
    assert found == [["c"], ["d"], ["a", "b"]]  # e is as long, f longer, g was not judged
    assert ruled("abcdefg", found, 5) == ["c", "d", "b", "a", "g"]
    assert ruled("abcdefg", found, 2) == ["c", "d"]
    assert ruled("abcdefg", [[], [], []], 3) == ["a", "d", "g"]
    assert sorted(ruled("abcdefg", found, 40)) == list("abcdefg")


def test_runs_differ_by_dash_as_well_as_hue_unless_dashes_say_something_else() -> None:
    def line(place: int | None, dash: int = 0) -> Series:
        return Series("", place, [0.0], [0.0], dash=dash)

    assert [one.dash for one in told_apart([line(None, 1), *map(line, range(5))])] == [1, 0, 1, 2, 3, 0]
    # Of one hue and mark, eight apart: another dash.
    assert len({told_apart([line(place)])[0].dash for place in (0, 8, 16, 24)}) == 4
    assert [one.dash for one in told_apart([line(0), line(0, 1), line(1)])] == [0, 1, 0]
