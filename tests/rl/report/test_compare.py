"""`lengthwise compare` over made-up runs: what it writes, what it refuses, and that it leaves nothing half-written."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commands import refused
from run_folders import make_run

from rl.cli import run_command
from rl.evaluation import Protocol
from rl.folders.run import RunFolder
from rl.report import folder, runs
from rl.report.page.page import render

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)> &amp; \u2028 ]]> <!-- \\boxed{2}"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.chdir(tmp_path)
    if "with_plots" not in request.fixturenames:  # they are most of a comparison's seconds
        monkeypatch.setattr("rl.report.plots.save_plots", lambda _, folder, __: folder.mkdir())


@pytest.fixture
def with_plots() -> None:
    """Draws the plots, which the other tests leave out."""


def compare(*arguments: str) -> dict[str, Any]:
    with pytest.raises(SystemExit) as stop:
        run_command(["compare", *arguments, "--out", "page", "--json", "out.json"])
    assert stop.value.code == 0
    found: dict[str, Any] = json.loads(Path("out.json").read_text())
    return found


def embedded(page: str) -> dict[str, Any]:
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    found: dict[str, Any] = json.loads(text)
    return found


class Tags(HTMLParser):
    """The tags of a page, and every address in an attribute."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.addresses: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action", "data", "srcset")]


@pytest.mark.usefixtures("with_plots")
def test_two_runs_and_a_checkpoint_make_a_page_plots_and_numbers() -> None:
    make_run(Path("short"), 40, checkpoints=[4])
    make_run(Path("long"), 90, rewards=["correct"])
    found = compare("short", "long")
    assert {p.name for p in Path("page").iterdir()} == {"index.html", "plots", "summary.json"}
    assert json.loads(Path("page/summary.json").read_text()) == found
    assert [(m["label"], m["run"], m["step"]) for m in found["models"]] == [
        ("before", None, 0), ("short at 4", "short", 4), ("short", "short", 8), ("long", "long", 8),
    ]  # fmt: skip
    assert found["hypervolume"]["reference"] == {"tokens": 320, "accuracy": 0}
    assert found["protocol"]["cap"] == 320
    short = found["hypervolume"]["runs"]["short"]
    assert short["interval"][0] <= short["mean"] <= short["interval"][1]
    plots = {p.name for p in Path("page/plots").iterdir()}
    assert {"accuracy-tokens.png", "accuracy-tokens.svg", "length-by-sign.png", "schedule.svg"} <= plots
    line = "24 held-out problems.</b> Protocol recipe: cap 320, 1 sample, T 1, top-p 1, seed 0, verifier math"
    assert line in Path("page/index.html").read_text()
    # An SVG is text drawn as outlines, so its protocol is not looked for; its bytes are a function of the numbers.
    svg = Path("page/plots/schedule.svg").read_bytes()
    compare("short", "long")
    assert Path("page/plots/schedule.svg").read_bytes() == svg


def test_the_page_holds_every_figure_the_settings_that_differ_and_the_same_problems() -> None:
    make_run(Path("a"), 40)
    make_run(Path("b"), 60, budget={"name": "constant", "tokens": 64})
    compare("a", "b", "--problems", "6")
    page = Path("page/index.html").read_text()
    data = embedded(page)
    assert [figure["name"] for figure in data["figures"]] == [
        *("accuracy-tokens", "lengths", "difficulty", "learning", "schedule", "length-by-sign", "rewards", "entropy"),
        "signal",
    ]
    assert re.search(r"budget\.tokens</td><td>80</td><td>64</td>", page)
    held_out = [example for example in data["examples"] if example["where"] == "held-out"]
    assert len(held_out) == 6
    for example in held_out:
        assert [column["label"] for column in example["columns"]] == ["before", "a", "b"]
        assert all(len(column["cards"]) == 1 for column in example["columns"])
    (training,) = [figure for figure in data["figures"] if figure["name"] == "rewards"]
    assert [one["label"] for one in training["panels"][0]["series"]] == ["truncation", "format"]
    trained = [example for example in data["examples"] if example["where"] == "training"]
    assert [example["prompt"] for example in trained] == ["train 0", "train 1", "train 2"]
    # Rounds 0 and 3 begin at steps 0 and 6; 4 rollouts each of the first and the last round that had the problem.
    assert [card["step"] for card in trained[0]["columns"][0]["cards"]] == [1] * 4 + [7] * 4


