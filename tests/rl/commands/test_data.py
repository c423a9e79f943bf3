import json
from pathlib import Path

import pytest

from rl.cli import run_command


def run(*arguments: str) -> None:
    with pytest.raises(SystemExit) as ended:
        run_command(["data", *arguments])
    assert ended.value.code in (0, None)


def test_a_source_is_shown_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"q": f"{n}+1=?", "a": {"value": str(n + 1)}} for n in range(8)]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    out = tmp_path / "out.json"
    run(str(tmp_path / "a.json"), "--column", "problem=q", "--column", "answer=a.value", "--n", "2", "--json", str(out))
    told = capsys.readouterr().out
    assert "8 problems from" in told
    assert told.count("── gold: ") == 2
    assert "user: 0+1=?\n── gold: 1   read as: number 1" in told
    written = json.loads(out.read_text())
    assert written["columns"] == {"problem": "q", "answer": "a.value"}
    assert [p["answer"] for p in written["problems"]] == [str(n + 1) for n in range(8)]


def test_a_recipe_is_shown_with_its_own_prompt_and_verifier(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.json").write_text(json.dumps([{"problem": "Who?", "answer": "Ann"}]))
    (tmp_path / "r.yaml").write_text(
        f"extends: demo-grpo\nname: r\nverifier: exact\n"
        f"data: {{train: {tmp_path}/a.json, prompt: {{template: 'Q: {{problem}}'}}}}\n"
    )
    run(str(tmp_path / "r.yaml"))
    told = capsys.readouterr().out
    assert "<|im_start|>user\nQ: Who?<|im_end|>" in told
    assert "verifier   exact" in told


def test_a_column_without_a_role_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run_command(["data", "a.json", "--column", "gold=x"])
    assert ended.value.code == 2
    assert "--column must be problem=NAME, answer=NAME or choices=NAME" in capsys.readouterr().err
