"""`lengthwise evaluate --force-at` and `--rival` from the command line, and beside runs in `lengthwise compare`."""

import csv
import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from commands import refused, run
from run_folders import make_run
from workers import fake_workers

from rl.cli import run_command
from rl.evaluation import Evaluation, Protocol
from rl.evaluation.forcing.asked import Forced
from rl.evaluation.recipes import recipe_protocol
from rl.models import resolve_model
from rl.recipe.files import load_recipe

PROBLEMS = [{"question": "27+35-16=?", "answer": "46"}, {"question": "14+58+31-9=?", "answer": "94"}]
FILE = ["evaluate", "--model", "modes-demo", "--data", "problems.jsonl"]
CLOSED = ["--force-at", "20,60", "--answer", "40"]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "140")
    Path("problems.jsonl").write_text("".join(json.dumps(problem) + "\n" for problem in PROBLEMS))


def test_the_curve_stands_beside_that_of_cutting_and_is_counted_again_without_the_model(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [*FILE, *CLOSED, "--samples", "4", "--caps", "20,60", "--out", "a.parquet", "--closing", "s1"]
    found = run(*asked)
    said = " ".join(capsys.readouterr().out.split())
    assert "closed at" in said
    assert "thinking closed at 20/60 by s1" in said
    assert list(found["caps"]) == ["20", "60", "100"]
    forced = found["forced"]
    assert forced["closing"] == {"name": "s1", "text": "\n</think>\nFinal Answer:", "fresh_line": True}
    assert (forced["end"], forced["answer"], list(forced["budgets"])) == ("</think>", 40, ["20", "60"])
    for budget, point in forced["budgets"].items():
        rows = Evaluation.load(Path(f"a-at-{budget}.parquet")).rows
        assert len(rows) == 8
        assert {row["force_at"] for row in rows} == {int(budget)}
        assert point["accuracy"]["low"] <= point["accuracy"]["mean"] <= point["accuracy"]["high"]
        assert point["tokens"]["thinking"]["mean"] == sum(row["thinking"] for row in rows) / 8
        assert point["tokens"]["answer"]["mean"] == sum(row["answered"] for row in rows) / 8
        assert point["tokens"]["all"]["mean"] == sum(row["length"] for row in rows) / 8
        assert point["forced"] == sum(row["closing"] is not None for row in rows) / 8
        assert point["unfinished"] == sum(row["stop"] == "length" for row in rows) / 8
        assert set(point["pass_at"]) == set(point["majority_at"]) == {"1", "2", "4"}
    assert forced["budgets"]["20"]["forced"] > 0
    plain = run(*FILE, "--samples", "4", "--caps", "20,60,100")
    assert plain["caps"] == found["caps"]
    assert plain["forced"] is None
    monkeypatch.setattr("rl.evaluation.engines.load_model", lambda *_, **__: pytest.fail("the answers are there"))
    assert run(*asked)["forced"] == forced


def test_a_stated_budget_is_asked_for_in_prompts_of_its_own_and_held_against_what_was_used(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [*FILE, *CLOSED, "--samples", "2", "--out", "a.parquet", "--budget-text", "{prompt} ({budget} tokens)"]
    found = run(*asked)["forced"]
    assert "rank correlation of stated and used tokens" in " ".join(capsys.readouterr().out.split())
    for budget, plain in (("20", "a-stating-20.parquet"), ("60", "a.parquet")):
        answers, closed = Evaluation.load(Path(plain)), Evaluation.load(Path(f"a-at-{budget}.parquet"))
        assert all(f"({budget} tokens)" in row["prompt"] for row in [*answers.rows, *closed.rows])
        used = [row["completion"] for row in answers.rows]
        assert [row["completion"] for row in closed.rows if row["closing"] is None] == [
            text for text, row in zip(used, closed.rows, strict=True) if row["closing"] is None
        ]
        kept = found["stated"]["budgets"][budget]
        assert kept["overshoot"]["mean"] <= kept["error"]["mean"] * int(budget) + 1e-9
        assert abs(kept["thinking"]["mean"] - int(budget)) <= kept["error"]["mean"] * int(budget) + 1e-9
    assert -1 <= found["stated"]["rank_correlation"] <= 1
    assert 0 <= found["area"]["mean"] <= 1
    # One gap: both ends weigh a half.
    assert found["area"]["mean"] == pytest.approx(sum(p["accuracy"]["mean"] for p in found["budgets"].values()) / 2)
    monkeypatch.setattr("rl.evaluation.engines.load_model", lambda *_, **__: pytest.fail("the answers are there"))
    assert run(*asked)["forced"] == found
    named = run(*asked, "--force-at", "low=20,high=60")["forced"]
    assert {budget: point.pop("effort") for budget, point in named["budgets"].items()} == {"20": "low", "60": "high"}
    assert named == found


def test_a_budget_s_name_is_stated_in_the_place_of_its_tokens() -> None:
    told = ["--budget-text", "{prompt} ({effort} effort)", "--force-at", "low=20,high=60", "--answer", "40"]
    run(*FILE, *told, "--out", "a.parquet")
    for effort, name in (("low", "a-stating-20.parquet"), ("high", "a.parquet"), ("high", "a-at-60.parquet")):
        assert all(f"({effort} effort)" in row["prompt"] for row in Evaluation.load(Path(name)).rows)


def test_workers_give_what_the_engine_in_this_process_gives() -> None:
    asked = [*FILE, *CLOSED, "--temperature", "0", "--rival", "think-longer"]
    with fake_workers(1, "--model", str(resolve_model("modes-demo"))) as (worker,):
        theirs = run(*asked, "--engine", "workers", "--worker", worker.address)
    ours = run(*asked)
    assert theirs["forced"] == ours["forced"]
    assert theirs["caps"] == ours["caps"]


@pytest.mark.vllm
@pytest.mark.skipif(find_spec("vllm") is None, reason="needs vLLM")
def test_vllm_gives_what_transformers_does() -> None:
    asked = [*FILE, *CLOSED, "--temperature", "0", "--closing", "s1"]
    theirs = run(*asked, "--engine", "vllm", "--out", "theirs.parquet")
    ours = run(*asked, "--out", "ours.parquet")
    assert theirs["forced"] == ours["forced"]
    for name in ("", "-at-20", "-at-60"):
        one, other = (Evaluation.load(Path(f"{of}{name}.parquet")).rows for of in ("theirs", "ours"))
        assert one == other


def compared(*arguments: str) -> dict[str, Any]:
    with pytest.raises(SystemExit) as stop:
        run_command(["compare", *arguments, "--out", "page", "--json", "out.json"])
    assert stop.value.code == 0
    found: dict[str, Any] = json.loads(Path("out.json").read_text())
    return found


def closed_at(path: Path, whole: Evaluation, protocol: Protocol) -> None:
    rows = [{**row, "force_at": 30, "closing": None, "thinking": 9, "answered": 1} for row in whole.rows]
    Evaluation(rows, replace(protocol, forced=Forced((30,), 20)), whole.model).save(path)


def test_rivals_and_points_stand_beside_runs_in_a_comparison() -> None:
    make_run(Path("trained"), 40, checkpoints=[4])
    folder = Path("trained/evaluation")
    after = Evaluation.load(folder / "after.parquet")
    protocol = recipe_protocol(load_recipe("trained/recipe.yaml"))
    for step, name in ((4, "checkpoint-4"), (8, "after")):
        closed_at(folder / f"checkpoint-{step}-at-30.parquet", Evaluation.load(folder / f"{name}.parquet"), protocol)
    rival = replace(protocol, prefix="Okay.</think>", end="</think>")
    Evaluation(after.rows, rival, "modes-demo").save(Path("no-thinking.parquet"))
    closed_at(Path("no-thinking-at-30.parquet"), after, rival)
    found = compared("trained", "--beside", "no-thinking.parquet", "--beside", "no-thinking-at-30.parquet")
    assert [(model["label"], list(model["forced"])) for model in found["models"]] == [
        ("before", []), ("trained at 4", ["30"]), ("trained", ["30"]), ("no-thinking", ["30"]), ("no-thinking-at-30", []),
    ]  # fmt: skip
    *_, trained, alone, _ = found["models"]
    assert trained["forced"]["30"]["tokens"]["thinking"]["mean"] == 9
    assert trained["forced"]["30"]["protocol"]["forced"]["budgets"] == [30]
    assert alone["accuracy"] == trained["accuracy"]
    # REG at one budget is what the best of the three curves has more there; AES by the definition's own words.
    most = max(model["forced"]["30"]["accuracy"]["mean"] for model in found["models"] if model["forced"])
    assert trained["regret"]["mean"] == pytest.approx(most - trained["forced"]["30"]["accuracy"]["mean"])
    before = found["models"][0]
    assert (before["efficiency"], before["regret"]) == (None, None)
    gain = trained["accuracy"] / before["accuracy"] - 1
    saved = 1 - trained["mean_tokens"] / before["mean_tokens"]
    assert trained["efficiency"]["mean"] == pytest.approx(saved + (3 if gain >= 0 else 5) * gain)
    with Path("page/plots/dial.csv").open() as file:
        drawn = list(csv.DictReader(file))
    assert [line["model"] for line in drawn] == ["trained at 4", "trained", "no-thinking"]
    assert {line["budget"] for line in drawn} == {"30"}
    assert float(drawn[1]["accuracy"]) == trained["forced"]["30"]["accuracy"]["mean"]
    assert float(drawn[1]["thinking"]) == 9
    assert {"dial.png", "dial.svg"} <= {path.name for path in Path("page/plots").iterdir()}
    assert '"name":"dial"' in Path("page/index.html").read_text()
    compared("trained", "--beside", "no-thinking.parquet")  # takes the place of its own page, the CSV file included
    noted = [line for line in found["warnings"] if line.startswith("no-thinking was evaluated with another")]
    assert "prefix None against 'Okay.</think>'" in noted[0]
    # Without any run, and from where this comparison measured, or from a frontier of one's own: 1 - accuracy.
    Path("earlier.json").write_text(json.dumps(found))
    files = ["--beside", "no-thinking.parquet", "--beside", "no-thinking-at-30.parquet"]
    again = compared(*files, "--frontier", "earlier.json")
    assert again["frontier"] == found["frontier"] == {"30": most}
    assert [(model["label"], model["run"]) for model in again["models"]] == [(name, None) for name in labels_of(files)]
    assert again["models"][0]["regret"] == found["models"][3]["regret"]
    Path("mine.json").write_text('{"30": 1, "60": 1}')
    (closed, _) = compared(*files, "--frontier", "mine.json")["models"]
    assert closed["regret"]["mean"] == pytest.approx(1 - closed["forced"]["30"]["accuracy"]["mean"])


def labels_of(files: list[str]) -> list[str]:
    return [name.removesuffix(".parquet") for name in files if not name.startswith("--")]


@pytest.mark.parametrize(
    ("frontier", "words"),
    [
        ('{"60": 0.5}', "the frontier has no accuracy at 30 tokens, at which trained was closed"),
        ('{"30": 1.5}', "a frontier has an accuracy in [0, 1] for each budget in tokens"),
        ('{"30": true}', "a frontier has an accuracy in [0, 1]"),
        ('{"low": 0.5}', "a frontier has an accuracy in [0, 1]"),
        ("{}", "a frontier has an accuracy in [0, 1]"),
        ('{"frontier": 3}', "a frontier has an accuracy in [0, 1]"),
    ],
)
def test_a_frontier_is_refused_where_it_is_none(frontier: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(Path("trained"), 40)
    after = Evaluation.load(Path("trained/evaluation/after.parquet"))
    closed_at(
        Path("trained/evaluation/after-at-30.parquet"), after, recipe_protocol(load_recipe("trained/recipe.yaml"))
    )
    Path("frontier.json").write_text(frontier)
    assert words in refused(capsys, "compare", "trained", "--out", "page", "--frontier", "frontier.json")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--force-at", "60,20"], "the budgets of thinking must rise, and after 60 comes 20"),
        (["--force-at", "20,20"], "must rise"),
        (["--force-at", "0,20"], "budgets of at least 1 token, not at [0, 20]"),
        (["--force-at", "-5"], "at least 1 token"),
        (["--force-at", "many"], "--force-at must be numbers of tokens as 2048,4096, not 'many'"),
        ([*CLOSED, "--cap", "70"], "need a cap of at least 100, not 70; raise the cap"),
        (["--force-at", "20", "--answer", "0"], "an answer needs a budget of at least 1 token, not 0"),
        (["--force-at", "low=20,60"], "give each budget a name of its own, as low=512,high=2048, or none"),
        (["--force-at", "low=20,low=60"], "give each budget a name of its own"),
        ([*CLOSED, "--budget-text", "{prompt} {effort}"], "close thinking at named ones"),
        (["--answer", "20"], "--closing and --answer say how thinking is closed: give --force-at"),
        (["--closing", "s1"], "give --force-at"),
        ([*CLOSED, "--closing", "qwen"], "unknown closing 'qwen'; did you mean 'qwen3'"),
        ([*CLOSED, "--closing", "So then:"], "does not end thinking, which '</think>' does: put that into it"),
        ([*CLOSED, "--end", ""], "cannot write ''"),
        (["--end", "</think>"], "--end says where what is forced goes"),
        (["--force-at", "500", "--answer", "500"], "and the model has 1024; shorten prompts or budget"),
        (["--rival", "no-thinkin"], "unknown rival 'no-thinkin'; did you mean 'no-thinking'"),
        (["--rival", "budget-forcing"], "--rival budget-forcing closes thinking at budgets: give --force-at"),
        (["--rival", "no-thinking", "--cap", "20"], "which leave nothing of 20"),
        (["--min-thinking", "20"], "--min-thinking and --waits go with --rival think-longer"),
        (["--rival", "think-longer", "--waits", "0"], "times must be at least 1, not 0"),
    ],
)
def test_a_mistake_is_one_line_before_the_model_is_loaded(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rl.evaluation.engines.load_model", lambda *_, **__: pytest.fail("loaded"))
    assert words in refused(capsys, *FILE, *arguments)
