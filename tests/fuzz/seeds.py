"""Small good files of every kind that a command reads."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path

import yaml
from run_folders import make_run
from synth_rows import plan, render, write_parquet, write_tokenizer

from rl.cli import run_command
from rl.models import resolve_model

RECIPE = {
    "name": "fuzzed",
    "model": "demo",
    "data": {"train": {"source": "problems.jsonl"}, "eval": {"source": "demo", "options": {"split": "test", "n": 4}}},
    "rewards": [{"name": "truncation", "weight": 1.0}, "repetition"],
    "budget": {"name": "linear", "initial": 40, "final": 20},
    "advantage": {"name": "dler"},
    "verifier": {"name": "math", "strict": False},
    "sampling": {"dynamic": True},
    "evaluation": {"budget": 40, "samples": 1},
    "rollouts": {"engine": "transformers"},
    "batch": {"groups": 2},
    "trainer": {
        "num_generations": 4, "gradient_checkpointing": False, "max_steps": 1, "learning_rate": 1e-4, "temperature": 1.0,
        "top_p": 1.0, "save_steps": 1, "beta": 0.0,
    },
}  # fmt: skip

EVALUATE = "evaluate --model demo --data demo --limit 4 --cap 20 --out answers.parquet --json figures.json"
HISTORY = {"hapo": {"p0": {"count": 1.0, "length": 10.0}}}


def make_seeds(folder: Path) -> None:
    """Write them into an empty folder, which the plays take for their working directory."""
    problems = [{"problem": f"{n}+1=?", "answer": str(n + 1), "level": n % 3} for n in range(8)]
    _lines(folder / "problems.jsonl", problems)
    (folder / "problems.json").write_text(json.dumps(problems))
    (folder / "problems.csv").write_text("problem,answer\n" + "".join(f"{n}+1=?,{n + 1}\n" for n in range(8)))
    rollouts = [
        {
            "problem_id": f"p{n // 4}", "length": 10 + n, "correct": n % 2 == 0, "stop": "eos", "budget": 40, "reward": n / 8,
            "text": "<think>1</think> \\boxed{2}", "rewards": {"truncation": 1.0}, "token_ids": [1, 2, 3],
        }
        for n in range(8)
    ]  # fmt: skip
    _lines(folder / "rollouts.jsonl", rollouts)
    _lines(folder / "cases.jsonl", [{"gold": "2", "completion": "\\boxed{2}", "expect": True} for _ in range(3)])
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    (folder / "rates.yaml").write_text(yaml.safe_dump({"gpu_memory": 80, "tflops": 180, "kept": 0.5}))
    (folder / "launch.yaml").write_text(yaml.safe_dump({"distributed_type": "MULTI_GPU", "num_processes": 2}))
    (folder / "history.json").write_text(json.dumps({"history": HISTORY}))
    make_run(folder / "run", problems=4, checkpoints=(2, 8))
    make_run(folder / "other", problems=4, tokens=30)
    (folder / "run/report").mkdir()
    (folder / "run/report/summary.json").write_text(json.dumps({"name": "made-up", "steps": 8, "seconds": 3.0}))
    _lines(folder / "run/alarms.jsonl", [{"step": 3, "alarm": "entropy fell to 0.05"}])
    with suppress(SystemExit):
        run_command(EVALUATE.split())
    for place in ("base", "trained", "run/final"):
        shutil.copytree(resolve_model("demo"), folder / place)
    rows = [render(plan(seed), write_tokenizer(folder)) for seed in range(2)]
    write_parquet(folder / "synth.parquet", rows)
    _lines(folder / "synth.jsonl", rows)


def _lines(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))
