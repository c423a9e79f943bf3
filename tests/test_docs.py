"""The documentation holds: every code block is run, parsed or loaded, and every link leads somewhere."""

import json
import math
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import typer
from makers import group, rollout
from markdown_it import MarkdownIt
from places import ROOT

from rewards import History
from rl.cli import app
from rl.credit.calling.estimator import Estimator
from rl.plugins import load_budget, load_reward, load_verifier
from rl.recipe.files import load_recipe
from rl.recipe.trainer_config import trainer_config
from rl.run.train import train
from rl.sweep import points

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "rl/**/README.md", "experiments/**/*.md")
    for path in ROOT.glob(pattern)
    if path.name != "card.md" and "_build" not in path.parts
)


def blocks(page: str) -> list[tuple[str, str]]:
    """The fenced blocks of a page with their languages."""
    tokens = MarkdownIt().parse((ROOT / page).read_text())
    return [(token.info.strip(), token.content) for token in tokens if token.type == "fence"]


BLOCKS = [
    pytest.param(language, text, id=f"{page}:{number}")
    for page in PAGES
    for number, (language, text) in enumerate(blocks(page))
    if language != "text"
    and not language.startswith("{")  # output, and directives of the site's generator
    and not (page.startswith("docs/trainers/") and language != "sh")  # with other packages: the adapters' own tests
]