def test_nothing_on_the_page_can_leave_it_or_be_read_as_markup() -> None:
    make_run(Path("a"), 40, text=EVIL)
    make_run(Path("b<i>"), 60, data={"train": "demo", "eval": "demo", "prompt": {"system": EVIL}})
    compare("a", "b<i>", "--mixed")
    page = Path("page/index.html").read_text()
    tags = Tags(page)
    assert tags.names.count("script") == 2
    assert not {"img", "link", "iframe", "object", "form", "i"} & set(tags.names)
    assert all(address.startswith("#") for address in tags.addresses)
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
    assert "url(" not in page
    assert "@import" not in page
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy[1]
    texts = {c["text"] for e in embedded(page)["examples"] for column in e["columns"] for c in column["cards"]}
    assert EVIL in texts


def test_runs_without_rollouts_are_compared_where_that_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    make_run(Path("a"), 40, rollouts=False)
    assert refused(capsys, "compare", "a", "--out", "page") == (
        "error: a has no rollouts/*.parquet; give --no-rollouts to compare without them"
    )
    compare("a", "--no-rollouts")
    names = [figure["name"] for figure in embedded(Path("page/index.html").read_text())["figures"]]
    assert "rewards" not in names
    assert "schedule" in names


def test_stages_are_read_one_after_the_other() -> None:
    make_run(Path("a"), 40, stages=2)
    read = runs.read_run(RunFolder(Path("a")), "a")
    assert read.steps == 16
    assert [round_.step for round_ in read.rounds] == [1, 3, 5, 7, 9, 11, 13, 15]


def test_the_final_model_evaluated_among_the_checkpoints_is_shown_once() -> None:
    make_run(Path("a"), 40, checkpoints=[4, 8])
    assert [model["label"] for model in compare("a")["models"]] == ["before", "a at 4", "a"]


