import json
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

from rl.cli import run_command
from rl.demo.demo import arms
from rl.demo.result import shortened, verdict

SMALL = [
    "trainer.max_steps=2", "trainer.per_device_train_batch_size=8", "trainer.num_generations=4",
    "data.eval.options.n=24", "data.train.options.n=32", "evaluation.budget=100",
]  # fmt: skip


def numbers(tokens: float, accuracy: float = 0.5) -> dict[str, float]:
    return {"accuracy": accuracy, "mean_tokens": tokens, "truncated": 0.0}


def test_the_verdict_says_what_happened_either_way() -> None:
    summary = {
        "before": numbers(100), "after": numbers(60, 0.55), "control": numbers(110, 0.6), "method": "dler",
        "accuracy_difference": {"mean": 0.05, "standard_error": 0.02},
    }  # fmt: skip
    assert shortened(summary)
    assert verdict(summary) == (
        "DLER: 60.0 tokens instead of 100.0 (-40%), accuracy 55.0% instead of 50.0% (+5.0 ± 2.0 points). "
        "Plain GRPO, same steps: 110.0 tokens (+10%), accuracy 60.0%."
    )
    summary["after"] = numbers(120)
    assert not shortened(summary)
    assert verdict(summary).startswith("Length did not fall. DLER: 120.0 tokens")


@pytest.mark.parametrize(("method", "model"), [("demo-dler", "demo"), ("demo-thinkless", "modes-demo")])
def test_the_control_starts_from_the_model_of_the_method(method: str, model: str) -> None:
    recipes = arms(method, ["seed=3"])
    assert [(recipe.model, recipe.seed) for recipe in recipes.values()] == [(model, 3)] * 2


def test_the_runs_of_a_demo_are_started_before_anything_heavy_is_imported() -> None:
    heavy = "torch", "transformers", "matplotlib"
    program = f"import sys, rl.demo.demo; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_the_demo_trains_two_arms_reports_them_and_shows_them_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def run() -> dict[str, object]:
        with pytest.raises(SystemExit) as stop:
            run_command(["demo", *SMALL])
        summary: dict[str, object] = json.loads(Path("runs/demo/report/summary.json").read_text())
        assert stop.value.code == (0 if shortened(summary) else 1)
        return summary

    summary = run()
    assert set(summary) == {
        "before", "after", "control", "accuracy_difference", "method", "steps", "seed", "seconds", "n",
    }  # fmt: skip
    assert (summary["method"], summary["steps"], summary["seed"], summary["n"]) == ("dler", 2, 0, 24)
    assert not Path("runs/demo/control/evaluation/before.parquet").exists()
    page = Path("runs/demo/report/index.html").read_text()
    assert '"runs":["dler","control"]' in page
    assert page.count('"where":"held-out"') == 24
    assert run() == summary
    said = capsys.readouterr().out
    assert said.count("report: runs/demo/report/index.html") == 2
    assert said.splitlines()[:2] == ["dler 0/2 answers held-out problems first", "control 0/2 starting"]
    assert [line.split()[1] for line in said.splitlines() if line.startswith("dler ") and "/2" in line] == [
        "0/2",
        "2/2",
    ]


@pytest.mark.slow
def test_the_demo_shortens_without_losing_accuracy_and_plain_grpo_does_not(tmp_path: Path) -> None:
    from rl.demo.demo import demo

    summary = demo(tmp_path / "demo")
    before, after, control = (summary[key] for key in ("before", "after", "control"))
    difference = summary["accuracy_difference"]
    kept, control_kept = (arm["mean_tokens"] / before["mean_tokens"] for arm in (after, control))
    assert summary["n"] >= 1024
    assert kept <= 0.7
    assert difference["mean"] >= -2 * difference["standard_error"]
    assert control_kept - kept >= 0.2
