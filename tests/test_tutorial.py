"""The tutorial is followed to the letter, as one session of a shell, from its problems to the released model."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

TUTORIAL = (ROOT / "docs/tutorial.md").read_text()
LAPTOP, GPU = TUTORIAL.split("\n## A real model, on a GPU\n")


def commands(page: str) -> list[str]:
    """The shell and Python blocks of a page in order, each as a shell takes it."""
    blocks = re.findall(r"^```(sh|python)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    return [text if language == "sh" else f"python - <<'END'\n{text}END\n" for language, text in blocks]


def test_the_tutorial_installs_as_the_makefile_does() -> None:
    # The one block that is not run below: the tests' own environment was made by the Makefile.
    install = commands(LAPTOP)[0].splitlines()
    made = (ROOT / "Makefile").read_text()
    assert install[0] == "python3 -m venv .venv"
    assert "install --quiet --constraint constraints.txt" in made
    assert install[1] == ".venv/bin/python -m pip install --constraint constraints.txt '.[train]'"


@pytest.mark.slow
def test_the_tutorial_leads_from_problems_to_a_released_model(tmp_path: Path) -> None:
    script = "\n".join(f"echo '== {place}'\n{block}" for place, block in enumerate(commands(LAPTOP)[1:], 1))
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
    }
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1500,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    (tmp_path / "transcript.txt").write_text(done.stdout)
    sums = tmp_path / "sums"
    assert {"model.safetensors", "README.md", "SHA256SUMS"} <= {path.name for path in (sums / "released").iterdir()}
    assert (sums / "comparison/index.html").is_file()
    for told in (
        "2048 problems from",
        "warnings   none",
        "goes on from checkpoint-",
        "released: released",
        r"\boxed{5}",
    ):
        assert told in done.stdout, told
