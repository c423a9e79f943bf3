"""One file of a run harmed, as disks, full quotas and tidy people do."""

from __future__ import annotations

import random

from rl.folders.run import RunFolder


def damage(run: RunFolder, choice: random.Random) -> str:
    """Delete a file of the run, cut it, or flip a bit of it; says which and how. A run without files is left alone.

    Bits are flipped only in what a run goes on from: in what it only writes, such as rollouts, nobody reads them.
    """
    files = sorted(path for path in run.path.rglob("*") if path.is_file() and not path.is_symlink())
    if not files:
        return "nothing"
    path = choice.choice(files)
    name, size = path.relative_to(run.path).as_posix(), path.stat().st_size
    how = choice.choice(("delete", "cut", "flip") if size and _is_read(name) else ("delete", "cut"))
    if how == "delete":
        path.unlink()
        return f"{name} deleted"
    if how == "cut":
        left = choice.randrange(max(size, 1))
        with path.open("r+b") as file:
            file.truncate(left)
        return f"{name} cut to {left} of {size} bytes"
    place = choice.randrange(size)
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 1 << choice.randrange(8)]))
    return f"{name}: a bit of byte {place} flipped"


def _is_read(name: str) -> bool:
    return name.split("/")[0] in ("checkpoints", "evaluation", "final", "recipe.yaml", "probe.parquet")
