import json
from pathlib import Path

import pytest

from data_synth.steps import steps_of
from experiments.more_is_less import report
from experiments.more_is_less.__main__ import experiment
from experiments.more_is_less.training import batch, demonstrations, encode
from rl.models import load_tokenizer, resolve_model

RESULTS = Path(report.__file__).with_name("results")


def test_every_other_demonstration_asks_for_the_size_it_shows() -> None:
    shown = demonstrations(400, seed=3)
    asked = [(prompt, text) for prompt, text in shown if prompt.endswith(")")]
    assert 150 < len(asked) < 250
    for prompt, text in asked:
        size = int(prompt.rpartition("(")[2].rstrip(")"))
        operators = sum(map(str.isalpha, prompt)) - 1
        assert steps_of(text)[0] == min(size, operators)


def test_only_the_completion_is_learned() -> None:
    tokenizer = load_tokenizer(resolve_model("demo"))
    rows = [encode(tokenizer, "a1b2=? (1)", "<think>\na1b2=b3\n</think>\n\\boxed{3}"), encode(tokenizer, "a1=?", "1")]
    ids, labels = batch(rows)
    for place, (row, prompt) in enumerate(rows):
        assert labels[place, :prompt].eq(-100).all()
        assert labels[place, prompt : len(row)].tolist() == row[prompt:]
        assert labels[place, len(row) :].eq(-100).all()
        assert ids[place, : len(row)].tolist() == row
    assert rows[0][0][-1] == tokenizer.eos_token_id


def test_the_whole_experiment_runs_small_and_goes_on_where_it_was(tmp_path: Path) -> None:
    small = [
        "trainer.max_steps=2",
        "trainer.num_generations=4",
        "trainer.per_device_train_batch_size=8",
        "data.train.options.n=64",
        "data.eval.options.n=8",
    ]
    results = experiment(tmp_path / "out", 1, [3], n=4, seeds=1, overrides=small)
    again = experiment(tmp_path / "out", 1, [3], n=4, seeds=1, overrides=small)
    assert again == results
    report.write_report(results, tmp_path / "results")
    text = (tmp_path / "results" / "REPORT.md").read_text()
    assert "| 3 | 12 |" in text
    assert "RL, seed 0" in text
    assert json.loads((tmp_path / "results" / "results.json").read_text())["n"] == 4
    assert (tmp_path / "results" / "figure.png").stat().st_size > 10_000


@pytest.mark.parametrize("name", ["table", "fits", "choices"])
def test_the_committed_report_says_what_the_committed_results_say(name: str) -> None:
    results = json.loads((RESULTS / "results.json").read_text())
    assert getattr(report, name)(results) in (RESULTS / "REPORT.md").read_text()
