"""One clear line for each mistake, exit code 2, nothing written."""

import json
import math
from pathlib import Path

import pytest
from commands import CLASS, Line, line, refused, reward_line, run, score, write

from rl.cli import run_command


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")


GOOD = json.dumps(line(4, True))


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("{", "not JSON"),
        ("[1]", "expected an object"),
        (json.dumps({k: v for k, v in line(4, True).items() if k != "problem_id"}), "'problem_id' is missing"),
        (json.dumps({k: v for k, v in line(4, True).items() if k != "length"}), "'length' is missing"),
        (json.dumps({k: v for k, v in line(4, True).items() if k != "correct"}), "'correct' is missing"),
        (json.dumps({k: v for k, v in line(4, True).items() if k != "stop"}), "'stop' is missing"),
        (json.dumps(line(-1, True)), "'length'"),
        (json.dumps(line(4, True) | {"length": "4"}), "'length'"),
        (json.dumps(line(4, True) | {"length": True}), "'length'"),
        (json.dumps(line(4, True) | {"length": math.nan}), "'length'"),
        (json.dumps(line(4, True) | {"correct": "yes"}), "'correct'"),
        (json.dumps(line(4, True, "eos_token")), "'stop'"),
        (json.dumps(line(4, True, budget=0)), "'budget'"),
        (json.dumps(line(4, True, budget=1) | {"budget": 2.5}), "'budget'"),
        (json.dumps(line(4, False, verdict="wrng")), "unknown verdict 'wrng'"),
        (json.dumps(line(4, True, verdict="timed_out")), "'verdict'"),
        (json.dumps(line(4, None, verdict="wrong")), "'verdict'"),
        (json.dumps(line(4, True, token_ids=5)), "token_ids"),
        (json.dumps(line(4, True, rewards=[1.0])), "rewards"),
        (json.dumps(line(4, True, rewards={"style": "good"})), "rewards"),
        (json.dumps(line(4, True, rewards={"style": math.inf})), "rewards"),
        (json.dumps(line(4, True, text=5)), "text"),
        (json.dumps(line(4, True) | {"thinking": 5}), "'thinking'"),
        (json.dumps(line(4, True) | {"variant": 5}), "'variant'"),
        (json.dumps(line(4, True) | {"forced": [[3, 9]]}), "'forced'"),
    ],
)  # fmt: skip
def test_a_bad_line_is_named_by_file_and_number(bad: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("rollouts.jsonl").write_text(f"{GOOD}\n{bad}\n{GOOD}\n")
    said = refused(capsys, "score", "--reward", "correct", "--rollouts", "rollouts.jsonl")
    assert "rollouts.jsonl, line 2" in said
    assert words in said


def test_blank_lines_are_passed_over_but_counted(capsys: pytest.CaptureFixture[str]) -> None:
    Path("rollouts.jsonl").write_text(f"{GOOD}\n\n{GOOD}\n")
    assert run("score", "--reward", "correct", "--rollouts", "rollouts.jsonl")["rewards"] == [1, 1]
    Path("out.json").unlink()
    Path("rollouts.jsonl").write_text(f"{GOOD}\n\n{json.dumps(line(4, True, 'eso'))}\n")
    assert "line 3" in refused(capsys, "score", "--reward", "correct", "--rollouts", "rollouts.jsonl")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--reward", "trunkation"], ["unknown reward 'trunkation'", "'truncation'"]),
        (["--reward", "hapo", "--set", "mod=min"], ["unknown option of reward 'hapo' 'mod'", "'mode'"]),
        (["--reward", "hapo", "--set", "mode=max"], ["hapo", "mode", "'max'"]),
        (["--reward", "hapo", "--set", "w=heavy"], ["hapo"]),
        (["--reward", "hapo", "--set", "mode"], ["--set 'mode'", "key=value"]),
        (["--reward", "hapo", "--set", "w=[1"], ["'[1'"]),
        (["--reward", "l1-exact"], ["l1-exact", "'p'", "no budget"]),
        (["--reward", "o1-pruner"], ["o1-pruner", "'ref_"]),
        (["--reward", "hapo", "--monitor", "rollouts.jsonl"], ["hapo", "monitor"]),
        (["--reward", "hapo", "--history", "absent.json"], ["absent.json"]),
        (["--reward", "hapo", "--history", "list.json"], ["list.json"]),
        (["--reward", "hapo", "--history", "half.json"], ["half.json"]),
        (["--reward", "laser-d", "--monitor", "half.json"], ["half.json, line 1"]),
        (["--reward", "absent.py:R"], ["absent.py"]),
        (["--reward", "good.py:S"], ["good.py", "'S'", "known: R"]),
        (["--reward", "good.py:R", "--set", "a=1"], ["good.py:R", "no options"]),
    ],
)  # fmt: skip
def test_score_says_in_one_line_what_is_wrong(
    arguments: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    write(line(4, True))
    Path("list.json").write_text("[1]")
    Path("half.json").write_text('{"hapo": ')
    Path("good.py").write_text("def R(completions, **kwargs): return [0.0 for _ in completions]")
    said = refused(capsys, "score", *arguments, "--rollouts", "rollouts.jsonl")
    assert all(word in said for word in words), said


TERMS = CLASS + "        return [1.0] * len(rows)\n    def terms(self, group, history):\n        "


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def R(**kwargs): raise RuntimeError('boom')", "RuntimeError: boom"),
        ("def R(**kwargs): raise RuntimeError('boom\\nand more')", "boom"),
        ("def R(completions, **kwargs): return [1.0]", "1 numbers for 4"),
        ("def R(completions, **kwargs): return [float('inf')] * len(completions)", "infinite"),
        ("def R(completions, **kwargs): return ['good'] * len(completions)", "good"),
        ("def R(completions, **kwargs): return None", "gave None for 4 completions"),
        ("def R(nothing_like_it): return [1.0]", "nobody gives nothing_like_it"),
        ("import nowhere_to_be_found", "nowhere_to_be_found"),
        (CLASS + "        raise KeyError('boom')", "boom"),
        (CLASS + "        raise ValueError('boom\\n\\nand more')", "boom"),
        (CLASS + "        return [1.0] * (len(rows) + 1)", "3 numbers for 2"),
        (CLASS + "        return []", "0 numbers for 2"),
        (CLASS + "        return [float('-inf')] * len(rows)", "infinite"),
        (TERMS + "return {'length': [1.0]}", "mine"),
        (TERMS + "return {'length': [float('inf')] * len(group.rollouts)}", "mine"),
        (CLASS + "        return [1.0] * len(rows)\n    def observe(self, group, history): raise KeyError('boom')", "boom"),
        ("class R:\n    name = 'mine'\n    def __init__(self): raise ValueError('boom')", "boom"),
        ("class R: pass", "R"),
    ],
)  # fmt: skip
def test_a_plug_in_that_misbehaves_is_named_in_one_line(
    source: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine.py").write_text(source)
    write(line(4, True), line(5, True), line(5, True, problem_id="q"), line(6, False, problem_id="q"))
    said = refused(capsys, "score", "--reward", "mine.py:R", "--rollouts", "rollouts.jsonl")
    assert words in said
    assert "mine" in said or "'R'" in said


def test_a_controller_that_raises_is_named_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.py").write_text(
        CLASS + "        return [1.0] * len(rows)\n    interval = 1\n"
        "    def monitor(self, groups, history): raise KeyError('boom')\n"
    )
    rollouts = write(line(4, True))
    said = refused(capsys, "score", "--reward", "mine.py:R", "--rollouts", rollouts, "--monitor", rollouts)
    assert "mine" in said


