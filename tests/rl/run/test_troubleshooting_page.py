"""docs/troubleshooting.md has an entry for every alarm, and quotes what is really said."""

import re
from pathlib import Path

from places import ROOT

from rl.trainer import signals
from rl.trainer.alarms import ALARMS

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
QUOTED = re.findall(r'^### (?:`(\w+)`: )?"(.+)"$', PAGE, re.MULTILINE)


def source(*paths: Path) -> str:
    """Code with its string literals joined, as Python joins them, and without what is filled in."""
    text = "\n".join(path.read_text() for path in paths)
    return re.sub(r'"\s*\n\s*f?"', "", text)


def test_every_alarm_has_its_entry_and_no_entry_is_of_none() -> None:
    assert [name for name, _ in QUOTED if name] == [alarm.__name__ for alarm in ALARMS]


def test_what_is_quoted_is_said() -> None:
    alarms = source(ROOT / "rl" / "trainer" / "alarms.py")
    everywhere = source(*(ROOT / "rl").rglob("*.py"))
    for alarm, words in QUOTED:
        said = alarms.partition(f"def {alarm}(")[2].partition("\ndef ")[0] if alarm else everywhere
        assert words in said, words


def test_the_tables_of_signals_are_one() -> None:
    table = re.search(r"\| signal .*?\n\n", PAGE, re.DOTALL)
    assert table is not None
    assert signals.__doc__ is not None
    assert table.group() in signals.__doc__
