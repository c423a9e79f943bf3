"""A folder is held by itself, whatever becomes of the names in it."""

import shutil
from pathlib import Path

import pytest

from rl.errors import UserError
from rl.folders.lock import LOCK, holder, locked, require_held


def test_a_folder_whose_lock_file_was_deleted_is_still_held(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with locked(run):
        for spoil in (lambda path: path.unlink(), lambda path: path.write_text("")):
            spoil(run / LOCK)
            with pytest.raises(UserError, match="is being trained by another process"), locked(run):
                pass
            assert holder(run) == "another process"
            (run / LOCK).touch()
    assert holder(run) is None
    with locked(run):
        assert "process" in str(holder(run))


def test_a_folder_that_was_replaced_is_not_written_to(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    place = run.stat()
    require_held(run, place)
    run.rename(tmp_path / "moved")
    with pytest.raises(UserError, match="was deleted or replaced while it was being trained"):
        require_held(run, place)
    shutil.copytree(tmp_path / "moved", run)
    with pytest.raises(UserError, match="was deleted or replaced while it was being trained"):
        require_held(run, place)
