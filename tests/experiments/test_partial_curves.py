from pathlib import Path

import pytest
from run_folders import make_run

from experiments import partial_curves
from rl.folders.run import RunFolder


def test_the_table_has_each_sides_means_over_seeds_by_ten_rounds_and_held_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, tokens in (("a-0", 40), ("a-1", 40), ("b-0", 20), ("b-1", 20)):
        make_run(tmp_path / name, tokens)
    monkeypatch.setattr(partial_curves, "SIDES", {"a": (), "b": ()})
    runs = [[RunFolder(tmp_path / f"{side}-{seed}") for seed in (0, 1)] for side in "ab"]
    head, _, *lines = partial_curves.table(runs).splitlines()
    assert head == "| rounds | a, right (%) | tokens | b, right (%) | tokens |"
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [row[0] for row in cells] == ["1 to 4", "held out"]
    assert all(" ± 0.0" in cell for row in cells for cell in row[1:])  # runs alike, so no error over seeds
    assert float(cells[-1][2].split()[0]) > float(cells[-1][4].split()[0]) + 10
    logged = [line for line in runs[0][0].logged() if "accuracy" in line]
    mean = 100 * sum(line["accuracy"] for line in logged) / len(logged)
    assert cells[0][1] == f"{mean:.1f} ± 0.0"
