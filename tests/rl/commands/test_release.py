import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from commands import refused

from rl.cli import run_command
from rl.folders.sums import require_released
from rl.release.card import place_of


class Hub:
    """Notes what it is asked to do, and refuses where it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.refuses = False

    def __call__(self) -> "Hub":
        return self

    def create_repo(self, repo_id: str, **options: Any) -> None:
        if self.refuses:
            raise RuntimeError("401 Unauthorized\nmore")
        self.asked.append(("create", {"repo_id": repo_id, **options}))

    def upload_folder(self, **options: Any) -> Any:
        names = sorted(
            p.relative_to(options["folder_path"]).as_posix()
            for p in Path(options["folder_path"]).rglob("*")
            if p.is_file()
        )
        self.asked.append(("upload", {**options, "names": names}))
        return type("Commit", (), {"commit_url": "https://hub/commit"})()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Hub:
    fake = Hub()
    monkeypatch.setattr(huggingface_hub, "HfApi", fake)
    monkeypatch.chdir(tmp_path)
    return fake


def released(*arguments: str) -> None:
    with pytest.raises(SystemExit) as stop:
        run_command(["release", *arguments])
    assert stop.value.code == 0


def test_pushing_is_only_told_until_it_is_agreed_to(
    evaluated_run: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    released(str(evaluated_run), "--out", "model", "--license", "mit", "--push", "me/tiny", "--json", "made.json")
    told = capsys.readouterr().out
    assert "model.safetensors" in told
    assert "nothing uploaded; with --yes, this goes to me/tiny" in told
    assert hub.asked == []
    assert json.loads(Path("made.json").read_text())["license"] == "mit"
    assert "\n# tiny\n" in Path("model/README.md").read_text()
    released("model", "--push", "me/tiny", "--yes")
    (create, made), (upload, sent) = hub.asked
    assert (create, made) == ("create", {"repo_id": "me/tiny", "private": True, "exist_ok": True})
    assert (upload, sent["repo_id"]) == ("upload", "me/tiny")
    assert sent["names"] == sorted(p.relative_to("model").as_posix() for p in Path("model").rglob("*") if p.is_file())
    assert "uploaded: https://hub/commit" in capsys.readouterr().out


def test_what_a_card_says_of_loading_loads_the_model_from_another_folder(
    evaluated_run: Path, hub: Hub, tmp_path: Path
) -> None:
    released(str(evaluated_run), "--out", "made/model", "--license", "mit")
    beside = loading("made/model/README.md")
    as_made = sorted((path, path.read_bytes()) for path in Path("made/model").rglob("*") if path.is_file())
    hub.refuses = True
    refused_push = ["release", "made/model", "--push", "me/tiny", "--yes"]
    with pytest.raises(SystemExit):
        run_command(refused_push)
    assert sorted((path, path.read_bytes()) for path in Path("made/model").rglob("*") if path.is_file()) == as_made
    hub.refuses = False
    released(*refused_push[1:])
    assert place_of(Path("made/model/README.md").read_text()) == "me/tiny"
    assert "./model" not in Path("made/model/README.md").read_text()
    require_released(Path("made/model"))
    cached = tmp_path / "hub/models--me--tiny"
    shutil.copytree("made/model", cached / "snapshots/1")
    (cached / "refs").mkdir()
    (cached / "refs/main").write_text("1")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    code = [beside, "assert model.num_parameters() and tokenizer.eos_token", f"import os; os.chdir({str(elsewhere)!r})"]
    code += ["del model", loading("made/model/README.md"), "assert model.num_parameters()"]
    subprocess.run(
        [sys.executable, "-c", "\n".join(code)],
        cwd="made", env={**os.environ, "HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1"}, check=True,
    )  # fmt: skip


def loading(card: str) -> str:
    """The code of a card that loads its model."""
    (block,) = re.findall(r"^```python\n(.*?)^```$", Path(card).read_text(), re.DOTALL | re.MULTILINE)
    return str(block)


def test_what_is_not_as_it_was_released_is_not_pushed(
    evaluated_run: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    released(str(evaluated_run), "--out", "model", "--license", "mit")
    again = ("release", "model", "--push", "me/tiny", "--yes", "--public")

    def refusal(*arguments: str) -> str:
        before = sorted(Path().rglob("*"))
        with pytest.raises(SystemExit) as stop:
            run_command(arguments)
        assert stop.value.code == 2
        assert sorted(Path().rglob("*")) == before
        return capsys.readouterr().err

    hub.refuses = True
    assert "cannot upload to me/tiny: 401 Unauthorized; model is as it was" in refusal(*again)
    hub.refuses = False
    Path("model/notes.txt").touch()
    assert "notes.txt is not in SHA256SUMS" in refusal(*again)
    Path("model/notes.txt").unlink()
    Path("model/README.md").write_text("other")
    assert "README.md has changed since it was released" in refusal(*again)
    Path("model/README.md").unlink()
    assert "README.md is missing, but in SHA256SUMS" in refusal(*again)
    shutil.rmtree("model")
    assert "not a released folder" in refusal("release", str(evaluated_run), "--push", "me/tiny")
    assert hub.asked == []


def test_mistakes_are_one_line(evaluated_run: Path, hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(evaluated_run)
    out = ("--out", "model", "--license", "mit")
    assert "needs a licence" in refused(capsys, "release", run, "--out", "model")
    assert "give --out" in refused(capsys, "release", run, "--license", "mit")
    assert "are for --push" in refused(capsys, "release", run, *out, "--yes")
    assert "is no repository" in refused(capsys, "release", run, *out, "--push", "a/b/c")
    assert "--caps must be numbers" in refused(capsys, "release", run, *out, "--caps", "few")
    assert "has no checkpoint 'first'" in refused(capsys, "release", run, *out, "--checkpoint", "first")
    assert hub.asked == []
