"""The study's grid, its result files and its report, from made-up results; one run for real."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from processes import PATIENCE

from experiments.plans import STUDIES, STUDY_PAGE, study_page
from experiments.study.__main__ import main, missing
from experiments.study.claims import read_claims
from experiments.study.contrasts import Difference
from experiments.study.grid import HERE, load_grid, require_same_defaults
from experiments.study.measured import Measured
from experiments.study.plane import on_front, plane
from experiments.study.report import separation, write_report
from experiments.study.results import Answered, Result, result_file
from rl.errors import UserError
from rl.recipe.files import load_recipe
from rl.recipe.parts import BudgetPart, Recipe
from rl.recipe.values import stages_of


@pytest.mark.parametrize("study", [HERE, HERE / "reduced", *STUDIES], ids=lambda path: path.name)
def test_every_run_of_a_shipped_grid_is_a_recipe(study: Path) -> None:
    grid = load_grid(study)
    for arm, seed in grid.runs():
        recipe = grid.recipe(arm, seed)
        assert recipe.seed == seed
        stages_of(recipe)


def test_all_arms_of_the_study_take_as_many_rollouts_and_updates() -> None:
    grid = load_grid(HERE)
    for arm in grid.all_arms():
        recipe = grid.recipe(arm, 0)
        assert recipe.batch == grid.recipe("grpo", 0).batch
        steps = sum(stage.trainer["max_steps"] for _, stage in stages_of(recipe)) or recipe.trainer["max_steps"]
        assert steps == 320, arm
        assert (recipe.data.train, recipe.model) == (grid.recipe("grpo", 0).data.train, "demo")


def test_a_cross_has_every_combination_of_its_factors() -> None:
    arms = load_grid(HERE).all_arms()
    crossed = [name for name in arms if name.startswith("truncation") or name == "dler"]
    assert len(crossed) == 2**3
    assert arms["dler"].recipe["advantage"] == {"name": "dler"}
    assert arms["dler"].recipe["sampling"]["dynamic"]
    assert arms["truncation-clip"].recipe["trainer"] == {"epsilon_high": 0.28}
    assert "trainer" not in arms["truncation-whiten"].recipe


def test_runs_begin_with_every_arms_first_seed() -> None:
    grid = load_grid(HERE)
    runs = grid.runs()
    assert [seed for _, seed in runs[: len(grid.all_arms())]] == [0] * len(grid.all_arms())
    assert len(runs) == len(set(runs))
    assert sum(arm == "grpo" for arm, _ in runs) == 5


@pytest.mark.parametrize("study", [HERE, HERE / "outliers"], ids=["study", "outliers"])
def test_the_claims_compare_arms_that_the_grid_has(study: Path) -> None:
    grid = load_grid(study)
    arms = set(grid.all_arms())
    for claim in read_claims(HERE / grid.claims):
        assert claim.tests
        for test in claim.tests:
            assert {*test.plus, *test.minus} <= arms


def test_an_answer_that_a_smaller_cap_cuts_is_wrong_and_as_long_as_the_cap() -> None:
    answered = Answered((10, 30, 50, 50), "110?")
    assert answered.at(30) == Answered((10, 30, 30, 30), "110?")
    assert answered.at(29) == Answered((10, 29, 29, 29), "100?")


def write_grid(study: Path, own: str) -> None:
    (study / "grid.yaml").write_text(f"extends: {HERE / 'grid.yaml'}\n{own}")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A study of two arms with results of theirs: `short` is as right as `grpo`, in half of the tokens."""
    write_grid(tmp_path, "only: [grpo, hapo]\nseeds: 2\narms: {grpo: {seeds: 2}}\n")
    grid = load_grid(tmp_path)
    for arm, seed in grid.runs():
        tokens = tuple((40 if arm == "grpo" else 20) + (place + seed) % 3 for place in range(100))
        right = "".join("0" if (place + seed) % 10 == 0 else "1" for place in range(100))
        answered = Answered(tokens, right)
        found = Result(arm, seed, grid.digest(arm, seed), {"test": answered, "harder": answered}, 9, 360, 12.5, 0.001)
        found.save(result_file(tmp_path, arm, seed))
    return tmp_path


