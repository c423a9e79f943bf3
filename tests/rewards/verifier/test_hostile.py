import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from processes import offspring, wait_until_gone

from rewards.verifier import MathVerifier, Reading

sys.path.insert(0, str(Path(__file__).parent))
from hostile import hacks, storms

SECONDS = 0.5
CASES = [*hacks(), *storms()]


@pytest.fixture(scope="module")
def verifier() -> Iterator[MathVerifier]:
    made = MathVerifier(seconds=SECONDS)
    made.judge(["3"], [r"\boxed{\log_2 8}"])
    yield made
    made.close()


def test_there_are_more_than_two_hundred_storms_besides_the_hacks() -> None:
    assert len(set(hacks())) > 130
    assert len(set(storms())) >= 200


@pytest.mark.parametrize(("gold", "completion"), hacks(), ids=range(len(hacks())))
def test_naming_the_answer_without_giving_it_is_never_right(verifier: MathVerifier, gold: str, completion: str) -> None:
    assert verifier.judge([gold], [completion])[0] in ("wrong", "unparsable", "timed_out")


@pytest.mark.parametrize(("gold", "completion"), storms(), ids=range(len(list(storms()))))
def test_every_storm_is_over_within_its_limit_and_none_is_right(
    verifier: MathVerifier, gold: str, completion: str
) -> None:
    started = time.process_time()
    verdict = verifier.judge([gold], [completion])[0]
    assert time.process_time() - started < 1  # a worker's time is bounded by its own clock, this process's by nothing
    assert verdict in ("wrong", "unparsable", "timed_out", "crashed")
    if gold == "42":
        assert verdict != "crashed"


@pytest.mark.parametrize("places", [["box"], ["tag", "line", "number"]])
@pytest.mark.parametrize("strict", [True, False])
def test_no_storm_holds_up_the_search_for_the_answer(places: Any, strict: bool) -> None:
    reading = Reading(places, "ignored", strict)
    for _, completion in CASES:
        started = time.process_time()
        reading.find(completion)
        assert time.process_time() - started < 1


def test_good_answers_among_storms_are_right() -> None:
    verifier = MathVerifier(seconds=SECONDS)
    towers = [("42", f"\\boxed{{9^{{9^{{9^{{9+{i}}}}}}}}}") for i in range(4)]
    good = [("3", f"{'wait, ' * i}\\boxed{{\\log_2 8}}") for i in range(8)] + [("2", r"\boxed{\log_3 9}")]
    mixed = [*good[:4], *towers, *good[4:]]
    verdicts = verifier.judge(*map(list, zip(*mixed, strict=True)))
    assert verdicts == ["correct"] * 4 + ["timed_out"] * 4 + ["correct"] * 5
    verifier.close()


@pytest.mark.slow
def test_a_thousand_storms_in_a_row_leave_memory_flat_and_no_process_behind() -> None:
    before = offspring()
    verifier = MathVerifier(seconds=0.05, workers=2)

    def round_of(number: int) -> None:
        for gold, completion in CASES:
            verifier.judge([gold], [completion + " " * number])
        verifier._known.clear()  # or the next round would only remember

    round_of(0)
    settled = psutil.Process().memory_info().rss
    for number in range(1, 4):
        round_of(number)
    assert 4 * len(CASES) > 1000
    assert psutil.Process().memory_info().rss - settled < 20 * 2**20
    assert len(offspring() - before) <= 4
    left = offspring() - before
    verifier.close()
    wait_until_gone(left)
