"""Every paper recipe on every launch of experiments/cluster: a plan that fits, or what to change; cluster/PLANS.md.

    python -m experiments.plans

And every arm of the study for GPUs, on one H100 and on eight: study/cluster/PLANS.md. By the shapes of
rl/estimates/models.yaml, on H100s, with neither hub nor data: prompts are assumed.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from experiments.study.grid import HERE, load_grid
from rl.errors import UserError
from rl.estimates import ASSUMED, Estimate, Prompts, Rates, estimate, known_config, read_rates, shape_of
from rl.folders.run import write_text
from rl.launch.configuration import Launch, read_launch
from rl.recipe.engine_choice import Machine
from rl.recipe.files import load_recipe, shipped_recipes
from rl.recipe.parts import Recipe
from rl.recipe.values import stages_of
from rl.run.prepare import Resolved, resolve

CLUSTER = Path(__file__).with_name("cluster")
STUDY = HERE / "cluster"
PAGE, RATES = CLUSTER / "PLANS.md", CLUSTER / "h100.yaml"
PROMPTS = {"loongrl": Prompts(16_000.0, 16_384, assumed=True)}
"""Of recipes whose prompts are far from the 200 tokens that are assumed else."""
ONE_HOUR = {
    "one-gpu-24gb": "RTX 4090",
    "one-gpu-24gb-lora": "RTX 4090",
    "one-gpu-80gb": "H100",
    "one-gpu-80gb-lora": "H100",
    "one-gpu-80gb-dial": "H100",
}
"""What to run first, and the card that it is for."""
HEAD = """# Plans

What dry runs plan without a GPU, without models and data. `python -m experiments.plans` writes this page. Hours are
those of all rollouts at full budgets, evaluations not counted, by rates that are reckoned from data sheets: no GPU
has measured them.

## One GPU, one hour

`lengthwise train RECIPE --dry-run --launch experiments/cluster/one_gpu.yaml --rates '{card: H100}'`, or
`'{card: RTX 4090}'` for 24 GB.

"""
PAPERS = """
## Every paper recipe on every launch

`lengthwise train RECIPE --dry-run --launch FILE --rates experiments/cluster/h100.yaml`, with prompts of 200 tokens
(16,000 for loongrl): a plan that fits on H100s with 80 GB, or what to change, in this order, until it does. Hours are
for no group dropped. Where a recipe has stages, memory is the most of any, and hours are the sum.
"""
STUDY_PAGE = STUDY / "PLANS.md"
STUDIES = (STUDY / "qwen3_0_6b", STUDY / "qwen3_1_7b", STUDY)
STUDY_LAUNCHES = ("one_gpu.yaml", "ddp.yaml")
STUDY_HEAD = """# What the study takes on GPUs

