import subprocess
import sys
from pathlib import Path

import naive_merges as naive
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rl.merging.floats import FLOATS, NAMES, narrowed, widened

values = arrays("float32", st.integers(1, 40), elements=st.floats(width=32, allow_nan=False))


@given(values, st.sampled_from(list(FLOATS)))
def test_rounding_and_widening_are_torchs_to_the_bit(floats: np.ndarray, kind: str) -> None:
    theirs = torch.from_numpy(floats.copy()).to(getattr(torch, NAMES[kind]))
    ours = narrowed(floats, kind)
    assert ours.tobytes() == theirs.view(torch.uint8).numpy().tobytes()
    assert widened(ours, kind).tobytes() == theirs.float().numpy().tobytes()


def test_nan_stays_nan_and_what_lies_between_two_goes_to_the_even_one() -> None:
    assert np.isnan(widened(narrowed(np.array([np.nan, -np.nan], np.float32), "BF16"), "BF16")).all()
    halves = np.array([0x3F808000, 0x3F818000, 0x3F808001], np.uint32).view(np.float32)
    assert narrowed(halves, "BF16").tolist() == [0x3F80, 0x3F82, 0x3F81]


@pytest.mark.parametrize("method", ["selective", "linear"])
def test_a_merge_of_two_folders_imports_no_torch(tmp_path: Path, method: str) -> None:
    for name in ("base", "trained"):
        weights = {"w": torch.randn(9, 4).bfloat16(), "v": torch.randn(7)}
        (naive.write(tmp_path / name, weights) / "tokenizer.json").write_text("{}")
    told = (
        "import sys\nfrom rl.cli import run_command\ntry: run_command(sys.argv[1:])\n"
        "except SystemExit as end: assert not end.code\n"
        "print(*sorted({'torch', 'transformers', 'peft'} & sys.modules.keys()))"
    )
    given = ["merge", "--base", "base", "--trained", "trained", "--out", "out", "--method", method]
    done = subprocess.run(
        [sys.executable, "-c", told, *given], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == ""
    assert (tmp_path / "out/model.safetensors").is_file()
