"""`lengthwise rewards`, `budgets` and `advantages`."""

import math
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from commands import Line, refused, reward_line, run, write

from rl.commands.methods import listing


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("rewards", "hapo truncation triangular band l1-exact l1-max laser laser-d laser-de overlong kimi efficient alp "
         "shorter-better o1-pruner cosine lead conditioned-length repetition substring gr3 toggle grlc linear a-dlp arlcp auto-think grpo-lambda"),
        ("budgets", "constant exponential n-drop linear siri-cosine siri-stair siri-stair-cosine stages difficulty-tiers"),
        ("advantages", "group centred dler dler-tokens gdpo gfpo lead none ddca qglas canon maxrl drpo-weights"),
    ],
)  # fmt: skip
def test_the_lists_name_every_method_with_its_source(kind: str, names: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = {plugin["name"]: plugin for plugin in run(kind)}
    assert set(names.split()) <= set(found)
    assert all(found[name]["source"] for name in names.split())
    first_words = {row.split()[0] for row in capsys.readouterr().out.splitlines() if row[:1].strip()}
    assert set(names.split()) <= first_words


def test_one_method_is_shown_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("rewards", "l1-exact")[0]["parameters"] == {"alpha": 0.0003, "part": "all"}
    assert run("budgets", "constant")[0]["parameters"] == {"tokens": "required"}
    assert run("advantages", "gfpo")[0]["parameters"] == {"k": None, "by": "shortest", "adaptive": False}
    shown = capsys.readouterr().out
    assert "alpha=0.0003" in shown
    assert "arXiv 2503.04697" in shown
    assert "gfpo   arXiv 2508.09726\nparameters: k=None, by=shortest, adaptive=False\n\nOnly the k best" in shown


def test_an_installed_function_is_listed_with_its_options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    Path("theirs_installed.py").write_text(
        "def theirs(rewards, group_size, lengths, weights, floor, lambda_=0.5):\n    'Theirs.'\n"
    )
    entry = EntryPoint("theirs", "theirs_installed:theirs", "lengthwise.advantages")
    monkeypatch.setattr(listing, "entry_points", lambda group: [entry] if group == entry.group else [])
    (shown,) = run("advantages", "theirs")
    assert shown["parameters"] == {"floor": "required", "lambda": 0.5}
    assert (shown["source"], shown["doc"]) == ("theirs_installed", "Theirs.")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["exponential", "--set", "interval=1", "--steps", "4"], [256, 179, 125, 87]),
        (["n-drop", "--steps", "4"], [256, 178, 124, 87]),  # over the steps asked for; d = .69785
        (["linear", "--set", "steps=8", "--steps", "3"], [256, 256, 199]),  # 256 - 169/3 after 8/4 steps
        (["siri-cosine", "--set", "maximum=100", "--set", "minimum=50", "--set", "period=4", "--steps", "5"], [100, 75, 50, 75, 100]),
        (["stages", "--set", "tokens=[4000, 3000, 2000]", "--set", "interval=[1, 2]", "--steps", "5"], [4000, 3000, 3000, 2000, 2000]),
        (["constant", "--set", "tokens=500", "--steps", "1"], [500]),
        (["difficulty-tiers", "--steps", "2"], [4000, 4000]),
        (["difficulty-tiers", "--accuracy", "0.5"], [4000]),
        (["difficulty-tiers", "--accuracy", "0.51"], [2000]),
        (["curricula.constant:Constant", "--set", "tokens=9", "--steps", "2"], [9, 9]),
    ],
)  # fmt: skip
def test_budgets_writes_one_budget_a_step(arguments: list[str], expected: list[int]) -> None:
    assert run("budgets", *arguments) == {"budgets": expected}


@pytest.mark.parametrize(("suffix", "magic"), [("png", b"\x89PNG\r\n"), ("svg", b"<?xml")])
def test_a_schedule_can_be_drawn(suffix: str, magic: bytes) -> None:
    run("budgets", "siri-stair", "--steps", "1000", "--plot", f"plot.{suffix}")
    picture = Path(f"plot.{suffix}").read_bytes()
    assert picture.startswith(magic)
    assert len(picture) > 2000


PAIR = 0.5 / (math.sqrt(0.5) + 1e-4)  # of rewards 1 and 0: mean .5, sample deviation sqrt(.5)


