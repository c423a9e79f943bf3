"""What of a whole run, its stages included, or of a model in one, is not as it was written."""

from __future__ import annotations

from pathlib import Path

from rl.folders import checkpoints
from rl.folders.run import RunFolder
from rl.folders.sums import damage


def damages(folder: Path) -> list[str]:
    """A line a damaged part: a checkpoint, the final model, a file of answers; every bit is looked at."""
    return [line for path in [folder, *sorted(folder.glob("stages/*"))] for line in _of(RunFolder(path))]


def model_damage(model: Path) -> str | None:
    """What is wrong with the files of a model: of a run's final one, or of a checkpoint; of others nothing is known."""
    if (model / checkpoints.STATE_FILE).is_file():
        return checkpoints.fault(model, checkpoints.OF_MODELS)
    return damage(model)


def _of(run: RunFolder) -> list[str]:
    found = [f"{run.checkpoints / name}: {fault}" for name, fault in checkpoints.faults(run.checkpoints).items()]
    answers = [run.probe, *sorted((run.path / "evaluation").glob("*.parquet"))]
    parts = [path for path in answers if path.is_file()]
    if run.final.exists() and not run.final.is_symlink():
        parts.append(run.final)
    return found + [f"{path}: {wrong}" for path in parts if (wrong := damage(path))]