def test_a_result_comes_back_from_its_file(small: Path) -> None:
    path = result_file(small, "hapo", 1)
    found = Result.read(path)
    assert found.to_json() == path.read_text()
    path.write_text(path.read_text()[:-9])
    with pytest.raises(UserError, match=r"hapo-1\.json is no result of the study"):
        Result.read(path)


def test_a_finding_rests_on_its_intervals(small: Path) -> None:
    measured = Measured.read(load_grid(small), small)
    claims = read_claims(HERE / "claims.yaml")
    (hapo,) = [claim for claim in claims if claim.paper.startswith("HAPO")]
    found = hapo.found(measured)
    assert found.verdict == "held"
    assert "-20.0 tokens (95 % interval -20.0 to -20.0)" in found.evidence[0]
    assert {claim.found(measured).verdict for claim in claims if claim is not hapo} == {"not run yet"}


def test_the_report_is_the_same_for_the_same_results_and_stands_alone(small: Path) -> None:
    grid = load_grid(small)
    write_report(grid, small)
    files = {name: (small / name).read_bytes() for name in ("REPORT.md", "report.html", "results.md", "pareto.svg")}
    write_report(grid, small)
    assert {name: (small / name).read_bytes() for name in files} == files
    page = files["report.html"].decode()
    assert "<svg" in page
    assert 'src="pareto' not in page
    assert "| HAPO | 2 | 90.0 ±" in files["results.md"].decode()
    gap = separation(Measured.read(grid, small))
    assert gap is None or gap[:2] == ("grpo", "hapo")


def test_results_of_another_recipe_are_run_again_and_not_reported(small: Path) -> None:
    assert missing(load_grid(small), small) == []
    path = small / "grid.yaml"
    path.write_text(path.read_text() + "overrides: {trainer: {max_steps: 8}}\n")
    grid = load_grid(small)
    assert missing(grid, small) == grid.runs()
    assert Measured.read(grid, small).runs == 0


@pytest.mark.parametrize("study", [HERE, HERE / "outliers", HERE / "reduced"], ids=lambda path: path.name)
def test_a_committed_report_is_what_the_committed_results_give(study: Path, tmp_path: Path) -> None:
    grid = load_grid(study)
    require_same_defaults(grid, study)
    assert missing(grid, study) == []
    (tmp_path / "results").symlink_to(study / "results")
    write_report(grid, tmp_path)
    for name in ("REPORT.md", "results.md"):
        assert (tmp_path / name).read_text() == (study / name).read_text()


def test_results_are_not_added_to_those_of_other_defaults(small: Path) -> None:
    grid = load_grid(small)
    require_same_defaults(grid, small)
    path = small / "meant.yaml"
    kept = path.read_text()
    path.write_text(kept.replace("epsilon: 0.2", "epsilon: 0.3"))
    with pytest.raises(UserError, match=r"made with trainer\.epsilon 0\.3, which is 0\.2 by now"):
        require_same_defaults(grid, small)
    path.write_text("".join(line for line in kept.splitlines(keepends=True) if "strict" not in line))
    require_same_defaults(grid, small)  # an option that was not there then


