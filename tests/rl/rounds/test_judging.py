"""Verifiers in a run: named, chosen by the recipe, measured, warned about."""

from pathlib import Path
from typing import Any

import pytest
from makers import Rounds

from rewards import Verdict
from rewards.verifier import MathVerifier
from rewards.verifier.exact import ExactMatch
from rl.errors import UserError
from rl.plugins import load_verifier
from rl.problems.data import load_problems
from rl.recipe.files import load_recipe
from rl.recipe.parts import PromptPart, SourcePart
from rl.rounds.metrics import round_metrics
from rl.run.prepare import prepare
from rl.trainer.trainer import LengthGRPOTrainer


def test_a_recipe_chooses_its_verifier_and_what_counts_as_an_answer(tmp_path: Path) -> None:
    recipe = load_recipe("demo-grpo", ["verifier={name: exact, places: [tag, box]}"])
    prepared = prepare(recipe, tmp_path)
    assert isinstance(prepared.verifier, ExactMatch)
    assert prepared.verifier.reading.places == ["tag", "box"]
    assert recipe.to_dict()["verifier"] == {"name": "exact", "places": ["tag", "box"]}
    assert load_recipe("demo-grpo").to_dict()["verifier"] == {"name": "math"}
    assert load_recipe("demo-grpo", ["verifier.seconds=1"]).to_dict()["verifier"] == {"name": "math", "seconds": 1}
    with pytest.raises(UserError, match="unknown verifier"):
        prepare(load_recipe("demo-grpo", ["verifier=exakt"]), tmp_path)


def test_problems_with_answers_that_cannot_be_judged_are_left_out_and_counted(tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text(
        '{"problem": "1", "answer": "B"}\n{"problem": "2", "answer": "12"}\n{"problem": "3", "answer": "(C)"}\n'
    )
    found = load_problems(SourcePart(str(data)), PromptPart(), load_verifier("choice", {}))
    assert [p.answer for p in found.problems] == ["B", "(C)"]
    assert found.unreadable == 1


def test_the_workers_are_on_their_way_before_the_first_step(make_trainer: Any) -> None:
    verifier = MathVerifier()
    assert all(slot.connection is None for slot in verifier.workers._slots)
    make_trainer(verifier=verifier)
    assert all(slot.connection is not None for slot in verifier.workers._slots)
    verifier.close()


class Slow(MathVerifier):
    def judge(self, answers: Any, completions: Any) -> list[Verdict]:
        import time

        time.sleep(0.05)
        return super().judge(answers, completions)


def test_a_rounds_metrics_say_how_much_was_judged_how_and_how_long_it_took(make_trainer: Any) -> None:
    rounds = Rounds()
    trainer: LengthGRPOTrainer = make_trainer(on_round=rounds, verifier=Slow(), tokens=30)
    trainer.train()
    metrics = round_metrics(rounds[0], trainer.rounds.history)
    rollouts = rounds[0].rollouts()
    for verdict in Verdict:
        share = sum(r.verdict is verdict for r in rollouts) / len(rollouts)
        assert metrics[f"verifier/{verdict}"] == pytest.approx(share)
    assert metrics["verifier/unparsable"] > 0
    assert metrics["verifier/seconds"] >= 0.05
    logged = [line for line in trainer.state.log_history if "loss" in line]
    assert {
        "verifier/correct",
        "verifier/wrong",
        "verifier/unparsable",
        "verifier/timed_out",
        "verifier/crashed",
    } < set(logged[0])
    assert logged[0]["verifier/seconds"] >= 0.05
