import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import refused, run
from processes import PATIENCE, offspring, wait_until, wait_until_gone

from rl.cli import run_command


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def cases(*rows: dict[str, Any]) -> str:
    Path("cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return "cases.jsonl"


def case(gold: str, completion: str, **more: Any) -> dict[str, Any]:
    return {"gold": gold, "completion": completion, **more}


ROWS = [
    case("5", r"\boxed{5}", expect=True),
    case("5", r"\boxed{6}", expect=True),
    case("5", "five", expect=False),
    case("3", r"\boxed{\log_2 8}", expect=True),
    case("3", r"\boxed{9^{9^{9^9}}}"),
    case("5", "\\boxed{5}\ud800\x00", expect=None),
]


def test_each_line_gets_its_verdict_and_expectations_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    out = run("verify", "--cases", cases(*ROWS), "--set", "seconds=0.5")
    assert out["verdicts"] == ["correct", "wrong", "unparsable", "correct", "timed_out", "correct"]
    assert out["agree"] == 0.75  # 3 of the 4 lines with an expectation
    assert out["disagree"] == [2]
    assert out["seconds"] >= 0.5
    said = capsys.readouterr().out
    assert "6 cases in" in said
    assert "3 correct, 1 wrong, 1 unparsable, 1 timed_out" in said
    assert "as expected: 75.00%" in said
    assert "not as expected: lines 2" in said


def test_a_case_says_whether_its_prompt_had_begun_to_think() -> None:
    draft = "12, so \\boxed{12}. Wait: it says"
    rows = [
        case("12", draft, thinking_begun=True, expect=False),
        case("12", draft, prompt="<|User|>3*4?<|Assistant|><think>\n", expect=False),
        case("12", draft, prompt="<|User|>Use <think>.<|Assistant|>", expect=True),
        case("12", draft, thinking_begun=False, expect=True),
        case("12", draft + "</think>\\boxed{12}", thinking_begun=True, expect=True),
    ]
    out = run("verify", "--cases", cases(*rows))
    assert out["verdicts"] == ["unparsable", "unparsable", "correct", "correct", "correct"]
    assert out["agree"] == 1.0


def test_rollouts_are_cases_and_their_verdicts_what_is_expected() -> None:
    said = {
        "answer": "4",
        "problem_id": "p",
        "length": 3,
        "stop": "eos",
        "prompt": [{"role": "user", "content": "2+2=?"}],
    }
    rows = cases({**said, "text": "\\boxed{4}", "correct": True}, {**said, "text": "\\boxed{5}", "correct": True})
    found = run("verify", "--cases", rows)
    assert (found["verdicts"], found["disagree"]) == (["correct", "wrong"], [2])


def test_without_expectations_there_is_nothing_to_agree_with() -> None:
    assert run("verify", "--cases", cases(case("5", r"\boxed{5}"))) | {"seconds": 0} == {
        "verdicts": ["correct"], "seconds": 0, "agree": None, "disagree": [],
    }  # fmt: skip
    assert run("verify", "--cases", cases())["verdicts"] == []


def test_any_verifier_can_be_asked() -> None:
    Path("mine.py").write_text("def judge(gold, answer):\n    return gold[::-1] == answer\n")
    assert run("verify", "--cases", cases(case("ab", r"\boxed{ba}")), "--verifier", "mine.py:judge")["verdicts"] == [
        "correct"
    ]
    tagged = cases(case("New York", "<answer>new york</answer>"))
    out = run("verify", "--cases", tagged, "--verifier", "exact", "--set", "places=[tag]", "--set", "case=false")
    assert out["verdicts"] == ["correct"]


def test_without_cases_it_lists_the_verifiers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    listed = {plugin["name"]: plugin for plugin in run("verify")}
    assert set(listed) == {"math", "exact", "choice", "numeric", "substring", "reasoning-gym"}
    assert listed["math"]["parameters"]["seconds"] == 2.0
    assert "reasoning-gym" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"completion": "x"}, "line 2: key 'gold' (in rollouts 'answer') is missing"),
        ({"gold": "5"}, "line 2: key 'completion' (in rollouts 'text') is missing"),
        ({"gold": 5, "completion": "x"}, "line 2: key 'gold' must be a text, not 5"),
        ({"gold": "5", "completion": None}, "line 2: key 'completion' must be a text"),
        ({"gold": "5", "completion": "x", "expect": "yes"}, "line 2: 'expect' must be true or false, not 'yes'"),
        (
            {"gold": "5", "completion": "x", "thinking_begun": 1},
            "line 2: 'thinking_begun' must be true or false, not 1",
        ),
        ({"gold": "5", "completion": "x", "prompt": []}, "line 2: 'prompt' must be the prompt's whole text, not []"),
        ({"gold": "5", "completion": "x", "prompt": "", "thinking_begun": True}, "line 2: 'prompt' says whether"),
    ],
)
def test_a_bad_case_is_named_by_its_line(row: dict[str, Any], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert words in refused(capsys, "verify", "--cases", cases(ROWS[0], row))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--cases", "nowhere.jsonl"], "'nowhere.jsonl' does not exist"),
        (["--cases", "cases.jsonl", "--verifier", "maths"], "did you mean 'math'"),
        (["--cases", "cases.jsonl", "--set", "second=3"], "did you mean 'seconds'"),
        (["--set", "seconds=3"], "give --cases"),
        (["--case", "cases.jsonl"], "--cases"),
    ],
)
def test_a_mistake_in_the_command_is_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cases(ROWS[0])
    assert words in refused(capsys, "verify", *arguments)


def test_a_file_that_cannot_be_written_is_known_before_the_work(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        run_command(["verify", "--cases", cases(*ROWS), "--json", "no/such/folder/out.json"])
    assert stop.value.code == 2
    assert "its folder does not exist" in capsys.readouterr().err


def test_ctrl_c_ends_it_with_one_line_nothing_written_and_no_process_left() -> None:
    cases(*[case("3", f"\\boxed{{9^{{9^{{9^{{9+{i}}}}}}}}}") for i in range(200)])
    command = [sys.executable, "-c", "from rl.cli import run_command; run_command()"]
    arguments = ["verify", "--cases", "cases.jsonl", "--json", "out.json", "--quiet"]
    process = subprocess.Popen([*command, *arguments], stderr=subprocess.PIPE, text=True, start_new_session=True)
    wait_until(lambda: len(offspring(process.pid)) == 4, "two workers and what they come from are there")
    children = offspring(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert said.strip().splitlines() == ["stopped after 0 of 200 cases; nothing written"]
    assert not Path("out.json").exists()
    wait_until_gone(children)
