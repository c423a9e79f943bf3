"""One run of a study: train, answer the tests, keep the result. A process of its own; the same command goes on.

python -m experiments.study.one GRID ARM SEED --out RUN --result FILE
"""

from __future__ import annotations

import argparse
import resource
from pathlib import Path
from statistics import fmean

import pyarrow.parquet as pq
from accelerate import PartialState

from experiments.study.grid import Grid, load_grid
from experiments.study.results import MARKS, Answered, Result
from rewards.verifier import Isolated
from rl.evaluation import Protocol
from rl.evaluation.engines import EngineChoice, open_answerer
from rl.evaluation.measuring import asked_by
from rl.folders.run import RunFolder, write_text
from rl.models import load_config, load_tokenizer, resolve_model
from rl.plugins import load_verifier
from rl.problems.data import load_problems
from rl.recipe.parts import Recipe, SourcePart
from rl.run.train import train
from rl.terminal import user_errors_exit_2


def run(grid: Grid, arm: str, seed: int, out: Path) -> Result:
    """Whatever of it is not there yet."""
    recipe, chosen = grid.recipe(arm, seed), grid.all_arms()[arm]
    folder, resumed = RunFolder(out), out.exists()
    model = resolve_model(recipe.model)
    if chosen.trained:
        recipe_file = out.with_suffix(".yaml")
        write_text(recipe_file, recipe.to_yaml())
        model = str(train(str(recipe_file), out=out, quiet=True).final)
    else:
        PartialState(cpu=True)
        out.mkdir(parents=True, exist_ok=True)
    text = recipe.budget.in_prompt
    stated = text.replace("{budget}", str(chosen.asks)) if text and chosen.asks else None
    protocol = Protocol("study", cap=grid.cap, seed=0, budget_text=stated, truncated="wrong")
    tests = {
        name: answered(source, recipe, protocol, model, out / f"{name}.parquet") for name, source in grid.tests.items()
    }
    lengths = [
        pq.read_table(path, columns=["length"])["length"].to_numpy() for path in sorted(out.rglob("rollouts/*.parquet"))
    ]
    clipped = [value for line in folder.logged() if (value := line.get("clip_ratio/region_mean")) is not None]
    return Result(
        arm,
        seed,
        grid.digest(arm, seed),
        tests,
        rollouts=sum(map(len, lengths)),
        sampled_tokens=int(sum(each.sum() for each in lengths)),
        cpu_seconds=None if resumed else _cpu_seconds(),
        clipped=fmean(clipped) if clipped else 0.0,
    )


def answered(source: SourcePart, recipe: Recipe, protocol: Protocol, model: str, kept: Path) -> Answered:
    """The model's answers to a test's problems."""
    verifier = load_verifier(recipe.verifier.name, recipe.verifier.options)
    tokenizer = load_tokenizer(model)
    problems = load_problems(source, recipe.data.prompt, verifier, tokenizer.chat_template is not None)
    asked = asked_by(tokenizer, problems, source, verifier, protocol, "transformers")
    try:
        measured = asked.measure(
            recipe.name,
            tokenizer,
            lambda: open_answerer(
                recipe.name, model, tokenizer, EngineChoice(), asked.needed(tokenizer, load_config(model))
            ),
            kept,
        )
    finally:
        if isinstance(verifier, Isolated):
            verifier.close()
    rows = measured.evaluation.rows
    return Answered(tuple(row["length"] for row in rows), "".join(MARKS[row["correct"]] for row in rows))


def _cpu_seconds() -> float:
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return round(sum(each.ru_utime + each.ru_stime for each in used), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("arm")
    parser.add_argument("seed", type=int)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--result", type=Path, required=True)
    given = parser.parse_args()
    with user_errors_exit_2():
        run(load_grid(given.study), given.arm, given.seed, given.out).save(given.result)


if __name__ == "__main__":
    main()
