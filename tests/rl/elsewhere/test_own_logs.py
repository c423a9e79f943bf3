"""What a run wrote, read again: its rewards, advantages and verdicts come out as it logged them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import thinker
from commands import refused, run

from rewards import Problem
from rewards.edits.s_grpo import SGrpo
from rewards.length.hapo import Hapo
from rewards.length.truncation import Truncation
from rl.elsewhere.rollout_files import read_rollouts
from rl.errors import UserError
from rl.folders.run import RunFolder
from rl.rounds.records import records

Rows = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def logged(make_trainer: Callable[..., Any], problems: list[Problem]) -> Callable[..., tuple[Any, Rows]]:
    """Three rounds with HAPO over few problems, so that each meets its history, in the folder `run`."""

    def train(**settings: Any) -> tuple[Any, Rows]:
        folder = RunFolder(Path("run"))
        folder.path.mkdir()
        trainer = make_trainer(
            rewards=[Hapo(), Truncation()],
            reward_weights=[1.0, 0.5],
            problems_=problems[:6],
            tokens=120,
            on_round=lambda round_: folder.write_rollouts(round_.number, records(round_)),
            **{"max_steps": 6, **settings},
        )
        trainer.train()
        files = sorted(folder.rollouts.iterdir())
        assert len(files) == 3
        return trainer, [row for file in files for row in pq.read_table(file).to_pylist()]

    return train


@pytest.mark.parametrize("settings", [{}, {"dynamic_sampling": True, "max_sampling_rounds": 3, "seed": 2}])
def test_what_a_run_logged_is_computed_again_from_its_rollouts(
    logged: Callable[..., tuple[Any, Rows]], settings: dict[str, Any]
) -> None:
    trainer, rows = logged(**settings)
    judged = [row for row in rows if row["raw_reward"] is not None]
    assert judged == rows
    assert len({(row["round"], row["problem_id"]) for row in rows}) > len({row["problem_id"] for row in rows})
    for place in ("run", "run/rollouts"):
        found = run("score", "--reward", "hapo", "--rollouts", place)
        assert found["rewards"] == pytest.approx([row["rewards"]["hapo"] for row in rows], abs=1e-6)
        assert found["history"] == {"hapo": trainer.rounds.history.state_dict()["hapo"]}
    assert any(row["rewards"]["hapo"] not in (0.0, 1.0) for row in rows)
    assert run("score", "--reward", "truncation", "--rollouts", "run")["rewards"] == [
        row["rewards"]["truncation"] for row in rows
    ]
    assert [row["reward"] for row in rows] == pytest.approx(
        [row["rewards"]["hapo"] + 0.5 * row["rewards"]["truncation"] for row in rows], abs=1e-6
    )
    advantages = run("advantages", "--estimator", "group", "--rollouts", "run")["advantages"]
    assert [value is None for value in advantages] == [row["advantage"] is None for row in rows]
    trained = [row["advantage"] for row in rows if row["advantage"] is not None]
    assert [value for value in advantages if value is not None] == pytest.approx(trained, abs=1e-4)
    assert any(abs(value) > 0.5 for value in trained)
    verdicts = run("verify", "--cases", "run", "--quiet")
    assert verdicts["verdicts"] == [row["verdict"] for row in rows]
    assert (verdicts["agree"], verdicts["disagree"]) == (1, [])


def test_one_round_is_scored_without_the_history_of_those_before_it_unless_it_is_given(
    logged: Callable[..., tuple[Any, Rows]],
) -> None:
    _, rows = logged()
    files = sorted(Path("run/rollouts").iterdir())
    last = [row for row in rows if row["round"] == 2]
    alone = run("score", "--reward", "hapo", "--rollouts", str(files[2]))["rewards"]
    assert alone == [row["raw_reward"] for row in last]
    for file in files[:2]:
        found = run("score", "--reward", "hapo", "--rollouts", str(file), *HISTORY[: 2 * Path("h.json").exists()])
        Path("h.json").write_text(json.dumps(found))
    found = run("score", "--reward", "hapo", "--rollouts", str(files[2]), *HISTORY)
    assert found["rewards"] == pytest.approx([row["rewards"]["hapo"] for row in last], abs=1e-6)


HISTORY = ["--history", "h.json"]


def test_what_is_no_run_and_what_lacks_a_column_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def said(place: str) -> str:
        return refused(capsys, "score", "--reward", "correct", "--rollouts", place)

    Path("empty").mkdir()
    assert "empty holds no rollouts: no round-*.parquet" in said("empty")
    Path("run/stages/1-warm").mkdir(parents=True)
    assert "run is a run of several stages; give the folder of one" in said("run")
    pq.write_table(pa.table({"problem_id": ["p"]}), "other.parquet")
    assert "other.parquet holds no rollouts of a run: column 'answer' is missing" in said("other.parquet")
    Path("broken.parquet").write_text("no")
    assert "cannot read broken.parquet" in said("broken.parquet")
    assert "does not exist" in said("absent.parquet")


@pytest.mark.parametrize("wrong", [5, [5], [[0]], [["a", "b"]], [[0, 9]], [[2, 2]]])
def test_spans_that_are_none_are_one_clear_line(wrong: Any) -> None:
    line = {"problem_id": "p", "length": 3, "correct": True, "stop": "eos", "budget": None, "text": "", "masked": wrong}
    Path("log.jsonl").write_text(json.dumps(line))
    with pytest.raises(UserError, match=r"'masked' must be spans of tokens, as \[\[0, 3\]\], not"):
        read_rollouts(Path("log.jsonl"))


def test_what_was_forced_cut_and_branched_is_read_again_as_it_was() -> None:
    round_ = thinker.maker(thinker.Thinker(), size=5, edits=[SGrpo(answer=8)]).make(0)
    pq.write_table(pa.concat_tables(records(round_)), "round-00000.parquet")
    names = ("thinking", "forced", "masked", "variant", "root", "branched", "stop", "length", "text")
    again = [r for group in read_rollouts(Path("round-00000.parquet")).groups for r in group.rollouts]
    read = [tuple(getattr(r, name) for name in names) for r in again]
    assert read == [tuple(getattr(r, name) for name in names) for r in round_.rollouts()]
    table = pq.read_table("round-00000.parquet")
    pq.write_table(table.drop_columns(["thinking", "forced", "masked", "variant", "root", "branched"]), "old.parquet")
    assert [r.text for group in read_rollouts(Path("old.parquet")).groups for r in group.rollouts] == [
        r.text for r in again
    ]
