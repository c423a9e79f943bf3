"""The documentation names every check that there is, and no other."""

import re
from pathlib import Path

import data_synth.check


def test_every_check_is_in_the_table() -> None:
    folder = Path(data_synth.check.__file__).parent
    code = "".join(path.read_text() for path in sorted(folder.glob("*.py")) if path.name != "__init__.py")
    used = set(re.findall(r"Fault\(\s*\"([a-z-]+)\"", code))
    table = [line.split("|")[1] for line in (data_synth.check.__doc__ or "").splitlines() if line.startswith("| `")]
    assert used == {name for cell in table for name in re.findall(r"`([a-z-]+)`", cell)}
