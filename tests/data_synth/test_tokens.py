"""Counting tokens."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import build

from data_synth.errors import SynthError
from data_synth.tokens import BUNDLED, load_tokenizer

DEMO = Path(__file__).parents[2] / "data_synth" / "demo_model"


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_vocabularies_count(name: str) -> None:
    assert 2 <= load_tokenizer(name).count("hello world, again") <= 6


def test_a_file_and_its_folder_are_one_tokenizer() -> None:
    folder, file = load_tokenizer(str(DEMO)), load_tokenizer(str(DEMO / "tokenizer.json"))
    assert folder.fingerprint == file.fingerprint
    assert folder.count("1+2=?") == file.count("1+2=?") > 0


@given(st.text())
def test_the_estimate_is_a_quarter_of_the_bytes(text: str) -> None:
    assert load_tokenizer("estimate").count(text) == (len(text.encode()) + 3) // 4


def test_rows_say_that_their_lengths_are_estimates() -> None:
    assert build(n=1, tokenizer="estimate")[0]["tokenizer_fingerprint"].startswith("estimate")


def test_a_tokenizer_that_is_missing_or_broken_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    for name, says in (
        ("absent", "no tokenizer 'absent'"),
        (str(tmp_path), "holds no tokenizer.json"),
        (str(tmp_path / "bad.json"), "cannot read tokenizer"),
    ):
        with pytest.raises(SynthError, match=says) as error:
            load_tokenizer(name)
        assert "\n" not in str(error.value)
