"""What `lengthwise audit` of 100,000 rollouts takes for thirty methods, beside scoring and estimating them one by one.

    python experiments/benchmarks/audit.py

Lines of rollouts are made, with texts of some hundred tokens, and the commands run on them, each in a process of its
own on one thread: user and system time, and the most memory.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from experiments.benchmarks._shared import PROGRAM, surroundings, write

GROUPS, SIZE = 6250, 16
METHODS = (
    *("a-dlp", "alp", "arlcp", "canon", "cispo", "cosine", "dapo", "ddca", "dr-grpo", "drpo-weights", "efficient"),
    *("gdpo", "gfpo", "gr3", "grpo-lambda", "hapo", "l1-exact", "laser", "laser-d", "laser-de", "lead", "linear"),
    *("maxrl", "o1-pruner", "on-policy-sft", "qglas", "shorter-better", "siri", "toggle", "dler"),
)
ONE = ["score", "--reward", "kimi"]
TWO = ["advantages", "--estimator", "group"]


def made(path: Path) -> None:
    """Rollouts of problems of every difficulty, whose wrong ones are longer."""
    rng = np.random.default_rng(0)
    texts = [" ".join(f"step{word}" for word in rng.integers(500, size=60)) for _ in range(997)]
    with path.open("w") as file:
        for group in range(GROUPS):
            accuracy, typical = rng.uniform(), rng.lognormal(7.5, 0.4)
            right = rng.uniform(size=SIZE) < accuracy
            lengths = np.minimum(8192, typical * rng.lognormal(np.where(right, 0.0, 0.3), 0.4)).astype(int).tolist()
            for place, (length, correct) in enumerate(zip(lengths, right.tolist(), strict=True)):
                ended = length < 8192
                line = {"problem_id": f"p{group}", "length": length, "correct": correct and ended, "budget": 8192}
                line |= {
                    "stop": "eos" if ended else "length",
                    "text": texts[(group + place) % len(texts)],
                    "answer": "4",
                }
                file.write(json.dumps({**line, "reward": float(correct and ended)}) + "\n")


def measured(*arguments: str) -> dict[str, float]:
    """CPU seconds and megabytes of one command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], env=environment, check=True, capture_output=True, text=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_seconds": round(seconds, 1), "megabytes": round(int(done.stderr.split()[-1]) / 1024)}


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "rollouts.jsonl"
        made(file)
        names = ",".join(METHODS)
        out = ["--json", str(Path(name) / "out.json")]
        found = {
            "audit": measured("audit", "--rollouts", str(file), "--methods", names, "--quiet", *out),
            "score": measured(*ONE, "--rollouts", str(file), *out),
            "advantages": measured(*TWO, "--rollouts", str(file), *out),
        }
    methods = len(METHODS)
    apart = methods * (found["score"]["cpu_seconds"] + found["advantages"]["cpu_seconds"])
    ratio = round(apart / found["audit"]["cpu_seconds"], 2)
    result = {**surroundings(), "rollouts": GROUPS * SIZE, "methods": methods, "ways": found, "ratio": ratio}
    rows = [f"| `{way}` | {own['cpu_seconds']:.1f} | {own['megabytes']:.0f} |" for way, own in found.items()]
    lines_ = [
        f"`lengthwise audit` of {GROUPS * SIZE:,} rollouts in {GROUPS:,} groups by {methods} methods, with a thousand",
        "resamples of groups for every figure, and one method's `score` and `advantages` on the same file.",
        "",
        "| command | CPU seconds | most memory, MB |",
        "|---|---|---|",
        *rows,
        "",
        f"Scoring and estimating {methods} methods one by one would take {ratio:.1f} times as long as the audit,",
        "without its figures. One thread, starting Python and its libraries included; "
        f"{result['date']}, {result['machine']}.",
    ]
    write("audit", result, lines_)


if __name__ == "__main__":
    main()
