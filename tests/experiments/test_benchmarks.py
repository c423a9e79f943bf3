"""What benchmarks count, of a small case of each: seconds are nobody's business here."""

import json
from pathlib import Path

from experiments.benchmarks import split_budget
from experiments.benchmarks._shared import RESULTS, Shape
from experiments.benchmarks._summary import fallen, page
from experiments.benchmarks.engines import Workload
from experiments.benchmarks.optimizer_step import RIVALS, Case, measure
from rl.rollouts import Completion
from rl.rollouts.course import whole


def test_the_best_rival_of_an_optimiser_step_is_found_on_some_rollouts_and_measured_on_all() -> None:
    shape = Shape(hidden=16, layers=1, inner=24, heads=2, key_heads=1, vocabulary=400)
    # Two groups, of which the first has advantages. Its prompt is there once, its last token with each completion.
    found = measure(Case("small", shape, [9] * 16, 1, words=20, limit=400, tried=8, turns=1), peak=1e9)
    tokens, tried = found["tokens"], found["tried"]["tokens"]
    prompt = tokens["useful"] - 8 * 9
    assert tokens["lengthwise"] == tried["lengthwise"] == tokens["useful"] + 7
    assert tried["trl"] >= tried["trimmed, 4 rows"] >= tried["trimmed, 1 row"] >= 8 * (prompt - 2 + 9)
    best = found["best_rival"]
    assert best == min(RIVALS, key=found["tried"]["cpu_seconds"].__getitem__)
    assert found["cpu_seconds"].keys() == {"lengthwise", best}
    assert tokens[best] >= 16 * (prompt - 2 + 9)
    # 16 hidden, 8 of keys: 3 x 2 x (2 x 16 x 16 + 2 x 16 x 8 + 3 x 16 x 24) a token, 12 x 16 a pair, the head.
    assert shape.flops(1, 0, 0) == 6 * (512 + 256 + 1152)
    assert shape.flops(0, 1, 0) == 192
    assert shape.flops(0, 0, 1) == 6 * 16 * 400


def test_split_budgets_are_asked_for_as_many_tokens_as_plain_ones() -> None:
    work = Workload([[1, 2], [3]], [9, 30, 12, 40])
    split = split_budget.asks(work, 0, (10, 20))
    assert [ask.thinking is not None for ask in split] == [False, True, False, True]
    for asked in (split, split_budget.asks(work, 0, None)):
        done = whole(
            asked, lambda asks: [Completion((3,) * ask.budget, "length", (-1.0,) * ask.budget) for ask in asks]
        )
        assert [len(completion.token_ids) for completion in done] == work.lengths


def test_the_summary_is_that_of_the_committed_tables() -> None:
    assert (RESULTS / "SUMMARY.md").read_text().splitlines() == page(RESULTS)


def test_a_ratio_that_fell_by_over_a_fifth_is_named_and_one_that_is_gone_too(tmp_path: Path) -> None:
    for folder, verifier, rollouts in (("before", 10.0, 3.0), ("little", 8.1, 3.5), ("much", 7.9, None)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "verifier.json").write_text(json.dumps({"ratio": verifier}))
        if rollouts is not None:
            (tmp_path / folder / "rollouts.json").write_text(json.dumps({"ratio": rollouts}))
    both = ["verifier", "rollouts"]
    assert fallen(tmp_path / "before", tmp_path / "little", both) == []
    assert fallen(tmp_path / "before", tmp_path / "much", both) == [
        "rollouts of the demo model, to transformers.generate: nothing, was 3.00",
        "verdicts on right answers, to math-verify: 7.90, was 10.00",
    ]
    assert fallen(tmp_path / "before", tmp_path / "much", ["answers"]) == []