@pytest.mark.parametrize(("language", "text"), BLOCKS)
def test_a_code_block_does_what_it_shows(
    language: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if language == "python":
        if "from_pretrained" in text:  # the tutorial's own test has what it loads
            compile(text, "block", "exec")
        else:
            exec(compile(text, "block", "exec"), {"__name__": "block"})
    elif language == "yaml":
        Path("recipe.yaml").write_text(text)
        load_recipe("recipe.yaml")
    else:
        assert language == "sh"
        for words in commands(text):
            _check_command(words)


def commands(script: str) -> list[list[str]]:
    """The words of each command of a shell script, without what stands in here-documents."""
    script = re.sub(r"<<'(\w+)'(.*?\n).*?^\1$", r"\2", script, flags=re.DOTALL | re.MULTILINE)
    found: list[list[str]] = []
    for line in script.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= set("&|;<>()"):
                found += [words] if words else []
                words = []
            else:
                words.append(word)
    return found


def _check_command(words: list[str]) -> None:
    if words[:1] == ["make"]:
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    if words[:2] == ["accelerate", "launch"]:
        at = words.index("-m")
        assert words[2:at] == [] or (words[2] == "--config_file" and (ROOT / words[3]).is_file()), words
        words = ["lengthwise", *{"rl.train": ["train"], "rl.cli": []}[words[at + 1]], *words[at + 2 :]]
    if words[:1] == ["lengthwise"] and words[1:] != ["--version"]:
        command = typer.main.get_command(app)
        with command.make_context("lengthwise", words[1:]) as context:
            name, sub, rest = command.resolve_command(context, words[1:])  # type: ignore[attr-defined]
            with sub.make_context(name, rest, parent=context) as inner:
                recipe = inner.params.get("recipe")
                if recipe and not recipe.endswith(".yaml"):
                    if name == "sweep":
                        assert points(recipe, inner.params["values"], Path("sweeps"))
                    else:
                        load_recipe(recipe, inner.params["overrides"] or [])


def test_an_option_that_a_command_does_not_have_would_be_found() -> None:
    for line in (
        "lengthwise compare runs/a --owt b",
        "lengthwise train x.yaml \\\n  --dryrun",
        "lengthwise lern | tail",
    ):
        with pytest.raises(Exception, match=r"No such (option|command)"):
            _check_command(commands(line)[0])
    assert commands("cat > a <<'EOF'\nlengthwise nothing\nEOF\nlengthwise a & # b\nc 'd e' && f") == [
        ["cat"], ["a"], ["lengthwise", "a"], ["c", "d e"], ["f"],
    ]  # fmt: skip


def own_links(page: str) -> list[str]:
    """The targets of a page's links and pictures, but those in other places than this project."""
    tokens = [t for t in MarkdownIt().enable("table").parse((ROOT / page).read_text()) if t.type == "inline"]
    inner = [child for token in tokens for child in token.children or []]
    targets = [str(child.attrGet("href") or child.attrGet("src")) for child in inner if child.tag in ("a", "img")]
    return [target for target in targets if target != "None" and not target.startswith("https://")]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    if page.is_dir() or page.suffix != ".md":
        return set()
    tokens = MarkdownIt().parse(page.read_text())
    headings = [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_inside_the_documentation_lead_somewhere(page: str) -> None:
    for target in own_links(page):
        path, _, anchor = target.partition("#")
        place = (ROOT / page).parent / path if path else ROOT / page
        assert place.exists(), target
        assert not anchor or anchor in anchors(place), target


def test_a_link_that_leads_nowhere_would_be_found() -> None:
    assert "docs/tutorial.md" in own_links("README.md")
    assert "a-real-model-on-a-gpu" in anchors(ROOT / "docs/tutorial.md")
    assert "experiments/figures/five-seeds.png" in own_links("README.md")


def test_every_built_in_plug_in_stands_in_the_reference_and_in_the_table_of_methods() -> None:
    pages = ("rewards", "curricula", "training")
    reference = "".join((ROOT / f"docs/reference/{page}.md").read_text() for page in pages)
    for pattern in ("rewards/length/*.py", "curricula/*.py", "rl/credit/*.py"):
        for path in ROOT.glob(pattern):
            if path.stem not in ("__init__", "laser_targets"):
                module = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
                assert f"automodule:: {module}\n" in reference
    table = (ROOT / "README.md").read_text()
    for kind in ("rewards", "budgets", "advantages"):
        for name in _listed(kind):
            assert f"`{name}`" in table, (kind, name)


def _listed(kind: str) -> list[str]:
    import curricula
    import rewards
    import rl.credit
    from rl.plugins import built_in

    places = {"rewards": (rewards, "__call__"), "budgets": (curricula, "at"), "advantages": (rl.credit, "__call__")}
    return list(built_in(*places[kind]))


def test_every_module_that_the_reference_names_is_there() -> None:
    pages = "".join(path.read_text() for path in (ROOT / "docs/reference").glob("*.md"))
    named = re.findall(r"automodule:: (\S+)", pages)
    assert len(named) > 50
    for module in named:
        place = ROOT / module.replace(".", "/")
        assert place.with_suffix(".py").is_file() or (place / "__init__.py").is_file(), module


def test_every_table_of_figures_is_shown() -> None:
    page = (ROOT / "docs/benchmarks.md").read_text()
    for table in (ROOT / "experiments/benchmarks/results").glob("*.md"):
        assert f"results/{table.name}\n" in page


def test_the_worked_example_of_a_new_method_is_one_file_and_one_recipe_and_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code, _), (recipe, *_, theirs) = _of_kind("write-a-reward", "python"), _of_kind("write-a-reward", "yaml")
    monkeypatch.chdir(tmp_path)
    Path("my_rewards.py").write_text(code)
    Path("half.yaml").write_text(recipe)
    reward = load_reward("my_rewards.py:HalfTheMean", {"share": 0.25})
    # Correct lengths 10 and 30, mean 20: the first is within it, the second beyond.
    scored = reward(group(rollout(10, 1), rollout(30, 1), rollout(5, 0), rollout(5, None)), History())
    assert scored == [1.0, 0.25, 0.0, None]
    few = ["trainer.max_steps=2", "trainer.per_device_train_batch_size=8", "trainer.num_generations=4"]
    few += ["evaluation.budget=60", "budget.tokens=60"]
    run = train("half.yaml", [*few, "data.train.options.n=16", "data.eval.options.n=8"], quiet=True)
    assert (run.report / "index.html").is_file()
    sums = [{"problem": f"{n}+1=?", "solution": f"\\boxed{{{n + 1}}}"} for n in range(16)]
    Path("problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in sums))
    Path("theirs.yaml").write_text(theirs)
    run = train("theirs.yaml", [*few, "name=theirs"], quiet=True)
    assert "rewards/accuracy_reward/mean" in run.logged()[0]


def _of_kind(page: str, language: str) -> list[str]:
    return [text for kind, text in blocks(f"docs/{page}.md") if kind == language]


def test_the_worked_examples_of_a_schedule_a_judge_an_estimator_and_data_do_what_their_pages_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my_budgets.py").write_text(_of_kind("write-a-schedule", "python")[0])
    schedule = load_budget("my_budgets.py:Halving", {"every": 50})
    assert [schedule.at(step) for step in (0, 49, 50, 100, 1000)] == [256, 256, 128, 64, 64]
    Path("my_judge.py").write_text(_of_kind("write-a-verifier", "python")[0])
    verifier = load_verifier("my_judge.py:same_word", {"seconds": 2})
    assert verifier.judge(["Paris", "Paris"], [r"\boxed{paris, France}", r"\boxed{Rome}"]) == ["wrong", "wrong"]
    assert verifier.judge(["Paris"], [r"\boxed{paris (France)}"]) == ["correct"]
    verifier.close()  # type: ignore[attr-defined]
    Path("my_advantages.py").write_text(_of_kind("write-an-estimator", "python")[0])
    Path("loo.yaml").write_text(_of_kind("write-an-estimator", "yaml")[0])
    config = trainer_config(load_recipe("loo.yaml"), tmp_path / "out", 60)
    leave_one_out = Estimator(config.advantage, config.advantage_options)
    rewards = torch.tensor([1.0, 0.0, math.nan, 0.0])
    # The others' means are 0, 1/2 and 1/2; halved by `scale`.
    assert leave_one_out(rewards.view(4, 1), rewards, 4, torch.ones(4)).tolist() == [0.5, -0.25, 0.0, -0.25]
    moving = Estimator("my_advantages.py:Moving", {"keep": 0.5})
    for before in (0.0, 1 / 6):  # half of the first round's mean, 1/3
        expected = [1 - before, -before, 0.0, -before]
        assert moving(rewards.view(4, 1), rewards, 4, torch.ones(4)).tolist() == pytest.approx(expected)
    Path("my_data.py").write_text(_of_kind("write-a-data-source", "python")[0])
    Path("halves.yaml").write_text(_of_kind("write-a-data-source", "yaml")[1])
    told = subprocess.run(
        [sys.executable, "-m", "rl.cli", "train", "halves.yaml", "--dry-run"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "512 problems from my_data.py:halves" in told


def test_the_table_of_verdicts_says_what_the_verifier_says() -> None:
    page = (ROOT / "docs/verifier.md").read_text()
    rows = re.findall(r"^\| (`.+`) \| (\w+)(?:: .*)? \| (\w+) \|$", page, re.MULTILINE)
    cases = [(text, expected) for texts, *expected in rows for text in re.findall("`(.+?)`", texts)]
    assert len(cases) == 9
    strict, lenient = load_verifier("math", {}), load_verifier("math", {"strict": False})
    for text, expected in cases:
        assert [str(v.judge(["5"], [text])[0]) for v in (strict, lenient)] == expected, text


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("sphinx")
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-c", "docs", ".", str(tmp_path / "site")],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    assert (tmp_path / "site/docs/tutorial.html").is_file()
    assert (tmp_path / "site/searchindex.js").is_file()
    landing, recipe, commands = (
        (tmp_path / f"site/docs/{page}.html").read_text()
        for page in ("index", "reference/recipe", "reference/commands")
    )
    assert "five-seeds.png" in landing
    entries = re.findall(r'<li class="toctree-l1[^"]*"><a class="reference internal" href="[^"]+">(.+?)</a>', landing)
    assert len(entries) > 50
    assert sorted(entries) == sorted(set(entries))
    assert "Validator" not in recipe
    assert "lengthwise synth keychain" in commands
