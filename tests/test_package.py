"""What is handed out: the wheel, the source distribution, their version, how they are cited."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from places import ROOT
from processes import PATIENCE

from rl.cli import run_command

PACKAGES = ("lengthwise", "rl", "rewards", "curricula", "data_synth", "experiments")
KEPT_OUT = re.compile(
    r"experiments/(benchmarks/|figures/|more_is_less/results/|\w+\.md$"
    r"|study/((outliers|reduced|cluster)/)?(results/|pareto\.|REPORT\.md|PLANS\.md|report\.html|results\.md))"
)
"""What lies in the packages' folders and is for readers of the checkout."""
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_the_command_the_citation_and_the_changelog_have_the_version_of_the_project(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stop:
        run_command(["--version"])
    assert (stop.value.code, capsys.readouterr().out) == (0, f"lengthwise {VERSION}\n")
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == VERSION
    newest = re.findall(r"^## \[(.+?)\]\n\n(.*)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[0]
    assert newest[0] == VERSION or (newest[0] == "Unreleased" and VERSION in newest[1])


def test_the_citation_file_has_what_its_format_asks_for() -> None:
    # Citation File Format 1.2.0: required keys, and the form of those that are used.
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited["cff-version"] == "1.2.0"
    assert {"authors", "message", "title"} <= set(cited)
    allowed = {"cff-version", "message", "type", "title", "abstract", "authors", "version", "license", "keywords"}
    assert set(cited) <= allowed
    assert cited["type"] == "software"
    assert cited["authors"]
    assert all(set(author) <= {"name", "website"} and author["name"] for author in cited["authors"])
    assert all(isinstance(cited[key], str) for key in ("message", "title", "abstract", "version"))
    assert len(set(cited["keywords"])) == len(cited["keywords"])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A wheel and a source distribution of the checkout, and the wheel made of the latter."""
    place = tmp_path_factory.mktemp("built")
    ignored = shutil.ignore_patterns(".*", "runs", "build", "dist", "*.egg-info", "__pycache__", "_build")
    shutil.copytree(ROOT, place / "checkout", ignore=ignored)
    sdist = _build("sdist", place / "checkout", place)
    wheel = _build("wheel", place / "checkout", place)
    with tarfile.open(sdist) as archive:
        archive.extractall(place, filter="data")
    return wheel, sdist, _build("wheel", place / sdist.name.removesuffix(".tar.gz"), place / "again")


def _build(kind: str, source: Path, out: Path) -> Path:
    out.mkdir(exist_ok=True)
    call = f"from setuptools import build_meta; print(build_meta.build_{kind}({str(out)!r}))"
    done = subprocess.run([sys.executable, "-c", call], cwd=source, capture_output=True, text=True, check=True)
    return out / done.stdout.splitlines()[-1]


def test_the_wheel_holds_the_packages_with_their_data_and_nothing_else(built: tuple[Path, Path, Path]) -> None:
    needed = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc" and not KEPT_OUT.match(path.relative_to(ROOT).as_posix())
    }
    with zipfile.ZipFile(built[0]) as wheel:
        held = {name for name in wheel.namelist() if ".dist-info/" not in name}
        assert held - needed == set(), "not of the packages"
        assert needed - held == set(), "missing: see package-data in pyproject.toml, or KEPT_OUT above"
        assert max(entry.file_size for entry in wheel.infolist()) < 3e6
        (scripts,) = (wheel.read(name).decode() for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "lengthwise = rl.cli:run_command" in scripts
    assert built[0].name == f"lengthwise-{VERSION}-py3-none-any.whl"


def test_the_source_distribution_is_the_checkout_and_makes_the_same_wheel(built: tuple[Path, Path, Path]) -> None:
    wheel, sdist, again = built
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as two:
        assert {entry.filename: entry.CRC for entry in one.infolist()} == {
            entry.filename: entry.CRC for entry in two.infolist()
        }
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    pages = ("README.md", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "Makefile", "constraints.txt")
    assert {*pages, "tests/conftest.py", "tests/rl/conftest.py", "experiments/PAPERS.md"} <= held


@pytest.mark.slow
def test_the_installed_wheel_runs_the_demo_far_from_the_checkout(
    built: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    home = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    (site,) = home.glob("lib/python*/site-packages")
    # What it depends on is in the environment of the tests; the checkout itself is not on this path.
    (site / "dependencies.pth").write_text("\n".join(p for p in sys.path if p.endswith("site-packages")))
    pip = [sys.executable, "-m", "pip", "--python", str(home / "bin/python"), "install", "--quiet", "--no-index"]
    subprocess.run([*pip, "--no-deps", "--ignore-installed", str(built[0])], check=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    def lengthwise(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(home / "bin/lengthwise"), *arguments]
        return subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True, timeout=PATIENCE)

    assert lengthwise("--version").stdout == f"lengthwise {VERSION}\n"
    assert "release" in lengthwise("--help").stdout
    rehearsal = lengthwise("train", "demo-dler", "--dry-run")
    assert str(site) in rehearsal.stdout, rehearsal.stderr  # the model that was installed, not the checkout's
    assert str(ROOT) not in rehearsal.stdout
    few = ["trainer.max_steps=4", "data.eval.options.n=64", "evaluation.budget=160"]
    shown = lengthwise("demo", *few)
    assert shown.returncode in (0, 1), shown.stderr  # four steps need not shorten anything
    assert (elsewhere / "runs/demo/report/index.html").is_file()


@pytest.mark.slow
def test_the_wheel_alone_is_light_and_what_needs_no_model_runs_on_it(
    built: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    home = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(home / "bin" / program), *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=PATIENCE)

    pip = run("pip", "install", "--quiet", "--constraint", str(ROOT / "constraints.txt"), str(built[0]))
    assert pip.returncode == 0, pip.stderr
    there = {line.partition("==")[0].lower() for line in run("pip", "freeze").stdout.splitlines()}
    assert there & {"torch", "trl", "transformers", "accelerate", "peft", "datasets"} == set()
    (tmp_path / "cases.jsonl").write_text('{"gold": "1/2", "completion": "\\\\boxed{0.5}"}\n')
    (tmp_path / "rows.jsonl").write_text(
        '{"problem_id": "p", "length": 9, "correct": true, "stop": "eos", "budget": 99}\n'
    )
    for command in (
        ["score", "--reward", "truncation", "--rollouts", "rows.jsonl"],
        ["verify", "--cases", "cases.jsonl"],
        ["budgets", "linear", "--set", "steps=8", "--steps", "3"],
        ["synth", "keychain", "--tokens", "2048", "--n", "2", "--out", "rows", "--tokenizer", "estimate", "--quiet"],
        ["synth", "stats", "rows", "--quiet"],
    ):
        done = run("lengthwise", *command)
        assert done.returncode == 0, (command, done.stderr)
    refused = run("lengthwise", "train", "demo-dler")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "pip install 'lengthwise[train]'" in refused.stderr
