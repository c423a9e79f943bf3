from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rl.errors import UserError
from rl.evaluation import Evaluation, Protocol
from rl.statistics import bootstrap_mean


def row(problem: str, correct: float | None, length: int = 10, sample: int = 0, **more: Any) -> dict[str, Any]:
    verdict = {1.0: "correct", 0.0: "wrong", None: "crashed"}[correct]
    return {
        "problem_id": problem, "sample": sample, "prompt": "?", "lead": "", "answer": "1", "difficulty": "", "completion": "",
        "token_ids": [1] * length, "length": length, "stop": "eos", "verdict": verdict, "correct": correct, **more,
    }  # fmt: skip


def test_a_file_holds_rows_protocol_and_model(tmp_path: Path) -> None:
    saved = Evaluation([row("p", 1.0), row("p", None, sample=1)], Protocol(cap=20, caps=(5,)), "mine")
    saved.save(tmp_path / "new" / "a.parquet")
    loaded = Evaluation.load(tmp_path / "new" / "a.parquet")
    assert loaded == saved
    assert loaded.model == "mine"
    assert list((tmp_path / "new").iterdir()) == [tmp_path / "new" / "a.parquet"]


def test_a_file_from_before_there_were_protocols_is_one_sample_a_problem(tmp_path: Path) -> None:
    old = [{k: v for k, v in row("p", 1.0).items() if k not in ("sample", "token_ids")}]
    pq.write_table(pa.Table.from_pylist(old), tmp_path / "old.parquet")
    loaded = Evaluation.load(tmp_path / "old.parquet")
    assert loaded.protocol is None
    assert [r["sample"] for r in loaded.rows] == [0]
    assert loaded.accuracy.mean == 1.0


def test_a_file_that_is_no_evaluation_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("no parquet")
    pq.write_table(pa.table({"length": [1]}), tmp_path / "b.parquet")
    for name in ("a.parquet", "b.parquet", "c.parquet"):
        with pytest.raises(UserError, match=name):
            Evaluation.load(tmp_path / name)


def test_accuracy_is_the_mean_over_problems_of_their_judged_samples() -> None:
    rows = [row("p", 1.0), row("p", 0.0), row("p", None), row("q", 0.0), row("r", None)]
    assert Evaluation(rows).accuracy.mean == fmean([0.5, 0.0])
    assert Evaluation(rows).summary()["unjudged"] == 2
    assert Evaluation([row("p", 1.0, 4), row("p", 1.0, 8), row("q", 1.0, 9)]).tokens.mean == 7.5


@pytest.mark.slow
def test_intervals_over_problems_cover_and_those_over_samples_would_not() -> None:
    """Problems of very different difficulty, 8 samples each: the truth is the mean difficulty, 0.5."""
    lot = np.random.default_rng(7)
    trials, problems, samples = 100, 50, 8
    covered, naive = 0, 0
    for _ in range(trials):
        rates = lot.beta(0.3, 0.3, problems)
        right = (lot.random((problems, samples)) < rates[:, None]).astype(float)
        rows = [row(str(p), right[p, s], 1, s) for p in range(problems) for s in range(samples)]
        own, each = Evaluation(rows).accuracy, bootstrap_mean([r["correct"] for r in rows])
        covered += own.low <= 0.5 <= own.high
        naive += each.low <= 0.5 <= each.high
    # 95 % less three standard errors of 100 trials, and a little for the bootstrap's own narrowness at 50 problems.
    assert covered / trials >= 0.88
    assert naive / trials < 0.75
