"""`lengthwise synth` from the command line, and its rows as problems to train on."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from commands import refused, run

from rewards import Group, History, Rollout, Verdict
from rewards.substring import Substring
from rl.plugins import load_verifier
from rl.problems.data import load_problems
from rl.recipe.parts import PromptPart, SourcePart


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def synth(*arguments: str) -> tuple[str, ...]:
    return ("synth", arguments[0], "--tokens", "1024", "--n", "8", "--out", "out", "--quiet", *arguments[1:])


@pytest.mark.parametrize("task", ["keychain", "multihop", "variable-tracking"])
def test_a_task_writes_rows_of_its_kind(task: str) -> None:
    assert run(*synth(task)) == {"rows": 8, "files": 1, "rejects": {}}
    rows = pq.read_table("out/train-00000-of-00001.parquet").to_pylist()
    assert [row["task"] for row in rows] == [task] * 8
    assert run(*synth(task, "--resume"))["rows"] == 8


def test_needles_are_of_a_kind() -> None:
    assert run(*synth("niah", "--kind", "multiquery", "--needles", "3"))["rows"] == 8
    (row, *_) = pq.read_table("out/train-00000-of-00001.parquet").to_pylist()
    assert row["task"] == "niah-multiquery"
    assert len(row["answer"].split(", ")) == 3


def test_rows_are_problems_to_train_on_as_they_are() -> None:
    run(*synth("keychain", "--chains", "2", "--prompt-style", "paper"))
    source = SourcePart("out/train-00000-of-00001.parquet")
    loaded = load_problems(source, PromptPart(), load_verifier("substring", {}))
    assert len(loaded.problems) == 8
    problem = loaded.problems[0]
    assert [turn["role"] for turn in problem.prompt] == ["system", "user"]
    rollout = Rollout(
        problem.id, (1,), 1, "eos", 10, Verdict.CORRECT, f"<think>\n</think>\n\\boxed{{{problem.answer}}}"
    )
    assert Substring()(Group(problem, [rollout]), History()) == [1.0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("keychain", "--tokenizer", "absent"), "no tokenizer 'absent'"),
        (("keychain", "--chains", "64"), "1024 tokens cannot hold 64 chains of 4 links"),
        (("keychain", "--question-hops", "two"), "--question-hops 'two': give some of 2,3,4"),
        (("keychain", "--key", "hex9"), "unknown key format 'hex9'"),
        (("keychain", "--source", "nowhere"), "unknown source 'nowhere'"),
        (("keychain", "--split", "dev"), "unknown split 'dev'"),
        (("multihop", "--prompt-style", "poem"), "unknown prompt-style 'poem'"),
        (("multihop", "--workers", "0"), "--workers must be at least 1"),
        (("multihop", "--shard-rows", "0"), "--shard-rows must be at least 1"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str
) -> None:
    assert says in refused(capsys, *synth(*arguments))
    assert not Path("out").exists()


def test_a_folder_that_cannot_be_made_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").write_text("a file")
    assert "cannot write out" in refused(capsys, *synth("keychain"))
