"""What Lengthwise itself wrote into a folder: the folder's mark, and the names that are known.

A mark says what a folder is and lists files of whatever name, such as a model's. Only a folder that carries one is ever
cleared, and only of what is known: whatever else lies there is somebody's work, and is named instead.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rl.errors import UserError
from rl.folders.checkpoints import STATE_FILE
from rl.folders.lock import LOCK
from rl.folders.whole import whole_file

MARK = ".lengthwise"
SHOWN = 3
"""Files of others that a refusal names."""

_RUN = re.compile(
    r"""(stages/\d+-[^/]+/)?(
        (recipe\.yaml | metrics\.jsonl | alarms\.jsonl | probe\.parquet | inputs\.json | \.lengthwise | \.lock)(\.tmp)?
      | SHA256SUMS
      | rollouts/round-\d+\.(parquet|tmp)
      | evaluation/(before|after|checkpoint-\d+)\.parquet(\.parts/part-\d+\.parquet)?(\.tmp)?
      | report/(index\.html|summary\.json)(\.tmp)?
      | weights/\.?weights-\d+(\.writing)?/[^/]+
      | checkpoints/(_writing/.+ | README\.md | completions/completions_\d+\.parquet | runs/.+)
      | final\.tmp/.+
    )""",
    re.VERBOSE,
)
_MODEL = re.compile(r"(?P<run>(?:stages/\d+-[^/]+/)?)(?P<model>final|checkpoints/checkpoint-\d+)(?:/(?P<file>.+))?")
"""Folders whose files are listed: of a final model in the run's mark, of a checkpoint in its state."""


@dataclass(frozen=True)
class Mark:
    """The mark of a folder."""

    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / MARK

    def read(self) -> dict[str, Any]:
        """What it says; nothing where there is none."""
        try:
            said = json.loads(self.path.read_text())
        except (OSError, ValueError):
            return {}
        return said if isinstance(said, dict) else {}

    @property
    def kind(self) -> str | None:
        """`run`, `demo` or `sweep`; None: the folder is not marked."""
        kind = self.read().get("kind")
        return kind if isinstance(kind, str) else None

    @property
    def final(self) -> list[str]:
        """The files of a run's final model."""
        files = self.read().get("final")
        return files if isinstance(files, list) else []

    def write(self, kind: str, **files: list[str]) -> None:
        """Say what the folder is, and which files of any name in it are ours; what it said else stays."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with whole_file(self.path) as temporary:
            temporary.write_text(json.dumps({**self.read(), "kind": kind, **files}) + "\n")


def own_files(run: Path) -> list[Path]:
    """Every file of a marked run, the mark last; its lock is left out.

    Errors: UserError where the run is not marked, or something else lies among its files.
    """
    if Mark(run).kind != "run":
        raise UserError(
            f"{run} has no mark ({MARK}) that says it is a run of this program alone, as old runs have not; delete it "
            "yourself, or choose another --out"
        )
    files = sorted(files_below(run), key=lambda path: path.name == MARK and path.parent == run)
    require_own(run, [path for path in files if not _of_run(run, path.relative_to(run).as_posix())], "a run")
    return [path for path in files if path != run / LOCK]


def require_own(folder: Path, others: Iterable[Path], kind: str) -> None:
    """Errors: UserError naming `others`, if there are any."""
    names = [str(path.relative_to(folder)) for path in others]
    if names:
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        raise UserError(
            f"{folder} holds {', '.join(names[:SHOWN])}{more}, which {kind} does not write, so it is not cleared; move "
            "that away, or choose another --out"
        )


def require_same_kind(path: Path, begins: str) -> None:
    """Errors: UserError where `path` is there and does not begin as what is to take its place does."""
    try:
        with path.open("rb") as file:
            there = file.read(len(begins.encode()))
    except FileNotFoundError:
        return
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
    if there and there != begins.encode():
        raise UserError(f"{path} is there already and was not written by this command; move it, or give another place")


def remove(folder: Path, files: Iterable[Path]) -> None:
    """Delete these files in their order, and the folders below `folder` that are empty then."""
    for path in files:
        path.unlink(missing_ok=True)
    for place, _, _ in os.walk(folder, topdown=False):
        if Path(place) != folder and not os.listdir(place):
            os.rmdir(place)


def files_below(folder: Path) -> Iterator[Path]:
    """Files and links, at any depth; links are not followed."""
    for place, folders, files in os.walk(folder):
        links = [name for name in folders if Path(place, name).is_symlink()]
        yield from (Path(place, name) for name in [*files, *links])


def _of_run(run: Path, name: str) -> bool:
    if _RUN.fullmatch(name):
        return True
    found = _MODEL.fullmatch(name)
    if found is None:
        return False
    folder, file = run / found["run"], found["file"]
    if found["model"] == "final":
        return (file is None and (run / name).is_symlink()) or file in Mark(folder).final
    return file is not None and (file == STATE_FILE or file in _listed(folder / found["model"], file))


def _listed(checkpoint: Path, file: str) -> Iterable[str]:
    """The files of a checkpoint by its own list; of one that has none, being damaged, all there are."""
    try:
        files = json.loads((checkpoint / STATE_FILE).read_text())["files"]
        return list(files)
    except (OSError, ValueError, KeyError, TypeError):
        return [file]
