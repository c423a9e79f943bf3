"""Small run folders made up by hand, as training and evaluation leave them."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rl.evaluation import Protocol
from rl.recipe.values import parse_recipe, stages_of

RECIPE: dict[str, Any] = {
    "name": "made-up",
    "model": "demo",
    "data": {"train": "demo", "eval": "demo"},
    "rewards": ["truncation"],
    "budget": {"name": "constant", "tokens": 80},
    "evaluation": {"budget": 320},
}


def make_run(
    path: Path,
    tokens: int = 50,
    problems: int = 24,
    checkpoints: Sequence[int] = (),
    rollouts: bool = True,
    text: str = "<think>1+1=2</think> \\boxed{2}",
    seed: int = 0,
    protocol: Protocol | None = None,
    stages: int = 0,
    **recipe: Any,
) -> Path:
    """A finished run whose answers are about `tokens` long; `recipe` overrides parts of the recipe."""
    values = {**RECIPE, "stages": [{"name": f"s{i}"} for i in range(stages)], **recipe}
    parsed = parse_recipe(values)
    path.mkdir(parents=True)
    (path / "recipe.yaml").write_text(parsed.to_yaml())
    draw = random.Random(f"{seed}-{tokens}")
    write_answers(path / "evaluation/before.parquet", answers(random.Random(0), 100, problems, text), protocol)
    for step in checkpoints:
        write_answers(
            path / f"evaluation/checkpoint-{step}.parquet", answers(draw, tokens + 10, problems, text), protocol
        )
    write_answers(path / "evaluation/after.parquet", answers(draw, tokens, problems, text), protocol)
    folders = [path / "stages" / f"{i}-{name}" for i, (name, _) in enumerate(stages_of(parsed), 1)] or [path]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "metrics.jsonl").write_text("".join(json.dumps(metrics(draw, step)) + "\n" for step in range(1, 9)))
        if rollouts:
            for number in range(4):
                write_round(folder / f"rollouts/round-{number:06d}.parquet", draw, number, text)
    return path


def answers(draw: random.Random, tokens: int, problems: int, text: str, samples: int = 1) -> list[dict[str, Any]]:
    rows = []
    for problem in range(problems):
        for sample in range(samples):
            correct = float(draw.random() < 0.7)
            rows.append(
                {
                    "problem_id": f"p{problem:03d}",
                    "sample": sample,
                    "prompt": f"{problem}+1=?",
                    "answer": str(problem + 1),
                    "difficulty": str(1 + problem % 3),
                    "completion": text,
                    "length": max(1, round(draw.gauss(tokens, 8))),
                    "stop": "eos" if draw.random() < 0.9 else "length",
                    "verdict": "correct" if correct else "wrong",
                    "correct": correct,
                }
            )
    return rows


def write_answers(
    path: Path, rows: list[dict[str, Any]], protocol: Protocol | None = None, rows_kept: int | None = None
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist(rows).slice(0, rows_kept)
    if protocol:
        table = table.replace_schema_metadata({"lengthwise.protocol": json.dumps(protocol.to_dict())})
    pq.write_table(table, path)


def metrics(draw: random.Random, step: int) -> dict[str, Any]:
    """A line of metrics; what only rounds have stands on every second one, as with two updates a round."""
    line: dict[str, Any] = {
        "step": step,
        "loss": 0.1,
        "entropy": 0.5 / step,
        "clip_ratio/region_mean": 0.01,
        "step_time": 1.0,
    }
    if step % 2:
        line |= {
            "accuracy": draw.random(),
            "length/mean": 60 + draw.random(),
            "budget/tokens": 80.0,
            "length/truncated": 0.1,
        }
        line |= {"sampling/all_right": 0.2, "sampling/all_wrong": 0.1}
    return line


def write_round(path: Path, draw: random.Random, number: int, text: str) -> None:
    """8 rollouts of 2 problems; half of them did not train."""
    rows = [
        {
            "step": 2 * number,
            "round": number,
            "group": i // 4,
            "answer": "2",
            "problem_id": f"t{(number + i // 4) % 3}",
            "prompt": json.dumps([{"role": "user", "content": f"train {(number + i // 4) % 3}"}]),
            "completion": text,
            "token_ids": [1, 2],
            "length": 40 + i,
            "stop": "eos",
            "budget": 80,
            "verdict": "correct",
            "raw_reward": 1.0,
            "rewards": {"truncation": draw.random(), "format": None if i else 0.5},
            "reward": 1.0,
            "lead": "",
            "advantage": [1.0, -1.0][i % 2] if i < 4 else None,
            "weight_version": 2 * number,
        }
        for i in range(8)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
