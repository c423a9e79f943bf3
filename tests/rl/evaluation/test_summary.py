"""The numbers of hand-made rows, worked out by hand."""

import json
from pathlib import Path
from statistics import fmean
from typing import Any

import matplotlib.pyplot as plt
import pytest

from rewards import Problem
from rewards.ngram import repeats
from rewards.verifier import MathVerifier
from rl.errors import UserError
from rl.evaluation import Protocol
from rl.evaluation.figures import summary
from rl.evaluation.figures.heat import gold_depths, heat_map
from rl.evaluation.figures.summary import cap_numbers, lengths, numbers, repeated_in
from rl.report.heat_map import draw_heat_map, heat_figure

Row = dict[str, Any]


def row(problem: str, verdict: str, length: int, answer: str = "", stop: str = "eos", level: str = "") -> Row:
    worth = {"correct": 1.0, "crashed": None}.get(verdict, 0.0)
    return {
        "problem_id": problem, "sample": 0, "prompt": "", "answer": "3", "difficulty": level, "stop": stop,
        "completion": rf"\boxed{{{answer}}}" if answer else "", "token_ids": list(range(length)), "length": length,
        "verdict": verdict, "correct": worth,
    }  # fmt: skip


# p: 2 of 4 right, the wrong ones say 4 and 5. q: 1 of 3 judged, the wrong ones agree on 4.
ROWS = [
    row("p", "correct", 10, "3", level="easy 1"), row("p", "correct", 30, "3.0", level="easy 1"),
    row("p", "wrong", 20, "4", level="easy 1"), row("p", "wrong", 40, "5", level="easy 1"),
    row("q", "correct", 50, "3", level="hard 2"), row("q", "wrong", 60, "4", level="hard 2"),
    row("q", "timed_out", 70, "4", level="hard 2"), row("q", "crashed", 100, "3", "length", level="hard 2"),
]  # fmt: skip
PROTOCOL = Protocol("mine", cap=100, samples=4)


def test_every_number_is_the_one_worked_out_by_hand(verifier: MathVerifier) -> None:
    found = cap_numbers(ROWS, PROTOCOL, verifier, repeated_in(ROWS))
    assert found["accuracy"]["mean"] == pytest.approx(fmean([2 / 4, 1 / 3]))
    assert found["accuracy"]["low"] == pytest.approx(1 / 3)
    assert found["accuracy"]["high"] == pytest.approx(1 / 2)
    assert found["mean_tokens"]["mean"] == fmean([25, 70])
    assert found["tokens"]["all"] == {"mean": 47.5, "median": 45.0, "p95": pytest.approx(89.5)}
    assert found["tokens"]["correct"]["mean"] == 30.0
    assert found["tokens"]["wrong"] == {"mean": 47.5, "median": 50.0, "p95": pytest.approx(68.5)}
    assert found["tokens"]["truncated"] == {"mean": 100.0, "median": 100.0, "p95": 100.0}
    assert found["truncated"] == 1 / 8
    assert found["unjudged"] == 1
    assert found["verdicts"] == {"correct": 3, "wrong": 3, "unparsable": 0, "timed_out": 1, "crashed": 1}
    # Without replacement, q has three judged samples: pass@4 is p's alone.
    assert found["pass_at"] == pytest.approx({"1": fmean([1 / 2, 1 / 3]), "2": fmean([1 - 1 / 6, 1 - 1 / 3]), "4": 1.0})
    assert found["majority"] == fmean([1.0, 0.0])
    assert found["shortest_majority"] == fmean([1.0, 0.0])
    assert found["repetition"] == 0.0
    assert found["by_difficulty"] == [
        {"difficulty": "easy 1", "n": 1, "accuracy": 0.5, "mean_tokens": 25.0},
        {"difficulty": "hard 2", "n": 1, "accuracy": pytest.approx(1 / 3), "mean_tokens": 70.0},
    ]


def test_a_majority_of_k_samples_stands_beside_what_they_cost(verifier: MathVerifier) -> None:
    found = cap_numbers(ROWS, PROTOCOL, verifier, repeated_in(ROWS))["majority_at"]
    assert {k: (each["accuracy"]["mean"], each["tokens"]["mean"]) for k, each in found.items()} == {
        "1": (fmean([2 / 4, 1 / 4]), fmean([25, 70])),
        # p: both right; 4 and 5. q: right or 4, by a coin; 4, as what crashed has no vote.
        "2": (fmean([1 / 2, 1 / 4]), fmean([50, 140])),
        "4": (fmean([1.0, 0.0]), fmean([100, 280])),
    }
    assert found["2"]["tokens"]["low"] == 50
    # The sample that is left over belongs to no pair.
    three = cap_numbers(ROWS[:3], Protocol(cap=100, samples=3), verifier, repeated_in(ROWS[:3]))["majority_at"]
    assert [(k, each["tokens"]["mean"]) for k, each in three.items()] == [("1", 20), ("2", 40), ("3", 60)]


