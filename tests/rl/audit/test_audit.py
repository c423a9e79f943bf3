"""`lengthwise audit`: numbers worked by hand, methods by name, what cannot be audited, the page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import excerpts
import numpy as np
import pytest
from commands import Line, line, refused, run, write

from rl.audit.applying import apply, varies
from rl.audit.methods import Sweep, chosen
from rl.audit.sample import Sample
from rl.elsewhere.rollout_files import read_rollouts
from rl.recipe.files import load_recipe

HAND = [line(10, True), line(30, True), line(20, False), line(60, False)]
"""One group: right at 10 and 30 tokens, wrong at 20 and 60."""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


def method(rewards: str, advantage: str = "centred", budget: int = 1000, name: str = "own", more: str = "") -> str:
    path = Path(f"{name}.yaml")
    path.write_text(
        f"name: {name}\nmodel: demo\ndata: {{train: demo}}\nrewards: [{rewards}]\n"
        f"budget: {{name: constant, tokens: {budget}}}\nadvantage: {{name: {advantage}}}\n{more}"
    )
    return str(path)


def audited(rows: list[Line], *flags: str) -> Any:
    return run("audit", "--rollouts", write(*rows), "--quiet", *flags)


def test_one_group_worked_by_hand() -> None:
    found = audited(HAND, "--methods", method("{name: kimi, w: 0.4}"))
    (one,) = found["methods"]
    # λ = 1/2 - (L - 10)/50: .5, .1, min(0, .3), -.5; rewards 1.2, 1.04, 0, -.2; minus their mean .51: .69 .53 -.51 -.71.
    # Lengths minus their mean 30: -20, 0, -10, 30. Σ A ΔL = -13.8 + 0 + 5.1 - 21.3 = -30; Σ A² = 1.5212, 4 rollouts.
    root = (4 * 1.5212) ** 0.5
    assert one["pull"]["mean"] == pytest.approx(-30 / root)
    # Among right ones (mean 20): -6.9 + 5.3; among wrong ones (mean 40): 10.2 - 14.2; the rest between them.
    assert one["pull_right"]["mean"] == pytest.approx(-1.6 / root)
    assert one["pull_wrong"]["mean"] == pytest.approx(-4.0 / root)
    assert one["pull_between"]["mean"] == pytest.approx(-24.4 / root)
    assert (one["signal"]["mean"], one["right_down"]["mean"], one["wrong_up"]["mean"]) == (1, 0, 0)
    assert one["inverted"]["mean"] == 0  # one pair: wrong at 20, right at 30
    assert (found["groups"], found["rollouts"], found["accuracy"], found["mean_tokens"]) == (1, 4, 0.5, 30)


def test_a_cap_cuts_what_is_longer_and_what_it_cut_counts_as_wrong() -> None:
    (one,) = audited(HAND, "--methods", method("truncation", budget=20))["methods"]
    # 30 and 60 are cut at 20: half of all, the right one at 30; 10 + 40 of 120 tokens. Rewards 1, 0, 0, 0.
    assert (one["cut"]["mean"], one["right_cut"]["mean"], one["cap"]) == (0.5, 0.5, 20)
    assert one["saved"]["mean"] == pytest.approx(50 / 120)
    assert one["right_down"]["mean"] == 0.5  # the long right one, with -1/4
    # A = 3/4, -1/4 three times; lengths 10, 20, 20, 20 minus 17.5: Σ = -5.625 - 3 * .625 = -7.5; Σ A² = .75.
    assert one["pull"]["mean"] == pytest.approx(-7.5 / (4 * 0.75) ** 0.5)
    (told,) = audited(HAND, "--methods", "own.yaml", "--budget", "60")["methods"]
    assert (told["cap"], told["cut"]["mean"]) == (60, 0)


def test_where_it_begins_to_pay_short_and_wrong_over_long_and_right() -> None:
    # At a budget of 20 that cuts nothing: wrong at 20 earns 0, right at 30 earns 1 - 10 α: less from α = 1/10 on.
    path = Path(method("{name: l1-exact, alpha: 0.01}", budget=20))
    path.write_text(path.read_text().replace("tokens: 20}", "tokens: 20, cap: 100}"))
    swept = {m["method"]: m for m in audited(HAND, "--methods", str(path), "--sweep", "alpha=0.05,0.2")["methods"]}
    assert {name: m["inverted"]["mean"] for name, m in swept.items()} == {
        "own": 0,
        "own alpha=0.05": 0,
        "own alpha=0.2": 1,
    }
    assert swept["own"]["pays_short_wrong"]["option"] == "alpha"
    assert 0.1 < swept["own"]["pays_short_wrong"]["value"] < 0.103  # six halvings of 0.04 to 0.16


def test_groups_that_truncation_silences_are_counted() -> None:
    rows = [
        line(50, True, problem_id="a"),
        line(60, False, problem_id="a"),
        *(line(9, c, problem_id="b") for c in (True, False)),
    ]
    (one,) = audited(rows, "--methods", method("truncation", "group", budget=20))["methods"]
    assert (one["signal"]["mean"], one["silenced"]["mean"]) == (0.5, 0.5)  # a: all cut, nothing to compare
    dynamic = method("truncation", "dler", 20, "dynamic", "sampling: {dynamic: true}\n")
    (two,) = audited(rows, "--methods", dynamic)["methods"]
    assert two["signal"]["mean"] == 0.5


def test_a_reward_that_remembers_knows_the_rollouts_as_at_a_second_visit() -> None:
    (one,) = audited([line(10, True), line(30, True)], "--methods", method("{name: hapo, mode: min, w: 1.0}"))[
        "methods"
    ]
    assert one["notes"] == ["remembers these rollouts, as at a second visit"]
    # h = 10: the shorter earns more, though at a first visit all would earn the same.
    assert one["pull"]["mean"] < 0
    visits = [line(10, True, round=0), line(30, True, round=0), line(10, True, round=1), line(30, True, round=1)]
    (two,) = audited(visits, "--methods", "own.yaml")["methods"]
    assert (two["notes"], two["signal"]["mean"]) == ([], 0.5)  # the first round has no history, the second has


def test_rewards_and_estimator_are_those_of_score_and_advantages() -> None:
    rng = np.random.default_rng(0)
    rows = [
        line(int(rng.integers(5, 90)), bool(rng.integers(2)), problem_id=f"p{place // 4}", budget=1000)
        for place in range(40)
    ]
    for reward, flags in (("kimi", []), ("efficient", ["--set", "alpha=0.2"]), ("grpo-lambda", [])):
        scores = run("score", "--reward", reward, "--rollouts", write(*rows), *flags)["rewards"]
        scored = [{**row, "reward": value} for row, value in zip(rows, scores, strict=True)]
        expected = run("advantages", "--estimator", "group", "--rollouts", write(*scored, name="s.jsonl"))["advantages"]
        options = "".join(f", {flag.replace('=', ': ')}" for flag in flags[1::2])
        recipe = load_recipe(method(f"{{name: {reward}{options}}}", "group"))
        found = apply(recipe, Sample.of(read_rollouts(Path(write(*rows)))))
        assert found.advantages == pytest.approx(expected)


def test_groups_of_different_size_and_unjudged_rollouts_are_audited() -> None:
    rows = [
        line(10, True),
        line(30, None),
        line(20, False),
        line(5, True, problem_id="q"),
        line(8, False, problem_id="q"),
    ]
    for estimator in ("group", "centred", "dler", "gfpo", "ddca"):
        found = apply(load_recipe(method("correct", estimator)), Sample.of(read_rollouts(Path(write(*rows)))))
        assert found.advantages[1] == 0
        assert found.advantages[0] > 0 > found.advantages[2]
    assert varies(np.array([1.0, np.nan, 1.0, 0.0]), np.array([0, 0, 1, 1]), 2).tolist() == [False, True]


def test_all_are_the_papers_methods_and_such_as_score_alike_are_one() -> None:
    methods = {one.label: one for one in chosen(["all"])}
    assert len(methods) >= 30
    assert {"gspo", "cispo"} <= {name for one in methods.values() for name in (one.label, *one.same)}
    assert "kimi, short" in methods
    assert [one.label for one in chosen(["dler,hapo", "dler"])] == ["dler", "hapo"]


def test_every_method_of_a_paper_is_audited_or_says_why_not(capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    rows = [
        line(
            int(rng.integers(5, 9000)), bool(rng.integers(2)), problem_id=f"p{place // 8}", text="so it is", answer="4"
        )
        for place in range(64)
    ]
    found = audited(rows)
    assert len(found["methods"]) >= 30
    assert all(
        re.match(r"edit|credit|its groups|its budget|it tells", why) for why in found["not_auditable"].values()
    ), found["not_auditable"]
    pulls = [one["pull"]["mean"] or 0.0 for one in found["methods"]]
    assert pulls == sorted(pulls)
    for one in found["methods"]:
        assert one["pull"]["low"] is None or one["pull"]["low"] <= one["pull"]["mean"] <= one["pull"]["high"]
    said = capsys.readouterr().out
    assert "not auditable: dot" in said


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_table_has_the_columns_that_fit_and_breaks_none(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    audited(HAND, "--methods", method("{name: kimi, w: 0.4}"))
    head, first, *rest = capsys.readouterr().out.splitlines()
    assert head.split()[:2] == ["method", "pull"]
    assert max(map(len, (head, first))) <= width
    assert "…" not in head + first
    assert ("short wrong pays" in head) is (width == 200) is not any("fit a wider terminal" in line for line in rest)


def test_rollouts_of_two_runs_are_groups_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [line(10, True, round=0), line(30, False, round=0)]
    other = write(*rows, name="other.jsonl")
    own = method("{name: correct}")
    found = run("audit", "--rollouts", write(*rows), "--rollouts", other, "--methods", own)
    assert (found["groups"], found["rollouts"]) == (2, 4)


def test_the_page_holds_every_method_and_loads_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--methods", f"{method('{name: kimi, w: 0.4}')},dot", "--out", "page"]
    found = audited(HAND, *flags)
    page = Path("page/index.html").read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])  # type: ignore[index]
    (figure,) = data["figures"]
    assert [panel["title"] for panel in figure["panels"]] == ["own"]
    sides = {series["label"]: series for series in figure["panels"][0]["series"]}
    # Marks and dashes tell right from wrong without colour.
    assert (sides["right rollouts"]["dash"], sides["wrong rollouts"]["dash"]) == (0, 1)
    assert sides["right rollouts"]["mark"] != sides["wrong rollouts"]["mark"]
    assert "https://" not in page.replace("https://www.w3.org", "").replace("http://www.w3.org", "")
    assert "edit `dot` changes rollouts" in page
    assert json.loads(Path("page/summary.json").read_text()) == found
    Path("page/index.html").unlink()  # as a kill leaves it, which writes the page last
    audited(HAND, *flags)  # an audit's folder may be written again
    Path("page/mine.txt").write_text("x")
    capsys.readouterr()
    assert "mine.txt" in refused(capsys, "audit", "--rollouts", "rollouts.jsonl", *flags)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--methods", "dlr"], "unknown recipe 'dlr'; did you mean"),
        (["--methods", "dler", "--sweep", "alpha=0.1:1:5"], "--sweep alpha: no method here has that option"),
        (["--sweep", "alpha"], "--sweep 'alpha' is not of the form alpha=0.1:1:5"),
        (["--sweep", "alpha=1:2"], "low:high:count"),
        (["--sweep", "w=.nan"], "--sweep 'w=.nan' is not of the form alpha=0.1:1:5"),
        (["--sweep", "budget=.inf"], "--sweep 'budget=.inf' is not of the form alpha=0.1:1:5"),
        (["--sweep", "budget=0,100"], "--sweep budget: a budget is a whole number of tokens, at least 1, not 0"),
        (["--sweep", "budget=0.5"], "a whole number of tokens, at least 1, not 0.5"),
        (["--methods", " ,"], "--methods names no recipe"),
        (["--out", "rollouts.jsonl"], "cannot write rollouts.jsonl"),
    ],
)
def test_what_cannot_be_audited_is_one_line(flags: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said in refused(capsys, "audit", "--rollouts", write(*HAND), *flags)


def test_a_sweep_is_even_from_end_to_end() -> None:
    assert Sweep.parse("alpha=0.1:1:4") == Sweep("alpha", (0.1, 0.4, 0.7, 1))
    assert Sweep.parse("budget=1000,2000,1000").values == (1000, 2000)
    assert Sweep.parse("budget=1000:2000:4").values == (1000, 1333, 1667, 2000)


def test_an_audit_of_another_tools_log() -> None:
    found = run("audit", "--rollouts", str(excerpts.inspect_ai(Path())), "--methods", method("kimi"), "--quiet")
    (one,) = found["methods"]
    assert (found["groups"], one["pull"]["mean"] < 0) == (2, True)
