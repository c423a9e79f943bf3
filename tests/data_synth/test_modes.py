import random
import re
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from data_synth.arithmetic import Habits, draw_sum, sums
from data_synth.modes import END, MARKS, SHORT, THINK, Manner, asked, solve
from rewards.verifier import boxed_answer


def answer_part(trace: str) -> str:
    return trace.partition(END)[2] if trace.startswith(THINK) else trace.removeprefix(SHORT)


@given(st.integers())
def test_every_trace_chooses_a_mode_and_its_answer_part_works_the_sum_and_boxes_what_that_comes_to(seed: int) -> None:
    rng = random.Random(seed)
    drawn = draw_sum(rng)
    trace = solve(drawn, rng)
    assert trace.startswith((f"{THINK}\n", f"{SHORT}\n"))
    assert sum(trace.count(mark) for mark in MARKS) == (2 if trace.startswith(THINK) else 1)
    steps = re.findall(r"(\d+)[+-](\d+)=(\d+)", answer_part(trace))
    assert [int(term) for _, term, _ in steps] == list(drawn.terms[1:])
    assert [total for total, _, _ in steps] == [str(drawn.terms[0]), *(result for *_, result in steps[:-1])]
    assert boxed_answer(trace) == steps[-1][2]
    assert trace.count("boxed") == 1


def test_a_trace_is_a_function_of_the_seed() -> None:
    def traces(seed: int) -> list[str]:
        rng = random.Random(seed)
        return [solve(problem, rng) for problem in islice(sums("train", 0), 50)]

    assert traces(1) == traces(1) != traces(2)


def test_modes_statements_and_early_ends_have_their_shares() -> None:
    rng = random.Random(0)
    traces = [solve(problem, rng) for problem in islice(sums("train", 0), 4000)]
    thoughts = [trace.partition(END)[0] for trace in traces if trace.startswith(THINK)]
    assert abs(len(thoughts) / len(traces) - 0.5) < 0.03
    stated = sum(bool(re.match(rf"{THINK}\n\(\d+ tokens\)\n", thought)) for thought in thoughts)
    assert abs(stated / len(thoughts) - 0.25) < 0.03
    early = sum(not thought.endswith("\n") for thought in thoughts)  # two in three of those that end anywhere
    assert 0.08 < early / len(thoughts) < 0.2


def test_the_answer_after_a_thought_repeats_what_was_last_worked_out_there() -> None:
    manner = Manner(short=0, habits=Habits(first_error=0.5, check_error=0.5))
    rng = random.Random(0)
    repeated = 0
    for problem in islice(sums("train", 0), 500):
        thought, _, answer = solve(problem, rng, manner).partition(END)
        said = dict(re.findall(r"^(\d+[+-]\d+)=(\d+)$", thought, re.MULTILINE))
        steps = re.findall(r"(\d+[+-]\d+)=(\d+)", answer)
        assert all(said.get(step, result) == result for step, result in steps)
        repeated += all(step in said for step, _ in steps)
    assert 400 < repeated < 490


def test_thinking_pays_and_less_where_it_ends_early() -> None:
    def accuracy(manner: Manner) -> float:
        rng = random.Random(0)
        chosen = list(islice(sums("train", 0), 2000))
        return sum(boxed_answer(solve(p, rng, manner)) == str(p.answer) for p in chosen) / 2000

    short, early, whole = (accuracy(Manner(*shares)) for shares in ((1, 0, 0), (0, 0, 1), (0, 0, 0)))
    assert short + 0.1 < early < whole - 0.05


@given(st.integers())
def test_what_a_thought_took_is_what_it_may_have_been_asked_for(seed: int) -> None:
    rng = random.Random(seed)
    budget, trace = asked(draw_sum(rng), rng, len)
    thought, _, answer = trace.partition(END)
    assert budget % 10 == 0
    assert budget - 10 < len(thought) <= budget
    assert thought.startswith(f"{THINK}\n")
    assert answer.startswith("\nSo ")
    assert not re.search("tokens", trace)