def test_different_untrained_models_each_have_a_row() -> None:
    make_run(Path("a"), 40)
    make_run(Path("b"), 60)
    shutil.copyfile("b/evaluation/after.parquet", "b/evaluation/before.parquet")
    found = compare("a", "b")
    assert [model["label"] for model in found["models"]] == ["before a", "before b", "a", "b"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "page"], "nothing to compare: name folders of finished runs, or files of answers by --beside"),
        (["absent", "--out", "page"], "absent is not a run: it has no recipe.yaml; name the folder that a recipe was trained in. Answers of no run: --beside"),
        (["unfinished", "--out", "page"], "unfinished holds no finished evaluation; train it to its end"),
        (["a", "a", "--out", "page"], "is named twice; name each run once"),
        (["a", "--out", "file"], "file is a file; give --out a folder"),
        (["a", "--out", "file/below"], "cannot write file/below: Not a directory"),
        (["a", "--out", "b"], "b holds something else than a comparison; choose another --out"),
        (["a", "--out", "page", "--published", "aime"], "unknown benchmark 'aime' in --published; did you mean 'aime2"),
        (["a", "--out", "page", "--reference", "0"], "--reference must be a positive number of tokens, not 0"),
        (["a", "--out", "page", "--problems", "-1"], "Invalid value for '--problems'"),
        (["a", "fewer", "--out", "page"], "a and fewer answered different held-out problems: 20 shared, of 24 and 20"),
        (["a", "longer", "--out", "page"], "a and longer were evaluated differently: cap 320 against 640; evaluate them"),
        (["a", "told", "--out", "page"], "a and told were evaluated differently: temperature 1.0 against 0.6; evaluate"),
        (["broken", "--out", "page"], "cannot read broken/rollouts/round-000002.parquet"),
        (["torn", "--out", "page"], "cannot read torn/evaluation/after.parquet"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_one_line_and_leaves_nothing(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(Path("a"), 40)
    make_run(Path("b"), 60)
    Path("file").write_text("precious")
    make_run(Path("unfinished"))
    Path("unfinished/evaluation/after.parquet").unlink()
    make_run(Path("fewer"), problems=20)
    make_run(Path("longer"), evaluation={"budget": 640})
    make_run(Path("told"), protocol=Protocol(cap=320, temperature=0.6))
    make_run(Path("broken"))
    Path("broken/rollouts/round-000002.parquet").write_text("no parquet")
    make_run(Path("torn"))
    Path("torn/evaluation/after.parquet").write_bytes(Path("a/evaluation/after.parquet").read_bytes()[:-20])
    before = sorted(Path().rglob("*"))
    assert message in refused(capsys, "compare", *arguments)
    assert sorted(Path().rglob("*")) == before


def test_mixed_runs_are_drawn_with_a_warning_where_that_is_asked_for() -> None:
    make_run(Path("a"), 40)
    make_run(Path("b"), 60, problems=20, evaluation={"budget": 640})
    found = compare("a", "b", "--mixed")
    assert len(found["warnings"]) == 2
    assert "cap 320 against 640: their figures cannot be compared." in found["warnings"][0]
    assert "20 shared, of 24 and 20" in found["warnings"][1]
    assert Path("page/index.html").read_text().count('class="warning"><b>Mind:') == 2


def test_another_tools_log_stands_beside_runs_by_its_problems_texts(capsys: pytest.CaptureFixture[str]) -> None:
    make_run(Path("a"), 40)
    rows = [
        {
            "doc": {"query": f"Q: {n}+1=?\nA:", "choices": [str(n + 1)], "gold_index": [0]},
            "model_response": {"text": ["x"], "output_tokens": [[0] * 30]},
            "metric": {"match": float(n % 4 == 0)},
        }
        for n in range(24)
    ]
    pq.write_table(pa.Table.from_pylist(rows), "details.parquet")
    beside = ("compare", "a", "--out", "page", "--beside", "details.parquet")
    told = "details is another tool's log and says no protocol; evaluate them alike, or give --mixed"
    with pytest.raises(SystemExit) as stop:
        run_command(beside)
    assert stop.value.code == 2
    assert told in capsys.readouterr().err
    found = compare("a", "--beside", "details.parquet", "--mixed")
    (own,) = [model for model in found["models"] if model["label"] == "details"]
    # `1+1=?` stands in `Q: 11+1=?`, too: the longest text is meant, so all 24 are answered, a quarter of them right.
    assert (own["n"], own["accuracy"], own["mean_tokens"], own["truncated"]) == (24, 0.25, 30.0, None)
    pq.write_table(pa.Table.from_pylist([{**rows[0], "doc": {**rows[0]["doc"], "query": "?"}}]), "other.parquet")
    with pytest.raises(SystemExit) as stop:
        run_command(("compare", "a", "--out", "p", "--beside", "other.parquet", "--mixed"))
    assert stop.value.code == 2
    assert "other answers none of the runs' held-out problems" in capsys.readouterr().err


def test_another_seed_or_prompt_is_noted_and_no_reason_to_refuse() -> None:
    make_run(Path("a"), 40)
    make_run(Path("b"), 60, seed=0, data={"train": "demo", "eval": "demo", "prompt": {"system": "Be brief."}})
    (warning,) = compare("a", "b")["warnings"]
    assert warning == "b was evaluated with another system None against 'Be brief.'."


def test_an_earlier_comparison_is_replaced_whole_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(Path("a"), 40)
    compare("a")
    plot = Path("page/plots/accuracy-tokens.png")
    plot.write_text("old")

    def fails(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("rl.report.plots.save_plots", fails)
        with pytest.raises(SystemExit) as stop:
            run_command(["compare", "a", "--out", "page"])
    assert stop.value.code == 2
    assert "No space left on device" in capsys.readouterr().err
    assert plot.read_text() == "old"
    compare("a")
    assert not plot.exists()
    Path("page/plots/mine.png").write_text("precious")
    assert "page holds plots/mine.png" in refused(capsys, "compare", "a", "--out", "page")
    Path("page/plots/mine.png").unlink()
    assert {p.name for p in Path().iterdir()} == {"a", "page", "out.json"}


def test_texts_of_a_page_are_bounded_and_what_is_cut_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rl.report.page.examples.TEXT", 2000)
    make_run(Path("a"), 40, text="x" * 5000)
    comparison = runs.compare_runs([runs.read_run(RunFolder(Path("a")), "a")])
    found = folder.examples(comparison, 10)
    cards = [card for example in found for column in example["columns"] for card in column["cards"]]
    assert sum(len(card["text"].replace("x", "")) for card in cards) < 50 * len(cards)
    assert sum(card["text"].count("x") for card in cards) <= 2000
    assert all("characters left out" in card["text"] for card in cards)
    assert "10 of the 24 held-out problems" in render(comparison, [], found, "title")


def test_many_samples_of_a_problem_and_unjudged_ones_are_shown() -> None:
    make_run(Path("a"), 40)
    table = pq.read_table("a/evaluation/after.parquet")
    twice = pa.concat_tables([table, table])
    none = pa.array([None] * len(twice), pa.float64())
    pq.write_table(
        twice.set_column(twice.schema.get_field_index("correct"), "correct", none), "a/evaluation/after.parquet"
    )
    found = compare("a")
    assert found["models"][1]["accuracy"] is None
    assert found["models"][1]["unjudged"] == 48
    assert found["models"][1]["n"] == 24
    assert not found["models"][1]["on_front"]


def test_a_runs_own_report_does_without_rollouts_and_never_refuses() -> None:
    run = RunFolder(make_run(Path("a"), 40, rollouts=False))
    shutil.copyfile(make_run(Path("b"), 60, problems=20) / "evaluation/before.parquet", "a/evaluation/before.parquet")
    folder.write_run_report(run)
    summary = json.loads(run.summary.read_text())
    assert (summary["before"]["n"], summary["after"]["n"], summary["steps"]) == (20, 24, 8)
    page = (run.report / "index.html").read_text()
    assert "Mind:" in page
    assert "<title>Run a</title>" in page
