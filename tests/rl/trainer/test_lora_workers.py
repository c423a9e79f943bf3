"""An adapter that trains here, sampled by rollout workers elsewhere."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_runs import RECIPE
from workers import fake_workers

from rl.errors import UserError
from rl.estimates.sizes import Sizes
from rl.folders.run import RunFolder, read_metrics
from rl.models import resolve_model
from rl.recipe.files import load_recipe
from rl.rollouts.workers import standing
from rl.run import engines
from rl.run.train import train

DEMO = resolve_model("demo")
STARTED = {"rank": 4, "target_modules": ["q_proj", "down_proj"]}


def run(folder: Path, name: str, workers: list[Any], lora: dict[str, Any] | None, minutes: float = 1.0) -> RunFolder:
    rollouts: dict[str, Any] = {"engine": "transformers"}
    if workers:
        addresses = [worker.address for worker in workers]
        rollouts = {"engine": "workers", "workers": addresses, "wait_minutes": minutes, "check_every": 1}
    trainer = {**RECIPE["trainer"], "learning_rate": 1e-2}
    recipe = folder / f"{name}.yaml"
    recipe.write_text(yaml.safe_dump({**RECIPE, "name": name, "lora": lora, "rollouts": rollouts, "trainer": trainer}))
    return train(str(recipe), ["evaluation.before=false"], out=folder / name, quiet=True)


def lengths(run: RunFolder) -> list[float]:
    return [line["length/mean"] for line in read_metrics(run.metrics) if "length/mean" in line]


def test_workers_sample_from_the_adapter_and_the_weight_check_passes_at_each_step(tmp_path: Path) -> None:
    with fake_workers(2, "--model", DEMO, "--adapter-rank", "8") as workers:
        ours = run(tmp_path, "workers", workers, STARTED)
        seen = [worker.seen() for worker in workers]
    assert all(each["of the adapter"] == each["asked"] > 0 for each in seen)
    theirs = run(tmp_path, "here", [], STARTED)
    assert lengths(ours) == lengths(theirs)


@pytest.mark.parametrize(
    ("arguments", "lora", "reason"),
    [
        ((), STARTED, "it takes no adapters: start it with --adapter-rank 4"),
        (("--adapter-rank", "2"), STARTED, "it takes adapters up to rank 2: start it with --adapter-rank 4"),
        (("--adapter-rank", "8"), None, "the run trains a whole model: start it without --adapter-rank"),
    ],
)
def test_a_worker_that_was_started_for_something_else_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], lora: Any, reason: str
) -> None:
    monkeypatch.setattr(standing, "FIRST_PAUSE", 0.1)
    with fake_workers(1, "--model", DEMO, *arguments) as workers, pytest.raises(UserError, match=reason):
        run(tmp_path, "r", workers, lora, minutes=0.02)


def test_vllm_in_process_is_made_for_the_base_and_the_adapters_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    monkeypatch.setattr(engines, "VllmEngine", lambda *arguments: made.append(arguments))
    monkeypatch.setattr(engines, "model_length", lambda prepared: 128)
    recipe = load_recipe("demo-dler-lora", ["rollouts.engine=vllm"])

    class Prepared:
        config = type("Config", (), {"bf16": False, "fp16": False})
        sizes = Sizes(share=0.5, sleep=0)

    Prepared.recipe = recipe  # type: ignore[attr-defined]
    engines.build_engine(Prepared(), DEMO)  # type: ignore[arg-type]
    sized = replace(recipe.rollouts.vllm, gpu_memory_utilization=0.5, sleep=0)
    assert made == [(DEMO, sized, 128, "float32", 8)]
