"""The run's folder and the caches: writable, lockable, ours, and not in use."""

from __future__ import annotations

import fcntl
import tempfile
from pathlib import Path

from rl.doctor.finding import Finding, fail, ok, warn
from rl.doctor.machine import existing

NETWORKED = ("nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p")


def check_writable(folder: Path, purpose: str, remedy: str, serious: bool = True) -> Finding:
    """Whether a file can be made there, by making one."""
    try:
        with tempfile.NamedTemporaryFile(dir=existing(folder)) as file:
            file.write(b"lengthwise")
            file.flush()
    except OSError as error:
        return (fail if serious else warn)(f"{purpose} {folder} cannot be written: {error.strerror}", remedy)
    return ok(f"{purpose} {folder} can be written")


def check_locks(folder: Path, kind: str) -> Finding:
    """`kind` of file system; a lock is tried on it, in the nearest folder that is there."""
    try:
        with tempfile.NamedTemporaryFile(dir=existing(folder)) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return warn(
            f"files of {folder} ({kind}) cannot be locked: {error.strerror}",
            "see to it that only one run is started there, or choose another --out",
        )
    if kind in NETWORKED:
        return warn(
            f"{folder} is on {kind}, where a lock may not be seen on other hosts",
            "see to it that only one host starts a run there",
        )
    return ok(f"files of {folder} ({kind}) can be locked")


def check_run(folder: Path) -> list[Finding]:
    """Whether another process trains in a run's folder, and whether its checkpoints are whole."""
    from rl.folders import checkpoints
    from rl.folders.lock import LOCK, holder
    from rl.folders.run import RunFolder
    from rl.folders.written import MARK

    run = RunFolder(folder)
    if not folder.exists():
        return []
    if not folder.is_dir():
        return [fail(f"{folder} is no folder", "choose another --out")]
    found = []
    whole = checkpoints.find(run.checkpoints)
    if (held := holder(folder)) is not None:
        found.append(fail(f"{folder} is being trained by {held}", "wait for it, end it, or choose another --out"))
    elif any(path.name not in (LOCK, MARK) for path in folder.iterdir()) and not run.recipe.is_file():
        found.append(fail(f"{folder} is there and is no run's folder", "choose another --out"))
    elif run.is_finished():
        found.append(ok(f"{folder} holds a finished run"))
    elif run.recipe.is_file():
        found.append(ok(f"{folder} holds an unfinished run, which the same command goes on with {whole}"))
    found += [
        warn(f"{run.checkpoints / name} is not whole: {fault}", "nothing: the run is set back to the one before")
        for name, fault in whole.skipped.items()
    ]
    return found


def file_system(folder: Path, mounts: str) -> str:
    """The kind of file system that a folder is on, by the lines of /proc/mounts."""
    best, kind = -1, "unknown"
    for line in mounts.splitlines():
        place = Path(line.split()[1].replace("\\040", " "))
        if len(place.parts) > best and folder.is_relative_to(place):
            best, kind = len(place.parts), line.split()[2]
    return kind


def examine(out: Path, of_a_run: bool) -> list[Finding]:
    """`of_a_run`: whether `out` is to be a run's folder, or one above such."""
    from huggingface_hub.constants import HF_HUB_CACHE

    mounts = Path("/proc/mounts")
    kind = file_system(existing(out).resolve(), mounts.read_text()) if mounts.exists() else "unknown"
    cache = Path(HF_HUB_CACHE)
    return [
        check_writable(out, "the output folder", "choose another --out, or change its owner"),
        check_locks(out, kind),
        *(check_run(out) if of_a_run else []),
        check_writable(cache, "the cache of models", "set HF_HOME to a folder of yours", serious=False),
    ]
