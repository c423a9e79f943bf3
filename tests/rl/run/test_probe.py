from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rewards import Problem
from rl.estimates.sizes import Sizes
from rl.evaluation import Evaluation
from rl.folders.run import RunFolder
from rl.recipe.files import load_recipe
from rl.recipe.parts import ProbePart
from rl.rollouts import TransformersEngine
from rl.run.prepare import Prepared, prepare
from rl.run.probe import Measured, keep, measure, probed


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


FEW = (
    "data.probe.samples=1", "data.train.options.n=8", "budget.tokens=6", "rollouts.batch_size=64",
    "trainer.num_generations=4", "trainer.per_device_train_batch_size=8",
)  # fmt: skip


def short_probe(tmp_path: Path, *overrides: str) -> Prepared:
    found = prepare(load_recipe("demo-dler", [*FEW, *overrides]), tmp_path)
    return replace(found, sizes=Sizes(answering_rows=3))


def test_a_probe_on_cuda_is_answered_by_the_rollouts_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def engine_of(model: Any, path: str, choice: Any, longest: int) -> TransformersEngine:
        asked.append((choice.name, path, longest))
        return TransformersEngine(model)

    prepared, run = short_probe(tmp_path, "rollouts.engine=vllm"), RunFolder(tmp_path)
    monkeypatch.setattr("rl.run.engines.torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("rl.evaluation.engines.require_vllm", lambda asked: None)
    monkeypatch.setattr("rl.run.engines.engine_of", engine_of)
    probed(prepared, run)
    ((name, path, longest),) = asked
    assert (name, path) == ("vllm", prepared.model)
    assert longest > 6
    protocol = Evaluation.load(run.probe).protocol
    assert protocol is not None
    assert protocol.engine == "vllm"


def test_a_probe_runs_no_more_rows_than_have_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[TransformersEngine] = []

    class Seen(TransformersEngine):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            made.append(self)

    monkeypatch.setattr("rl.run.engines.TransformersEngine", Seen)
    prepared = short_probe(tmp_path)
    assert len(probed(prepared, RunFolder(tmp_path)).train.problems) == 8
    assert [engine.batch_size for engine in made] == [3]