def budgets(recipe: Recipe) -> list[BudgetPart]:
    return [stage.budget for _, stage in stages_of(recipe)] or [recipe.budget]


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.name)
def test_the_recipe_files_for_a_cluster_are_those_of_its_grid(study: Path, tmp_path: Path) -> None:
    main(["recipes", str(study), "--to", str(tmp_path)])
    shipped, grid, small = study / "recipes", load_grid(study), load_grid(HERE)
    assert {path.name: path.read_text() for path in shipped.iterdir()} == {
        path.name: path.read_text() for path in tmp_path.iterdir()
    }
    for name in (name for name, arm in grid.all_arms().items() if arm.trained):
        recipe = load_recipe(str(shipped / f"{name}.yaml"), ["seed=1"])
        assert replace(recipe, name=f"{name}-1") == grid.recipe(name, 1)
        assert not {*map(str, budgets(recipe))} & {*map(str, budgets(small.recipe(name, 1)))}, name  # else all are cut
    assert load_recipe(str(shipped / "dler.yaml")).budget.options == {"tokens": 4000}
    assert not (shipped / "start.yaml").exists()


def test_every_arm_for_a_cluster_fits_on_one_device_and_on_eight() -> None:
    page = study_page()
    assert STUDY_PAGE.read_text() == page  # else: python -m experiments.plans
    arms = [arm for arm in load_grid(STUDIES[0]).all_arms().values() if arm.trained]
    assert page.count("\n| ") == len(STUDIES) * (len(arms) + 1)
    assert "change: " not in page


def test_mistakes_in_a_grid_are_one_line(tmp_path: Path) -> None:
    write_grid(tmp_path, "only: [dlre]\n")
    with pytest.raises(UserError, match="no arm 'dlre'"):
        load_grid(tmp_path).runs()
    write_grid(tmp_path, "seedz: 3\n")
    with pytest.raises(UserError, match="seedz"):
        load_grid(tmp_path)
    with pytest.raises(UserError, match="there is no grid"):
        load_grid(tmp_path / "none")


@pytest.mark.slow
def test_a_run_that_was_killed_ends_with_the_result_of_one_that_was_not(tmp_path: Path) -> None:
    small_test = "{source: demo, options: {split: test, n: 32, seed: 0, fewest: 2, most: 4}}"
    write_grid(
        tmp_path,
        "only: [dler]\ncrosses: {truncation: {seeds: {dler: 1}}}\noverrides: {trainer: {max_steps: 24, save_steps: 8}}\n"
        f"tests: {{test: {small_test}, harder: {small_test}}}\n",
    )

    def run(name: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "experiments.study", "run", str(tmp_path), "--workers", "1"]
        places = ["--runs", str(tmp_path / name), "--to", str(tmp_path / f"{name}-results")]
        return subprocess.Popen([*command, *places])

    assert run("whole").wait(timeout=PATIENCE) == 0
    broken = run("broken")
    while not list((tmp_path / "broken").glob("dler-0/checkpoints/checkpoint-*")):
        assert broken.poll() is None
    broken.kill()
    broken.wait()
    assert run("broken").wait(timeout=PATIENCE) == 0
    whole, again = (
        json.loads((tmp_path / f"{name}-results/results/dler-0.json").read_text()) for name in ("whole", "broken")
    )
    assert again.pop("cpu_seconds") is None
    assert whole.pop("cpu_seconds") > 0
    assert whole == again
    tables = [(tmp_path / f"{name}-results/results.md").read_bytes() for name in ("whole", "broken")]
    assert tables[0] == tables[1]


def test_the_plane_has_a_panel_an_arm_and_names_in_colour_those_that_no_other_beats() -> None:
    def place(tokens: float, accuracy: float) -> tuple[Difference, Difference]:
        return tuple(Difference(mean, 1.0, mean - 2, mean + 2) for mean in (tokens, accuracy))  # type: ignore[return-value]

    arms = {
        "short": place(20, 80),
        "beaten": place(60, 85),
        "best": place(50, 90),
        **{f"arm {n}": place(70, n) for n in range(27)},
    }
    assert on_front(arms) == ["short", "best"]
    drawn = plane(arms)
    (upper, lower) = drawn.subfigs
    assert [text.get_text() for text in upper.axes[0].get_legend().get_texts()] == ["short", "best"]
    assert [axes.get_title() for axes in lower.axes if axes.get_visible()] == list(arms)
    plt.close(drawn)
