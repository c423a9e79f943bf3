import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from data_synth.steps import OPERATORS, steps_of
from experiments.more_is_less import report
from experiments.more_is_less.__main__ import experiment
from experiments.more_is_less.training import accumulate, batch, demonstrations, encode
from rl.models import load_model, load_tokenizer, resolve_model

RESULTS = Path(report.__file__).with_name("results")


def test_every_other_demonstration_asks_for_the_size_it_shows() -> None:
    shown = demonstrations(400, slip=0.0, seed=3)
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


def test_a_batch_in_parts_has_the_gradient_of_the_whole() -> None:
    tokenizer, model = load_tokenizer(resolve_model("demo")), load_model(resolve_model("demo"))
    rows = [encode(tokenizer, *pair) for pair in demonstrations(10, slip=0.0, seed=0)]
    mean = accumulate(model, rows)
    ours = torch.cat([parameter.grad.flatten() for parameter in model.parameters()])
    model.zero_grad()
    ids, labels = batch(rows)
    loss = cross_entropy(model(input_ids=ids).logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
    torch.autograd.backward(loss)
    assert mean == pytest.approx(loss.item(), rel=1e-5)
    whole = torch.cat([parameter.grad.flatten() for parameter in model.parameters()])
    assert (ours - whole).norm() < 1e-5 * whole.norm()


@pytest.mark.slow
def test_the_whole_experiment_runs_small_and_goes_on_where_it_was(tmp_path: Path) -> None:
    small = [
        "trainer.max_steps=2",
        "trainer.num_generations=4",
        "trainer.per_device_train_batch_size=8",
        "data.train.options.n=64",
        "data.eval.options.n=8",
    ]
    results = experiment(tmp_path / "out", [1], [1, 2], 1, 0.01, n=2, seeds=1, overrides=small)
    again = experiment(tmp_path / "out", [1], [1, 2], 1, 0.01, n=2, seeds=1, overrides=small)
    assert again == results
    assert [(model["depth"], model["updates"]) for model in results["models"]] == [(1, 1), (1, 2)]
    assert results["exact"]["slip"] == 0
    assert [(run["depth"], run["seed"]) for run in results["rl"]] == [(1, 0)]
    report.write_report(results, tmp_path / "results")
    text = (tmp_path / "results" / "REPORT.md").read_text()
    assert "| 1 layers, 1 updates, no slips | 12 |" in text
    assert (tmp_path / "results" / "figure.png").stat().st_size > 10_000


def measured(*right: int) -> dict[str, Any]:
    """A model whose answers to 8 operators in steps of 1, 2, 3 and 4 were so often right, out of 400."""
    cells = zip((1, 2, 3, 4), (8, 4, 3, 2), right, strict=True)
    return {
        "cells": [
            {"size": size, "operators": 8, "steps": steps, "right": count, "n": 400, "guess": 0.0}
            for size, steps, count in cells
        ]
    }


def test_an_inverted_u_stands_over_both_of_its_ends() -> None:
    bent = measured(200, 300, 280, 200)
    assert report.best(bent, 8)[1].steps == 4
    # .75 - .5 = .25; its error is sqrt((.75 * .25 + .5 * .5) / 400) = sqrt(.4375 / 400) = .033.
    for lead, error in report.leads(bent, 8):
        assert (lead, error) == pytest.approx((0.25, 0.03307), abs=1e-4)
    assert report.is_bent(bent, 8)
    assert not report.is_bent(measured(300, 290, 250, 200), 8)  # the most steps are best
    assert not report.is_bent(measured(200, 250, 280, 300), 8)  # the fewest
    assert not report.is_bent(measured(290, 300, 280, 200), 8)  # .025 over an end, less than an error of .031


def test_a_choice_costs_what_its_steps_are_less_accurate_than_the_best() -> None:
    # .75 is best; of four answers one is in steps of 1 (.5), two of 2 (.75) and one of 4 (.25): (.25 + .5) / 4 = .1875.
    model = measured(200, 300, 280, 100) | {"habits": [{"operators": 8, "sizes": {"1": 1, "2": 2, "4": 1}}]}
    assert report.lost(model, 8) == pytest.approx(0.1875)


def results() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / "results.json").read_text())
    return found


@pytest.mark.parametrize("name", ["table", "fits", "choices"])
def test_the_committed_report_says_what_the_committed_results_say(name: str) -> None:
    assert getattr(report, name)(results()) in (RESULTS / "REPORT.md").read_text()


def test_accuracy_by_steps_is_an_inverted_u() -> None:
    models = results()["models"]
    two, three = (model for model in models if model["updates"] == max(each["updates"] for each in models))
    assert (two["depth"], three["depth"]) == (2, 3)
    assert [report.is_bent(two, operators) for operators in OPERATORS] == [False, True, True]
    assert [report.is_bent(three, operators) for operators in OPERATORS] == [False, False, True]


def test_rl_goes_to_better_numbers_of_steps() -> None:
    found = results()
    before = report.start(found)
    for run in found["rl"]:
        for operators in OPERATORS:
            assert report.lost(run, operators) < report.lost(before, operators) / 2
