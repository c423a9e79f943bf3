"""README's figures are those of the study's committed results."""

from pathlib import Path
from statistics import fmean

import pytest
from places import ROOT

from experiments.readme_figure import PICTURE, draw, interval, points, table


def test_the_table_in_the_readme_is_the_studys() -> None:
    assert table() in (ROOT / "README.md").read_text()  # else: python -m experiments.readme_figure


def test_what_the_readme_says_of_all_seeds_holds_of_each() -> None:
    ((before_tokens, before),) = points("start")
    assert all(tokens < 0.6 * before_tokens and accuracy > before for tokens, accuracy in points("dler"))
    assert fmean(tokens for tokens, _ in points("grpo")) > before_tokens


def test_an_interval_is_students_over_seeds() -> None:
    # Of 1, 2, 3: mean 2, deviation 1; t of two degrees of freedom at 97.5 % is 4.303; 4.303 / sqrt(3) = 2.484.
    assert interval([1.0, 2.0, 3.0]) == "2.0 [-0.5, 4.5]"
    assert interval([7.0]) == "7.0"


def test_the_picture_can_be_drawn_anew(tmp_path: Path) -> None:
    draw(tmp_path / "again.png")
    assert (tmp_path / "again.png").read_bytes()[:4] == PICTURE.read_bytes()[:4]
    assert (tmp_path / "again.png").stat().st_size == pytest.approx(PICTURE.stat().st_size, rel=0.5)
