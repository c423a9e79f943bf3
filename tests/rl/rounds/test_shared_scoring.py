import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from places import ROOT
from processes import PATIENCE

SCRIPT = Path(__file__).with_name("shared_scoring.py")


def test_two_ranks_score_each_group_once_by_a_reward_that_needs_no_other_and_get_what_one_rank_does(
    tmp_path: Path,
) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    subprocess.run([sys.executable, str(SCRIPT), str(tmp_path)], env=environment, check=True, timeout=PATIENCE)
    alone, first, second = (json.loads((tmp_path / f"{n}.json").read_text()) for n in ("0-of-1", "0-of-2", "1-of-2"))
    assert first["rounds"] == second["rounds"] == alone["rounds"]
    for name in ("shared", "term"):
        assert Counter(first[name]) + Counter(second[name]) == Counter(alone[name])
        assert 0 < Counter(second[name]).total() <= Counter(first[name]).total()
    assert first["edited"] == second["edited"] == alone["edited"]
    assert first["own"] == second["own"] == alone["own"]
    assert first["batch"] == second["batch"] == alone["batch"], "every rank scores the whole batch"
    assert re.fullmatch(rf"reward 'third' raised ValueError: not this one \(.*{SCRIPT.name}:\d+\)", alone["refused"])
    assert first["refused"] == second["refused"] == alone["refused"]