def test_terms_nobody_judged_are_null_like_the_rewards() -> None:
    Path("mine.py").write_text(TERMS + "return {'length': [float('nan')] * len(group.rollouts)}")
    assert score("mine.py:R", [line(4, True)])["terms"]["length"] == [None]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["constnt", "--steps", "3"], ["unknown budget 'constnt'", "'constant'"]),
        (["constnt"], ["unknown budget 'constnt'"]),
        (["constant", "--steps", "3"], ["constant", "tokens"]),
        (["constant", "--set", "token=3", "--steps", "3"], ["option of budget 'constant' 'token'", "'tokens'"]),
        (["exponential", "--set", "factor=2", "--steps", "3"], ["exponential: factor"]),
        (["siri-cosine", "--set", "minimum", "--steps", "3"], ["key=value"]),
        (["siri-cosine", "--accuracy", "0.5"], ["accuracy"]),
        (["difficulty-tiers", "--accuracy", "1.5"], ["difficulty-tiers", "1.5"]),
        (["difficulty-tiers", "--accuracy", "nan"], ["difficulty-tiers", "nan"]),
        (["siri-cosine", "--steps", "3", "--plot", "plot.xyz"], ["plot.xyz"]),
        (["siri-cosine", "--steps", "3", "--plot", "no/such/folder/plot.png"], ["plot.png"]),
        (["siri-cosine", "--steps", "0"], ["--steps"]),
        (["siri-cosine", "--steps", "many"], ["--steps"]),
    ],
)  # fmt: skip
def test_budgets_says_in_one_line_what_is_wrong(
    arguments: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, "budgets", *arguments)
    assert all(word in said for word in words), said


