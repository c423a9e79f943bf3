"""A run's folder: what is in it, whom it belongs to, and how it survives a crash.

recipe.yaml, metrics.jsonl, alarms.jsonl, rollouts/*.parquet, evaluation/*.parquet, checkpoints/, final/, report/.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rl.errors import UserError
from rl.folders import kept
from rl.folders.lock import LOCK
from rl.folders.sums import note
from rl.folders.whole import whole_file
from rl.folders.written import MARK, Mark, own_files, remove
from rl.reading import object_of, parsed, plain_yaml_of, text_of
from rl.recipe.parts import Recipe
from rl.secrecy import clean

if TYPE_CHECKING:
    import pyarrow as pa

Status = Literal["new", "unfinished", "finished"]


@dataclass(frozen=True)
class RunFolder:
    """The output folder of one recipe."""

    path: Path

    @property
    def recipe(self) -> Path:
        return self.path / "recipe.yaml"

    @property
    def inputs(self) -> Path:
        """What the run is made of beside its recipe, by digests."""
        return self.path / "inputs.json"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def alarms(self) -> Path:
        return self.path / "alarms.jsonl"

    @property
    def rollouts(self) -> Path:
        return self.path / "rollouts"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def final(self) -> Path:
        return self.path / "final"

    @property
    def report(self) -> Path:
        return self.path / "report"

    @property
    def summary(self) -> Path:
        """Written last: a run is finished by it, unless it says that it diverged."""
        return self.report / "summary.json"

    def evaluation(self, when: Literal["before", "after"]) -> Path:
        return self.path / "evaluation" / f"{when}.parquet"

    @property
    def probe(self) -> Path:
        """What the untrained model made of the training problems."""
        return self.path / "probe.parquet"

    def stage(self, place: int, name: str) -> RunFolder:
        """The run of one stage, counted from 1."""
        return RunFolder(self.path / "stages" / f"{place}-{name}")

    @property
    def seen_from_the_next(self) -> str:
        """The final model of a stage, as the recipe of the next stage names it wherever the run is moved to."""
        return f"../{self.path.name}/{self.final.name}"

    def model_of(self, recipe: Recipe) -> str:
        """The model that a recipe of this folder names, by a path or hub name."""
        return str(self.path / recipe.model) if kept.STAGE_MODEL.fullmatch(recipe.model) else recipe.model

    def logged(self) -> list[dict[str, Any]]:
        """What was logged so far, over all stages where there are any, steps counted on."""
        if self.metrics.is_file():
            return read_metrics(self.metrics)
        lines: list[dict[str, Any]] = []
        for path in sorted(self.path.glob("stages/*/metrics.jsonl"), key=lambda p: _stage_place(p.parent)):
            done = lines[-1]["step"] if lines else 0
            lines += [{**line, "step": line["step"] + done, "stage": path.parent.name} for line in read_metrics(path)]
        return lines

    def rollout_files(self) -> list[tuple[int, Path]]:
        """Every round's file in order, over all stages; each with the steps of the stages before its own."""
        stages = sorted(self.path.glob("stages/*"), key=_stage_place)
        found: list[tuple[int, Path]] = []
        done = 0
        for folder in [RunFolder(path) for path in stages] or [self]:
            found += [(done, path) for path in sorted(folder.rollouts.glob("round-*.parquet"))]
            done += folder.logged()[-1]["step"] if stages and folder.logged() else 0
        return found

    def gather(self, stages: Sequence[RunFolder]) -> None:
        """Make this folder show a run of several stages: first `before`, last `after` and model, all metrics."""
        write_text(self.metrics, "".join(json.dumps(line) + "\n" for line in self.logged()))
        shown: list[tuple[Literal["before", "after"], RunFolder]] = [("before", stages[0]), ("after", stages[-1])]
        for when, stage in shown:
            if stage.evaluation(when).is_file():
                self.evaluation(when).parent.mkdir(exist_ok=True)
                with whole_file(self.evaluation(when)) as temporary:
                    shutil.copyfile(stage.evaluation(when), temporary)
                    note(self.evaluation(when), temporary)
        if not self.final.exists():
            self.final.symlink_to(stages[-1].final.relative_to(self.path), target_is_directory=True)

    def status(self, recipe: Recipe) -> Status:
        """Whose folder this is. Another recipe's, or no run's at all, is an error."""
        names = (MARK, self.inputs.name, self.recipe.name)
        begun = {
            LOCK,
            MARK,
            self.inputs.name,
            *(f"{name}.tmp" for name in names),
        }  # what a kill at the start leaves
        if not self.path.exists() or (self.path.is_dir() and all(p.name in begun for p in self.path.iterdir())):
            return "new"
        if not self._is_run():
            raise UserError(f"{self.path} exists and is not a run folder; choose another --out")
        if not kept.is_of(self.written_recipe(), recipe):
            raise UserError(f"{self.path} holds a run of another recipe; choose another --out, or --overwrite it")
        return "finished" if self.is_finished() else "unfinished"

    def as_begun(self, recipe: Recipe) -> Recipe:
        """The recipe with what the run here began with where it leaves that to the machine. Errors: UserError."""
        return kept.adopted(recipe, self.written_recipe()) if self.path.is_dir() and self._is_run() else recipe

    def is_finished(self) -> bool:
        """Whether there is a summary, and not of a run that diverged."""
        return self.summary.is_file() and "diverged" not in object_of(self.summary)

    def _is_run(self) -> bool:
        """A recipe alone is no run; one that was begun before runs were marked has more beside it."""
        others = (self.path / LOCK, self.metrics, self.checkpoints, self.final)
        return self.recipe.is_file() and (self.marked or any(path.exists() for path in others))

    @property
    def marked(self) -> bool:
        """Whether the folder is a run's and nothing else, by its mark."""
        return Mark(self.path).kind == "run"

    def clearable(self) -> list[Path]:
        """The files that `clear` deletes. Errors: UserError where there are others, or a run that has no mark."""
        return own_files(self.path) if self.marked or self._is_run() else []

    def written_recipe(self) -> dict[str, Any]:
        """The recipe that lies here, as plain YAML has it. Errors: UserError where it is damaged."""
        try:
            found = plain_yaml_of(self.recipe)
        except UserError as error:
            raise UserError(f"{self.recipe} is damaged ({error}); put it back, or --overwrite the run") from error
        if not isinstance(found, dict):
            raise UserError(f"{self.recipe} is damaged (no recipe); put it back, or --overwrite the run")
        return found

    def clear(self) -> None:
        """Delete a run, whatever its recipe, but not its lock. Errors: UserError where more than a run lies there."""
        # Interrupted, this leaves a run that counts as neither finished nor trained, and still is a run.
        remove(self.path, sorted(self.clearable(), key=self._when_cleared))

    def _when_cleared(self, path: Path) -> int:
        if path == self.path / MARK:
            return 3
        if path.name == self.recipe.name:
            return 2
        return 0 if path.name == self.summary.name or self.final.name in path.relative_to(self.path).parts else 1

    def start(self, recipe: Recipe) -> None:
        """Write whose run this is. A new folder is marked; one that is not, of an older run, stays as it is."""
        if not self.recipe.is_file():
            Mark(self.path).write("run")
        self.summary.unlink(missing_ok=True)  # of a run that diverged and now goes on
        write_text(self.recipe, recipe.to_yaml())

    def take_final(self, written: Path) -> None:
        """Make a folder, written whole, this run's final model."""
        if self.marked:
            files = (path.relative_to(written).as_posix() for path in written.rglob("*") if not path.is_dir())
            Mark(self.path).write("run", final=sorted(files))
        note(self.final, written)
        written.rename(self.final)

    def rewind(self, step: int, rounds: int) -> None:
        """Forget the lines logged after `step` and the rollouts after the first `rounds`: they are written again."""
        if self.metrics.is_file():
            kept = [line for line in read_metrics(self.metrics) if line["step"] <= step]
            write_text(self.metrics, "".join(json.dumps(line) + "\n" for line in kept))
        if self.alarms.is_file():
            said = [line for line in read_metrics(self.alarms) if line["step"] < step]
            write_text(self.alarms, "".join(json.dumps(line) + "\n" for line in said))
        for path in self.rollouts.glob("round-*"):
            number = path.stem.rpartition("-")[2]
            if number.isdigit() and (path.suffix == ".tmp" or (path.suffix == ".parquet" and int(number) >= rounds)):
                path.unlink()

    def log(self, line: dict[str, Any]) -> None:
        """Add a line to the metrics, on the disk before any checkpoint that counts on it."""
        with self.metrics.open("a") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def write_alarm(self, step: int, line: str) -> None:
        """Keep an alarm that the round of this step gave; it may quote what a server said."""
        with self.alarms.open("a") as file:
            file.write(json.dumps({"step": step, "alarm": clean(line)}) + "\n")

    def alarms_said(self) -> list[str]:
        lines = read_metrics(self.alarms) if self.alarms.is_file() else []
        if any("alarm" not in line for line in lines):
            raise UserError(f"{self.alarms}: a line has no alarm; restore the file, or remove the line")
        return [line["alarm"] for line in lines]

    def write_rollouts(self, number: int, tables: Iterable[pa.Table]) -> None:
        """Those that round `number`, counted from 0, is done with, one a row; each table a group of rows.

        The file is there whole or not at all.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        target = self.rollouts / f"round-{number:06d}.parquet"
        target.parent.mkdir(exist_ok=True)
        rest = iter(tables)
        first = next(rest)
        with (
            whole_file(target, f"{target.stem}.tmp") as temporary,
            pq.ParquetWriter(temporary, first.schema) as writer,
        ):
            for table in chain([first], rest):
                writer.write_table(table)
        pa.default_memory_pool().release_unused()  # a group of rows' buffers, until the next round


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a metrics.jsonl or an alarms.jsonl; a last line that a crash cut short is left out.

    Errors: UserError naming another line that is none of a run's.
    """
    texts = text_of(path).split("\n")
    lines = []
    for number, text in enumerate(texts, 1):
        if not text.strip() or (number == len(texts) and not text.endswith("}")):
            continue
        line = parsed(text, f"{path}, line {number}")
        if not isinstance(line, dict) or not _is_step(line.get("step")):
            raise UserError(f"{path}, line {number}: no line of a run: it has no step; restore the file, or remove it")
        wrong = [name for name, value in line.items() if not _is_written(name, value)]
        if wrong:
            raise UserError(f"{path}, line {number}: {wrong[0]!r} is no number; restore the file, or remove the line")
        lines.append(line)
    return lines


def _is_written(name: str, value: Any) -> bool:
    if name in ("alarm", "stage"):
        return isinstance(value, str)
    return value is None or isinstance(value, float) or (isinstance(value, int) and abs(value) <= sys.float_info.max)


def _is_step(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary:
        temporary.write_text(text)


def _stage_place(path: Path) -> int:
    return int(path.name.split("-")[0])
