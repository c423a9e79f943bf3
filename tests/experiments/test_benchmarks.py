"""What benchmarks count, of a small case of each: seconds are nobody's business here."""

from experiments.benchmarks.optimizer_step import Case, Shape, measure


def test_all_sides_of_the_optimiser_step_train_on_the_rollouts_that_were_given() -> None:
    shape = Shape(hidden=16, layers=1, inner=24, heads=2, key_heads=1, vocabulary=400)
    # Two groups, of which the first has advantages. Its prompt is there once, its last token with each completion.
    found = measure(Case("small", shape, [9] * 16, 1, words=20, limit=400, turns=1), peak=1e9)
    tokens = found["tokens"]
    prompt = tokens["useful"] - 8 * 9
    assert tokens["lengthwise"] == tokens["useful"] + 7
    assert tokens["trl"] >= tokens["trimmed, 4 rows"] >= tokens["trimmed, 1 row"] >= 16 * (prompt - 2 + 9)
    assert found["best_rival"] != "lengthwise"
    # 16 hidden, 8 of keys: 3 x 2 x (2 x 16 x 16 + 2 x 16 x 8 + 3 x 16 x 24) a token, 12 x 16 a pair, the head.
    assert shape.flops(1, 0, 0) == 6 * (512 + 256 + 1152)
    assert shape.flops(0, 1, 0) == 192
    assert shape.flops(0, 0, 1) == 6 * 16 * 400