@pytest.mark.parametrize(
    ("arguments", "rows", "words"),
    [
        (["grup"], [reward_line(1)], ["unknown advantage estimator 'grup'", "'group'"]),
        (["lead", "--set", "aa=1"], [reward_line(1)], ["option of advantage estimator 'lead' 'aa'"]),
        (["gfpo", "--set", "k=0"], [reward_line(1)], ["gfpo"]),
        (["group", "--set", "weights=[1]"], [reward_line(1)], ["weights"]),
        (["gdpo", "--set", "weights=[1, 2]"], [{"problem_id": "p", "rewards": {"a": 1}}], ["2 weights", "1 rewards"]),
        (["gdpo", "--set", "weights=2"], [{"problem_id": "p", "rewards": {"a": 1}}], ["weights"]),
        (["group"], [reward_line(1), {"problem_id": "p"}], ["rollouts.jsonl, line 2", "'reward' is missing"]),
        (["group"], [reward_line(1), {"reward": 1}], ["rollouts.jsonl, line 2", "'problem_id' is missing"]),
        (["gdpo"], [reward_line(1)], ["rollouts.jsonl, line 1", "'rewards' is missing"]),
        (["gdpo"], [{"problem_id": "p", "rewards": 5}], ["rollouts.jsonl, line 1", "rewards"]),
        (["gdpo"], [{"problem_id": "p", "rewards": [1]}], ["rollouts.jsonl, line 1", "rewards"]),
        (["group"], [reward_line(math.inf)], ["rollouts.jsonl, line 1", "finite"]),
        (["group"], [{"problem_id": "p", "reward": "high"}], ["rollouts.jsonl, line 1", "'high'"]),
        (["gfpo"], [{"problem_id": "p", "reward": 1}], ["rollouts.jsonl, line 1", "'length' is missing"]),
        (["dler-tokens"], [{"problem_id": "p", "reward": 1}], ["rollouts.jsonl, line 1", "'length' is missing"]),
        (["gfpo"], [{"problem_id": "p", "reward": 1, "length": "long"}], ["rollouts.jsonl, line 1", "length"]),
        (["gfpo"], [{"problem_id": "p", "reward": 1, "length": None}], ["rollouts.jsonl, line 1", "length"]),
    ],
)  # fmt: skip
def test_advantages_says_in_one_line_what_is_wrong(
    arguments: list[str], rows: list[Line], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, "advantages", "--estimator", *arguments, "--rollouts", write(*rows))
    assert all(word in said for word in words), said


@pytest.mark.parametrize(
    "arguments",
    [
        ["score", "--reward", "hapo", "--rollouts", "absent.jsonl"],
        ["advantages", "--estimator", "group", "--rollouts", "absent.jsonl"],
        ["score", "--reward", "laser-d", "--rollouts", "there.jsonl", "--monitor", "absent.jsonl"],
    ],
)
def test_a_missing_file_is_named(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    write(line(4, True), name="there.jsonl")
    assert "absent.jsonl" in refused(capsys, *arguments)


@pytest.mark.parametrize(
    "arguments",
    [["--estimator", "group"], ["--rollouts", "r.jsonl"], ["--set", "k=2"],
     ["gfpo", "--estimator", "gfpo", "--rollouts", "r.jsonl"]],
)  # fmt: skip
def test_advantages_are_either_listed_or_estimated(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "give --estimator NAME and --rollouts FILE.jsonl" in refused(capsys, "advantages", *arguments)


def test_an_unknown_estimator_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert "unknown advantage estimator 'gfop'; did you mean 'gfpo'?" in refused(capsys, "advantages", "gfop")


def test_an_unknown_reward_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert "unknown reward 'hapoo'; did you mean 'hapo'?" in refused(capsys, "rewards", "hapoo")


def test_numbers_that_cannot_be_written_are_said_to_be_so(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        run_command(["budgets", "siri-cosine", "--steps", "3", "--json", "no/such/folder/out.json"])
    assert stop.value.code == 2
    assert "no/such/folder/out.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["scor"], "lengthwise"),
        (["score"], "lengthwise score"),
        (["evaluate", "x"], "lengthwise evaluate"),
        (["synth", "build"], "lengthwise synth"),
    ],
)
def test_a_mistyped_command_names_the_help_that_lists_what_there_is(
    arguments: list[str], shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        run_command(arguments)
    assert stop.value.code == 2
    assert capsys.readouterr().err.endswith(f" See {shown} --help.\n")