@pytest.mark.parametrize(
    ("arguments", "rows", "expected"),
    [
        (["none"], [reward_line(2.5), reward_line(None)], [2.5, 0]),
        (["group"], [reward_line(1), reward_line(0, "q"), reward_line(0), reward_line(1, "q")], [PAIR, -PAIR, -PAIR, PAIR]),
        (["centred"], [reward_line(1), reward_line(0), reward_line(None), reward_line(7, "q")], [0.5, -0.5, 0, 0]),
        # groups of 3 and of 2: means 1/3 and 1/2; squares 4/9 + 2/9 ... over 5 rollouts: (6/9 + 1/2) / 5 = .23333
        (["dler"], [*map(reward_line, (1, 0, 0)), reward_line(1, "q"), reward_line(0, "q")],
         [v / math.sqrt(7 / 30) for v in (2 / 3, -1 / 3, -1 / 3, 0.5, -0.5)]),
        # centred ±.5, lengths 3 and 1: mean .25, variance .1875
        (["dler-tokens"], [reward_line(1, length=3), reward_line(0, length=1)], [0.25 / math.sqrt(0.1875), -0.75 / math.sqrt(0.1875)]),
        (["gfpo", "--set", "k=2"], [reward_line(1, length=9), reward_line(1, length=2), reward_line(0, length=5)], [0, PAIR, -PAIR]),
        (["lead"], [], []),
        (["group"], [], []),
        (["gdpo"], [], []),
    ],
)  # fmt: skip
def test_advantages_come_one_a_line(arguments: list[str], rows: list[Line], expected: list[float]) -> None:
    found = run("advantages", "--estimator", *arguments, "--rollouts", write(*rows))
    assert list(found) == ["advantages"]
    assert found["advantages"] == pytest.approx(expected, rel=1e-6)


def test_gdpo_takes_the_rewards_of_each_line_apart() -> None:
    rows = [{"problem_id": "p", "length": 1, "rewards": {"a": 1, "b": b}} for b in (1, 0)]  # `a` never varies
    one = 0.25 * PAIR  # weighted; whitened by the sample deviation of ±one, sqrt(2) one
    expected = one / (math.sqrt(2) * one + 1e-4)
    found = run("advantages", "--estimator", "gdpo", "--set", "weights=[1, 0.25]", "--rollouts", write(*rows))
    assert found["advantages"] == pytest.approx([expected, -expected])


def test_what_score_wrote_goes_on_to_advantages(capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[Line] = [
        {"problem_id": p, "length": n, "correct": n < 9, "stop": "eos", "round": r}
        for r, p, n in ((0, "p", 3), (0, "q", 4), (0, "p", 9), (1, "p", 5), (0, "q", 11), (1, "p", 10))
    ]
    run("score", "--reward", "correct", "--rollouts", write(*rows))
    Path("out.json").rename("scores.json")
    found = run("advantages", "--estimator", "dler-tokens", "--rollouts", "scores.json")
    rewarded = [{**row, "reward": float(row["length"] < 9)} for row in rows]
    assert found == run("advantages", "--estimator", "dler-tokens", "--rollouts", write(*rewarded))
    apart = run("advantages", "--estimator", "gdpo", "--rollouts", "scores.json")["advantages"]
    assert [value > 0 for value in apart] == [True, True, False, True, False, False]
    Path("scores.json").write_text('{"rewards": [1.0], "terms": {}, "history": {}}')
    assert "no problem_id for each of its 1 rewards" in refused(
        capsys, "advantages", "--estimator", "group", "--rollouts", "scores.json"
    )
    said = refused(capsys, "advantages", "--estimator", "group", "--rollouts", write(*rows))
    assert "line 1: key 'reward' is missing; `lengthwise score" in said


def test_an_estimator_of_a_file_looks_at_lengths_unless_it_says_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.py").write_text(
        "def by_token(rewards, group_size, lengths, scale=1):\n    return scale * (rewards / lengths).nan_to_num(0.0)\n"
        "class Plain:\n    by_length = False\n    def __call__(self, rewards, group_size, lengths):\n"
        "        return rewards.nan_to_num(0.0)\n"
    )
    rows = write(reward_line(1, length=4), reward_line(None, length=2))
    found = run("advantages", "--estimator", "mine.py:by_token", "--set", "scale=2", "--rollouts", rows)
    assert found["advantages"] == [0.5, 0.0]
    without = write({"problem_id": "p", "reward": 3})
    assert run("advantages", "--estimator", "mine.py:Plain", "--rollouts", without)["advantages"] == [3.0]
    said = refused(capsys, "advantages", "--estimator", "mine.py:by_token", "--rollouts", without)
    assert "line 1: key 'length' is missing" in said
