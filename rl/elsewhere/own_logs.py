"""The rollouts that a run of ours wrote, as the lines of `rollout_files`.

`completion` becomes `text`, `verdict` says what is `correct`, `prompt` is text or turns again. `raw_reward`, `rewards`,
`reward` (their weighted sum), `advantage` (null: did not train), `answer`, `round` and `group` stay. Columns of the
data are not logged, aliases of an answer among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rewards import Verdict
from rl.elsewhere.known import files_in, format_of
from rl.errors import UserError
from rl.folders.rollouts import LATER, rollout_table
from rl.folders.run import RunFolder
from rl.reading import parsed

SAME = (
    *("problem_id", "answer", "length", "stop", "budget", "token_ids", "verdict", "raw_reward", "rewards", "reward"),
    *("advantage", "weight_version", "round", "group"),
)


def is_own(path: Path) -> bool:
    """Whether a path leads to what a run wrote: a parquet file, the folder `rollouts/`, or the run's."""
    if path.is_dir():
        return RunFolder(path).recipe.is_file() or bool(_there(path)) or not files_in(path)
    return path.is_file() and path.suffix == ".parquet" and format_of(path) is None


def own_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """One object a rollout after where it stands, round after round.

    Errors: UserError naming the file and what it lacks.
    """
    for file in _files(path):
        rows = rollout_table(file, (*SAME, *LATER, "prompt", "completion")).to_pylist()
        for number, row in enumerate(rows, 1):
            where = f"{file}, row {number}"
            yield where, _line(row, where)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if (path / "stages").is_dir():
        raise UserError(f"{path} is a run of several stages; give the folder of one, {path}/stages/…")
    files = _there(path)
    if not files:
        raise UserError(
            f"{path} holds no rollouts: no round-*.parquet there or in its folder rollouts/, nor other logs"
        )
    return files


def _there(folder: Path) -> list[Path]:
    return [file for _, file in RunFolder(folder).rollout_files()] or sorted(folder.glob("round-*.parquet"))


def _line(row: Mapping[str, Any], where: str) -> dict[str, Any]:
    if row["verdict"] not in set(Verdict):
        raise UserError(f"{where}: {row['verdict']!r} is no verdict")
    worth = Verdict(row["verdict"]).worth
    return {
        **{name: row[name] for name in SAME},
        **{name: row[name] for name in LATER if name in row},
        "prompt": parsed(row["prompt"], where),
        "text": row["completion"],
        "correct": None if worth is None else worth == 1,
    }