What dry runs plan for every arm's recipe, on one H100 and on eight, by rates that are reckoned from data sheets: no GPU
has measured them. `python -m experiments.plans` writes this page. Hours are those of one run, all rollouts at full
budgets and no group dropped, evaluations not counted; cost is in the currency of `price_per_hour` in
experiments/cluster/h100.yaml. `lengthwise train RECIPE --dry-run` with `--launch` and `--rates` says more of one.
"""
STUDY_COLUMNS = (
    "| arm | GB of 80, one GPU | hours | GB of 80, each of eight | hours, eight | seeds |\n|---|---|---|---|---|---|\n"
)
COLUMNS = "| recipe | engine and its sizes | memory of a rank | hours | plan |\n|---|---|---|---|---|\n"


def page() -> str:
    """The page, launch by launch."""
    rates, papers = read_rates(str(RATES)), {name: _resolved(name) for name in _papers()}
    first = "".join(
        f"| {name} | {_row(name, _resolved(name), Launch(), Rates(card=card))} |\n" for name, card in ONE_HOUR.items()
    )
    parts = [HEAD + COLUMNS + first + PAPERS]
    for file in _launches():
        launch = read_launch(str(file))
        rows = "".join(f"| {name} | {_row(name, found, launch, rates)} |\n" for name, found in papers.items())
        parts.append(f"### {file.name}: {launch.describe()}\n\n{COLUMNS}{rows}")
    return "\n".join(parts)


def study_page() -> str:
    """The page of the study for GPUs, model by model."""
    rates, parts = read_rates(str(RATES)), [STUDY_HEAD]
    for folder in STUDIES:
        grid = load_grid(folder)
        runs, totals, rows = grid.runs(), dict.fromkeys(STUDY_LAUNCHES, 0.0), []
        for name in (name for name, arm in grid.all_arms().items() if arm.trained):
            stages, cells, seeds = _stages(grid.recipe(name, 0)), [name], sum(arm == name for arm, _ in runs)
            for file in STUDY_LAUNCHES:
                found = [_estimate(stage, read_launch(str(CLUSTER / file)), rates, ASSUMED) for stage in stages]
                worst, hours = _worst(found), _hours(found)
                totals[file] += seeds * hours * worst.devices * (rates.price_per_hour or 0.0)
                cells += [f"{worst.memory.peak / 1e9:.0f}", _told(hours) if worst.fits else f"– ({_plan(worst)})"]
            rows.append(f"| {' | '.join([*cells, str(seeds)])} |\n")
        model, here = grid.recipe("grpo", 0).model, folder.relative_to(CLUSTER.parent.parent)
        costs = " and ".join(f"{total:,.0f} with {file}" for file, total in totals.items())
        parts.append(
            f"## {model}\n\nRecipes: {here}/recipes. All runs, each arm with its seeds, cost about {costs}.\n\n"
            f"{STUDY_COLUMNS}{''.join(rows)}"
        )
    return "\n".join(parts)


def _launches() -> list[Path]:
    return [path for path in sorted(CLUSTER.glob("*.yaml")) if "distributed_type" in yaml.safe_load(path.read_text())]


def _papers() -> list[str]:
    return sorted(name for name, path in shipped_recipes().items() if path.parent.name == "papers")


def _row(name: str, stages: list[Resolved], launch: Launch, rates: Rates) -> str:
    try:
        found = [_estimate(stage, launch, rates, PROMPTS.get(name, ASSUMED)) for stage in stages]
    except UserError as error:
        return f"– | – | – | {error}"
    worst = _worst(found)
    sizes = f"{worst.setup.engine}, {worst.sizes.describe()}".replace("vllm.", "")
    fits = f"{worst.memory.peak / 1e9:.0f} of {(worst.room or 0) / 1e9:.0f} GB"
    return f"{sizes} | {fits} | {_told(_hours(found)) if worst.fits else '–'} | {_plan(worst)}"


def _worst(stages: list[Estimate]) -> Estimate:
    return max(stages, key=lambda each: each.memory.peak)


def _hours(stages: list[Estimate]) -> float:
    return sum(each.hours[0] for each in stages if each.hours)


def _told(hours: float) -> str:
    return f"{hours:,.0f}" if hours >= 10 else f"{hours:.1f}"


def _plan(found: Estimate) -> str:
    if found.fits:
        return "fits"
    enough = bool(found.remedies) and found.remedies[-1].peak <= (found.room or 0)
    changes = [remedy.text for remedy in found.remedies]
    return "change: " + "; ".join(changes if enough else [*changes, "and that is not enough: larger devices"])


def _resolved(name: str) -> list[Resolved]:
    return _stages(load_recipe(name))


def _stages(recipe: Recipe) -> list[Resolved]:
    """A recipe, or each of its stages, for a machine with CUDA and vLLM."""
    parts = [stage for _, stage in stages_of(recipe)] or [recipe]
    return [resolve(part, Path("runs"), Machine(cuda=True, vllm=True)) for part in parts]


def _estimate(part: Resolved, launch: Launch, rates: Rates, prompts: Prompts) -> Estimate:
    """Errors: UserError where the recipe's batch does not part into the ranks."""
    config = known_config(part.recipe.model)
    assert config is not None
    return estimate(part.recipe, part.config, part.budgets, shape_of(config), launch, rates, prompts)


if __name__ == "__main__":
    write_text(PAGE, page())
    write_text(STUDY_PAGE, study_page())
