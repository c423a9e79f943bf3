"""The embedded long-context task: real rows, splits that share nothing, traces that say what the row says."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_synth.check import read_rows, verify
from data_synth.keychain_demo import excerpt, facts, problems, solve
from data_synth.rows import SCHEMA


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_the_rows_pass_the_independent_checker(split: str, tmp_path: Path) -> None:
    rows = problems(split, 400, seed=3)  # type: ignore[arg-type]
    file = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_pylist([{k: r[k] for k in SCHEMA.names} for r in rows], schema=SCHEMA), file)
    verdict = verify(read_rows(file))
    assert verdict.rows == 400
    assert verdict.passed, (verdict.counts, verdict.first[:2], verdict.over_set)
    assert all(0.995 * 336 <= row["n_tokens"] <= 336 for row in rows)


def test_splits_share_no_question_no_answer_and_no_gold_document() -> None:
    seen = [
        (problems("train", 300, seed), problems("validation", 200, seed), problems("test", 200, seed + 1))
        for seed in (0, 5)
    ]
    for column in ("question", "answer"):
        train, validation, test = ({row[column] for rows in part for row in rows} for part in zip(*seen, strict=True))
        assert not train & validation
        assert not train & test
        assert not validation & test
    train, held_out = (
        {d["doc_id"] for rows in part for row in rows for d in row["gold_docs"]}
        for part in ([s[0] for s in seen], [rows for s in seen for rows in s[1:]])
    )
    assert not train & held_out


def test_problems_are_a_function_of_split_and_seed() -> None:
    assert problems("train", 20, 1) == problems("train", 30, 1)[:20]
    assert [r["id"] for r in problems("train", 20, 1)] != [r["id"] for r in problems("train", 20, 2)]
    assert problems("train", 0) == []


@pytest.mark.parametrize(("split", "n", "message"), [("valid", 1, "split must be"), ("test", -1, "n must lie")])
def test_what_cannot_be_made_is_one_clear_line(split: str, n: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        problems(split, n)  # type: ignore[arg-type]


def test_a_trace_quotes_the_chain_and_the_facts_and_gives_the_answer() -> None:
    for row in problems("train", 50, 4):
        user = row["prompt"][-1]["content"]
        _, chained, *quoted, _, boxed = solve(row).split("\n")
        start, *links = chained.split(" {")
        assert start == f"starts at {row['start_key']}."
        assert [f"{{{link}" in user for link in links] == [True, True]
        assert row["question"] in links[-1]
        (_, subject, bridge), (_, again, answer) = facts(row)
        assert again == bridge
        assert answer == row["answer"]
        assert [line for line in quoted if line in (subject, bridge)] == [subject, bridge]
        assert bridge in quoted[1]
        assert answer in quoted[-1]
        assert "\n".join(quoted[:2]) in user
        assert boxed == f"\\boxed{{{answer}}}"


def test_an_excerpt_holds_what_its_trace_needs_and_less_than_the_row() -> None:
    for row in problems("train", 50, 4):
        text = excerpt(row)[0]["content"]
        assert len(text) < len(row["prompt"][-1]["content"])
        for needed in (*row["chain"], row["question"], *(value for fact in facts(row) for value in fact[1:])):
            assert needed in text
