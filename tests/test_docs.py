"""Every code block of the documentation is run, parsed or loaded."""

import re
from pathlib import Path

import pytest
import typer
from makers import group, rollout

from rewards import History
from rl.cli import app
from rl.plugins import load_reward, load_verifier
from rl.recipe_files import load_recipe
from rl.train import train

ROOT = Path(__file__).parent.parent
BLOCKS = [
    pytest.param(language, text, id=f"{page}:{number}")
    for page in (
        "README.md",
        "CONTRIBUTING.md",
        *(f"rl/{part}/README.md" for part in ("evaluation", "report", "rollouts")),
    )
    for number, (language, text) in enumerate(re.findall(r"```(\w+)\n(.*?)```", (ROOT / page).read_text(), re.DOTALL))
]


@pytest.mark.parametrize(("language", "text"), BLOCKS)
def test_a_code_block_does_what_it_shows(
    language: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if language == "python":
        exec(compile(text, "block", "exec"), {"__name__": "block"})
    elif language == "yaml":
        Path("recipe.yaml").write_text(text)
        load_recipe("recipe.yaml")
    else:
        assert language == "sh"
        for line in text.splitlines():
            _check_command(line.partition("#")[0].split())


def _check_command(words: list[str]) -> None:
    if words[:1] == ["make"]:
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    if words[:4] == ["accelerate", "launch", "-m", "rl.train"]:
        words = ["lengthwise", "train", *words[4:]]
    if words[:1] == ["lengthwise"]:
        command = typer.main.get_command(app)
        with command.make_context("lengthwise", words[1:]) as context:
            name, sub, rest = command.resolve_command(context, words[1:])  # type: ignore[attr-defined]
            with sub.make_context(name, rest, parent=context) as inner:
                recipe = inner.params.get("recipe")
                if recipe and not recipe.endswith(".yaml"):
                    load_recipe(recipe, inner.params["overrides"] or [])


def test_the_worked_example_of_a_new_method_is_one_file_and_one_recipe_and_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    (code, judge), (recipe,) = (re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL) for kind in ("python", "yaml"))
    monkeypatch.chdir(tmp_path)
    Path("my_rewards.py").write_text(code)
    Path("my_judge.py").write_text(judge)
    assert "my_judge.py:same_word" in text
    verifier = load_verifier("my_judge.py:same_word", {"seconds": 2})
    assert verifier.judge(["Paris", "Paris"], [r"\boxed{paris, France}", r"\boxed{Rome}"]) == ["wrong", "wrong"]
    assert verifier.judge(["Paris"], [r"\boxed{paris (France)}"]) == ["correct"]
    Path("half.yaml").write_text(recipe)
    reward = load_reward("my_rewards.py:HalfTheMean", {"share": 0.25})
    # Correct lengths 10 and 30, mean 20: the first is within it, the second beyond.
    scored = reward(group(rollout(10, 1), rollout(30, 1), rollout(5, 0), rollout(5, None)), History())
    assert scored == [1.0, 0.25, 0.0, None]
    few = ["trainer.max_steps=2", "trainer.per_device_train_batch_size=8", "trainer.num_generations=4"]
    few += ["data.train.options.n=16", "data.eval.options.n=8", "evaluation.budget=60", "budget.tokens=60"]
    run = train("half.yaml", few, quiet=True)
    assert (run.report / "index.html").is_file()


def test_links_inside_the_documentation_lead_somewhere() -> None:
    pages = ("README.md", "CONTRIBUTING.md", "experiments/DIARY.md", "experiments/PAPERS.md")
    pages = (
        *pages,
        *(
            f"rl/{part}README.md"
            for part in ("", "chunked/", "evaluation/", "merging/", "release/", "report/", "rollouts/")
        ),
    )
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text()):
            assert target.startswith("https://") or (ROOT / page).parent.joinpath(target).exists(), (page, target)


def test_the_table_of_verdicts_says_what_the_verifier_says() -> None:
    rows = re.findall(r"^\| (`.+`) \| (\w+)(?:: .*)? \| (\w+) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    cases = [(text, expected) for texts, *expected in rows for text in re.findall("`(.+?)`", texts)]
    assert len(cases) == 8
    strict, lenient = load_verifier("math", {}), load_verifier("math", {"strict": False})
    for text, expected in cases:
        assert [str(v.judge(["5"], [text])[0]) for v in (strict, lenient)] == expected, text