def test_what_nothing_stands_behind_is_null_and_json_holds_no_nan(verifier: MathVerifier) -> None:
    protocol = Protocol(cap=100)
    found = numbers("m", protocol, {100: [row("p", "crashed", 5)]}, verifier)
    cap = found["caps"]["100"]
    assert cap["accuracy"] == {"mean": None, "low": None, "high": None}
    assert cap["tokens"]["correct"] is None
    assert cap["majority"] is None
    assert cap["pass_at"] == {}
    json.dumps(found, allow_nan=False)
    assert (found["schema"], found["model"], found["n"], found["samples"]) == (1, "m", 1, 1)
    assert lengths([]) is None


def test_a_cut_answer_that_is_right_is_among_the_cut_ones(verifier: MathVerifier) -> None:
    rows = [row("p", "correct", 9, "3", "length")]
    found = cap_numbers(rows, Protocol(cap=9), verifier, repeated_in(rows))
    assert found["accuracy"]["mean"] == 1.0
    assert found["tokens"]["correct"] is None
    assert found["tokens"]["truncated"]["mean"] == 9.0


def test_repetition_is_the_share_of_tokens_in_a_repeated_40_gram(verifier: MathVerifier) -> None:
    looping = {**row("p", "wrong", 100), "token_ids": [1, 2] * 50}
    rows = [looping, row("q", "wrong", 100)]
    found = cap_numbers(rows, Protocol(cap=100), verifier, repeated_in(rows))
    # The second 40-gram to begin with 1 starts at token 2: 98 of 100 tokens lie in a repetition.
    assert found["repetition"] == pytest.approx(fmean([0.98, 0.0]))


def long(name: str, tokens: int, *spans: tuple[int, int]) -> Problem:
    docs = [{"doc_id": "d", "char_start": start, "char_end": end} for start, end in spans]
    turns = [{"role": "system", "content": "x" * 500}, {"role": "user", "content": "y" * 1000}]
    return Problem(name, turns, "3", {"n_tokens": tokens, "gold_docs": docs})


LONG = [long("a", 500, (0, 100)), long("b", 512, (100, 200), (900, 1000)), long("c", 513, (390, 430)), long("d", 400)]


def test_a_heat_map_counts_each_gold_document_at_its_depth() -> None:
    problems = {p.id: p for p in [*LONG, Problem("e", "?", "3")]}
    rows = [row("a", "correct", 1), row("a", "wrong", 1), row("b", "correct", 1), row("c", "wrong", 1)]
    rows += [row("d", "correct", 1), row("e", "correct", 1), row("c", "crashed", 1)]
    found = heat_map(problems, rows)
    assert found == {
        "lengths": [512, 1024],
        "depths": [0.2, 0.4, 0.6, 0.8, 1.0],
        # a and b in the first cell: (0.5 + 1) / 2; b at the end, too; c at 0.41 of a longer prompt.
        "accuracy": [[0.75, None, None, None, 1.0], [None, None, 0.0, None, None]],
        "n": [[2, 0, 0, 0, 1], [0, 0, 1, 0, 0]],
    }
    assert gold_depths(LONG[1]) == [0.15, 0.95]
    assert heat_map(problems, [row("e", "correct", 1)]) is None


def test_a_heat_map_is_drawn_with_its_protocol(tmp_path: Path) -> None:
    heat = heat_map({p.id: p for p in LONG}, [row("a", "correct", 1), row("c", "wrong", 1)])
    assert heat
    figure = heat_figure(heat, "model", Protocol("mine").line())
    said = [
        text.get_text()
        for text in [
            *figure.axes[0].texts,
            *figure.texts,
        ]
    ] + [figure.get_supxlabel()]
    assert "100\nn=1" in said
    assert "0\nn=1" in said
    assert any("mine: cap" in text for text in said)
    plt.close(figure)
    draw_heat_map(heat, "model", "mine", tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(UserError, match=r"a\.xyz"):
        draw_heat_map(heat, "model", "mine", tmp_path / "a.xyz")


def test_repeated_40_grams_are_looked_for_once_an_answer_whatever_the_caps(
    verifier: MathVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []
    monkeypatch.setattr(summary, "repeats", lambda ids, n: looked.append(len(ids)) or repeats(ids, n))
    whole = [{**row("p", "wrong", 200), "token_ids": [*range(50)] * 4} for _ in range(3)]
    caps = {cap: [{**r, "token_ids": r["token_ids"][:cap], "length": cap} for r in whole] for cap in (60, 120, 200)}
    found = numbers("m", Protocol(cap=200), caps, verifier)["caps"]
    assert looked == [200] * 3
    assert [found[str(cap)]["repetition"] for cap in caps] == pytest.approx([0.0, 70 / 120, 150 / 200])
