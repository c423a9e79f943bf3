from rewards import Problem
from rl.recipe.parts import ProbePart
from rl.run.probe import Measured, keep, measure


def answer(problem: str, correct: float | None, length: int, stop: str = "eos") -> dict[str, object]:
    return {"problem_id": problem, "correct": correct, "length": length, "stop": stop}


ROWS = [
    answer("easy", 1.0, 10), answer("easy", 1.0, 20),
    answer("some", 1.0, 30), answer("some", 0.0, 50),
    answer("cut", 1.0, 64, "length"), answer("cut", 0.0, 64, "length"),
    answer("unjudged", None, 9), answer("unjudged", None, 9),
]  # fmt: skip
PROBLEMS = [Problem(name, name, "1", {"level": 3}) for name in ("easy", "some", "cut", "unjudged")]


def test_a_probe_measures_pass_rate_and_length_by_the_recipes_rule_for_cut_answers() -> None:
    assert measure(ROWS, "wrong") == {
        "easy": Measured(1.0, 15.0), "some": Measured(0.5, 40.0), "cut": Measured(0.0, 64.0),
    }  # fmt: skip
    assert measure(ROWS, "judge")["cut"] == Measured(0.5, 64.0)


def test_problems_outside_the_pass_rates_and_unjudged_ones_are_left_out() -> None:
    def kept(**limits: float) -> list[str]:
        return [problem.id for problem in keep(PROBLEMS, measure(ROWS, "wrong"), ProbePart(samples=2, **limits))]

    assert kept() == ["easy", "some", "cut"]
    assert kept(below=1.0) == ["some", "cut"]
    assert kept(above=0.0) == ["easy", "some"]
    assert kept(above=0.0, below=1.0) == ["some"]


def test_what_is_kept_carries_the_columns_of_the_probe() -> None:
    (some,) = keep(PROBLEMS, measure(ROWS, "wrong"), ProbePart(above=0.0, below=1.0))
    assert some.columns == {"level": 3, "pass_rate": 0.5, "ref_accuracy": 0.5, "ref_length": 40.0}
