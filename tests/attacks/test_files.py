"""Recipes, models and released folders that reach out of their place, or are more than they seem."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from typing import Any

import pytest
import yaml

from attacks.played import play, recipe_file
from rl.folders.sums import write_sums
from rl.models import resolve_model

DEMO = Path(resolve_model("demo"))
HF = "hf_" + "q" * 34


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# Places ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../../x", "/tmp/x", "a/b", "..", ".hidden", "a\\b", "", "x" * 201, "a\0b"])
def test_a_recipe_is_not_written_outside_of_runs_by_its_name(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert "cannot be a folder's name" in play(capfd, "train", recipe_file(tmp_path, name=name)).refusal
    assert list(tmp_path.iterdir()) == [tmp_path / "recipe.yaml"]


def test_nor_is_a_stage_by_its(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    recipe = recipe_file(tmp_path, stages=[{"name": "../../x"}])
    assert "cannot be a folder's name" in play(capfd, "train", recipe).refusal


# Models ---------------------------------------------------------------------------------------


def model(name: str) -> Path:
    return Path(shutil.copytree(DEMO, name))


def test_merging_copies_nothing_that_a_link_leads_to(capfd: pytest.CaptureFixture[str]) -> None:
    Path("id_rsa").write_text("the private key")
    for name in ("notes.txt", "tokenizer.more", "theirs.py"):
        base = model(f"base-{name}")
        (base / name).symlink_to(Path("id_rsa").resolve())
        said = play(capfd, "merge", "--base", "demo", "--trained", str(base), "--out", "merged").refusal
        assert f"{name} is a link to what is no part of the model" in said
        assert not Path("merged").exists()
        play(capfd, "merge", "--base", str(base), "--trained", "demo", "--out", "merged")
        assert b"the private key" not in [path.read_bytes() for path in Path("merged").rglob("*")]
        shutil.rmtree("merged", ignore_errors=True)


def test_links_inside_a_model_and_those_of_the_hubs_cache_are_followed(capfd: pytest.CaptureFixture[str]) -> None:
    snapshot = Path("models--me--m/snapshots/abc")
    snapshot.parent.mkdir(parents=True)
    blobs = Path("models--me--m/blobs")
    shutil.copytree(DEMO, snapshot)
    blobs.mkdir()
    (snapshot / "config.json").rename(blobs / "1")
    (snapshot / "config.json").symlink_to("../../blobs/1")
    assert play(capfd, "merge", "--base", str(snapshot), "--trained", "demo", "--out", "merged").code == 0
    assert not Path("merged/config.json").is_symlink()


@pytest.mark.parametrize("offsets", [[-8, 8], [8, 0], [0, 10**15], [0.5, 8], ["0", 8], [True, 8]])
def test_weights_that_lie_outside_of_their_file_are_not_merged(
    offsets: list[Any], capfd: pytest.CaptureFixture[str]
) -> None:
    path = model("theirs") / "model.safetensors"
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    name = next(key for key in header if key != "__metadata__")
    header[name]["data_offsets"] = offsets
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])
    said = play(capfd, "merge", "--base", "demo", "--trained", "theirs", "--out", "merged").refusal
    assert "theirs/model.safetensors is damaged" in said
    assert not Path("merged").exists()


@pytest.mark.parametrize(
    ("override", "says"),
    [
        (
            "trainer.model_init_kwargs={trust_remote_code: true}",
            "model_init_kwargs.trust_remote_code has a place of its own",
        ),
        ("trainer.model_init_kwargs={attn_implementation: someone/kernel}", "would run kernels of a repository"),
        ("trainer.model_init_kwargs={use_kernels: true}", "would run kernels of a repository"),
    ],
)
def test_code_of_a_repository_is_allowed_in_one_place(
    override: str, says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    for more in (["--dry-run"], ["--out", "run"]):
        assert says in play(capfd, "train", "demo-dler", override, *more).refusal
    assert not Path("run").exists()


# What leaves the machine ----------------------------------------------------------------------


def test_a_released_folder_is_looked_at_once_more_before_it_is_uploaded(capfd: pytest.CaptureFixture[str]) -> None:
    Path("secret").write_text(HF)
    for name, text in {
        "README.md": f"# A card\nwith {HF}\n",
        "recipe.yaml": "data:\n  storage_options:\n    account_key: Zx81qP-not-to-be-seen\n",
        "config.json": '{"model_type": "llama", "hub_token": "Zx81qP-not-to-be-seen"}\n',
        "notes.txt": "https://me:mine@example.org/x\n",
    }.items():
        folder = Path(f"released-{name}")
        folder.mkdir()
        (folder / name).write_text(text)
        write_sums(folder)
        said = play(capfd, "release", str(folder), "--push", "me/model").refusal
        assert f"{name} holds what looks like a secret in line " in said
        assert not any(part in said for part in (HF, "Zx81qP", "mine"))
    linked = Path("linked")
    linked.mkdir()
    (linked / "notes.bin").symlink_to(Path("secret").resolve())
    write_sums(linked)
    assert "notes.bin is a link" in play(capfd, "release", "linked", "--push", "me/model").refusal


# YAML and prompts -----------------------------------------------------------------------------


BOMBS = {
    "aliases": "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)),
    "merges": "m0: &m0 {k: 1}\n" + "".join(f"m{i}: &m{i}\n  <<: [*m{i - 1}, *m{i - 1}]\n" for i in range(1, 40)),
    "itself": "name: &a [*a]\n",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_text_does_not_become_a_large_recipe(bomb: str, capfd: pytest.CaptureFixture[str]) -> None:
    Path("recipe.yaml").write_text(BOMBS[bomb])
    for command in (
        ["train", "recipe.yaml", "--dry-run"],
        ["train", "demo-dler", "--dry-run", "--rates", "recipe.yaml"],
        ["train", "demo-dler", "--dry-run", "--launch", "recipe.yaml"],
    ):
        assert "recipe.yaml is not YAML" in play(capfd, *command).refusal or command[-2] == "--rates"


def test_aliases_are_read_where_they_are_meant(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = yaml.safe_dump({"name": "aliased", "extends": "demo-dler"})
    Path("recipe.yaml").write_text(f"{text}evaluation: &e {{budget: 64}}\nstages:\n- {{name: a, evaluation: *e}}\n")
    assert "name: aliased" in play(capfd, "train", "recipe.yaml", "--dry-run", "--show-recipe").out


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("data.prompt.template='Think.'", "data.prompt.template must hold {problem}"),
        ("data.prompt.choices='{problem}'", "data.prompt.choices must hold {choices}"),
        ("budget.in_prompt='{prompt}'", "budget.in_prompt must hold {prompt} and {budget}"),
    ],
)
def test_a_prompt_without_its_problem_is_refused(override: str, says: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert says in play(capfd, "train", "demo-dler", override, "--dry-run").refusal
    said = play(capfd, "evaluate", "--model", "demo", "--data", "demo", "--prompt", "Think.").refusal
    assert "a prompt must hold {problem}" in said
