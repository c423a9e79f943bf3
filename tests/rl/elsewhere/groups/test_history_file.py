"""A history that several processes share: nothing lost, nothing twice, damage passed over."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from rewards import History
from rl.elsewhere.groups import history_file
from rl.elsewhere.groups.history_file import HistoryFile
from rl.errors import UserError


def count(problem_id: str, history: History) -> None:
    """How often a problem was visited."""
    entry = history.get("visits", problem_id) or {"n": 0.0}
    history.put("visits", problem_id, {"n": entry["n"] + 1})


def visit(file: HistoryFile, problem_id: str, step: int | None = None) -> None:
    file.observe([(problem_id, partial(count, problem_id))], step)


def visits(file: HistoryFile, problem_id: str) -> float:
    file.refresh()
    return (file.history.get("visits", problem_id) or {"n": 0.0})["n"]


def test_what_one_process_adds_the_other_knows_and_goes_on_from(tmp_path: Path) -> None:
    one, other = HistoryFile(tmp_path / "h"), HistoryFile(tmp_path / "h")
    visit(one, "p")
    visit(other, "p")  # it reads the first's before it counts
    visit(one, "q")
    assert [visits(file, name) for file in (one, other) for name in "pq"] == [2, 1, 2, 1]
    assert visits(HistoryFile(tmp_path / "h"), "p") == 2


def test_a_step_that_is_resumed_is_not_observed_twice_but_two_copies_of_a_problem_are_in_one_step(
    tmp_path: Path,
) -> None:
    first = HistoryFile(tmp_path / "h")
    for step in (1, 2, 3):
        visit(first, "p", step)
    again = HistoryFile(tmp_path / "h")  # the trainer's checkpoint was of step 1
    for step in (2, 3, 4):
        visit(again, "p", step)
    visit(again, "q", 2)  # not visited by then
    assert (visits(again, "p"), visits(again, "q"), again.skipped) == (4, 1, 2)
    again.observe([("r", partial(count, "r"))] * 2, 5)
    assert visits(again, "r") == 2


def test_processes_that_write_side_by_side_lose_nothing(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from functools import partial\n"
        "from rl.elsewhere.groups.history_file import HistoryFile\n"
        "def count(history):\n"
        "    entry = history.get('visits', 'p') or {'n': 0.0}\n"
        "    history.put('visits', 'p', {'n': entry['n'] + 1})\n"
        "file = HistoryFile(Path(sys.argv[1]))\n"
        "for _ in range(100): file.observe([('p', count)], None)\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "h")]) for _ in range(2)]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert visits(HistoryFile(tmp_path / "h"), "p") == 200


@pytest.mark.parametrize("kept", [1, 20, -1])
def test_a_line_that_a_kill_cut_short_is_passed_over_and_the_next_stands_on_its_own(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "h"
    visit(HistoryFile(path), "p", 1)
    visit(HistoryFile(path), "p", 2)
    whole = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(whole[0] + whole[1][:kept])
    after = HistoryFile(path)
    assert visits(after, "p") == 1
    visit(after, "p", 3)
    assert visits(HistoryFile(path), "p") == 2


def test_a_file_that_goes_or_shrinks_under_way_is_told_of(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path / "h")
    visit(file, "p", 1)
    (tmp_path / "h").write_text("")
    with pytest.raises(UserError, match="is shorter than it was: somebody else wrote it anew"):
        file.refresh()
    (tmp_path / "h").unlink()
    with pytest.raises(UserError, match=r"cannot read the history .*; it was there before"):
        file.refresh()


def test_who_waits_for_another_processs_lock_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = HistoryFile(tmp_path / "h")
    held, flock = (tmp_path / "h").open("rb"), fcntl.flock
    flock(held, fcntl.LOCK_EX)

    def let_go(own: int, how: int) -> None:
        if not how & fcntl.LOCK_NB:  # it said so, and waits now
            held.close()
        flock(own, how)

    monkeypatch.setattr(history_file, "WAIT", 0.02)
    monkeypatch.setattr(fcntl, "flock", let_go)
    visit(file, "p", 1)
    assert "another process holds the history" in capsys.readouterr().err
    assert visits(file, "p") == 1


def test_a_file_that_is_something_else_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    for text in (
        "hello\n",
        '{"a": 1}\n',
        "[1]\n",
        '{"problem_id": "p", "put": [], "step": "x"}\n',
        '{"problem_id": "p", "put": 3, "step": 1}\n',
    ):
        (tmp_path / "h").write_text(text)
        with pytest.raises(UserError, match="is no history of ours"):
            HistoryFile(tmp_path / "h")
        assert (tmp_path / "h").read_text() == text
    with pytest.raises(UserError, match="cannot write the history"):
        HistoryFile(tmp_path / "nowhere" / "h")
