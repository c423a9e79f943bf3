"""A sweep's runs as jobs of SLURM, by a batch script that takes a recipe and finds its run's folder in OUT."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from shutil import which

from rl.errors import UserError
from rl.folders.run import write_text
from rl.sweep.grid import Point
from rl.sweep.processes import log_of
from rl.terminal import say


def require_slurm(script: Path) -> None:
    """Errors: UserError where there is no such script, or no SLURM."""
    if not script.is_file():
        raise UserError(f"--slurm: there is no batch script {script}")
    if which("sbatch") is None:
        raise UserError("--slurm needs sbatch, which is not on this machine: start the sweep on a login node")


def submit(todo: Sequence[Point], out: Path, script: Path, again: Sequence[str]) -> None:
    """A job for each run that has none in the queue, and one after all of them that runs the command `again`.

    Errors: UserError where SLURM refuses a job; those before it stay in the queue.
    """
    jobs = []
    for point in todo:
        job = _queued(point)
        if job is None:
            recipe = point.run.path.with_suffix(".yaml")
            write_text(recipe, point.recipe.to_yaml())
            log = f"--output={log_of(point.run)}"
            job = _sbatch([f"--job-name={point.name}", log, str(script), str(recipe)], OUT=str(point.run.path))
            write_text(_job_of(point), f"{job}\n")
            say(f"{point.name} is job {job}")
        else:
            say(f"{point.name} is job {job} already")
        jobs.append(job)
    command = shlex.join([sys.executable, "-m", "rl.cli", "sweep", *again])
    log, after = f"--output={out / 'report.log'}", f"--dependency=afterany:{':'.join(jobs)}"
    page = _sbatch(["--job-name=report", log, after, f"--wrap={command}"])
    say(f"the page is job {page}, after all of them; the same command submits those again that failed")


def _sbatch(arguments: Sequence[str], **environment: str) -> str:
    """The number of the job."""
    command = ["sbatch", "--parsable", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, check=False)
    if done.returncode:
        raise UserError(f"sbatch refuses {arguments[0]}: {' '.join(done.stderr.split()) or 'it does not say why'}")
    return done.stdout.strip().partition(";")[0]


def _job_of(point: Point) -> Path:
    return point.run.path.with_suffix(".job")


def _queued(point: Point) -> str | None:
    """The job that a run has in the queue; squeue knows none that has ended."""
    if not _job_of(point).is_file():
        return None
    job = _job_of(point).read_text().strip()
    asked = subprocess.run(
        ["squeue", "--noheader", f"--jobs={job}", "--format=%T"], capture_output=True, text=True, check=False
    )
    return job if asked.returncode == 0 and asked.stdout.strip() else None
