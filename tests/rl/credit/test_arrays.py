"""Estimators on NumPy's arrays and on torch's tensors: the same numbers, and a trained run's to the bit."""

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import rl.credit
from rl.credit.calling.estimator import Estimator
from rl.errors import UserError
from rl.plugins import built_in

NAN = math.nan
ESTIMATORS = built_in(rl.credit, "__call__")
REWARDS = [1.0, 0.0, NAN, 0.5, 1.0, 0.1, 0.7, 0.3, NAN, NAN, 2.0, 2.0, 2.0, 2.0, 2.0]
LENGTHS = [900.0, 40, 77, 310, 120, 33, 1200, 512, 0, 0, 10, 20, 30, 40, 50]
RECORDED = {
    "canon": "0.5 -0.75 0 0 0.25 -0.4 0.59999996 0.20000002 0 0 0 0 0 0 0",
    "centred": "0.375 -0.625 0 -0.125 0.375 -0.26666665 0.3333333 -0.066666655 0 0 0 0 0 0 0",
    "ddca": "0.8584696 -1.5075567 0 -0.2879886 0.93707573 -1.0180185 1.2787318 -0.26071334 0 0 0.060885936 0.03395231 0 -0.03395231 -0.060885936",
    "dler": "1.389392 -2.3156533 0 -0.46313068 1.389392 -0.988012 1.235015 -0.24700297 0 0 0 0 0 0 0",
    "dler-tokens": "0.7543211 -3.7353718 0 -1.4905254 0.7543211 -2.1265652 0.5672505 -1.2286265 0 0 -0.9293137 -0.9293137 -0.9293137 -0.9293137 -0.9293137",
    "drpo-weights": "0.4161348 -1.3053098 0 -0.28503492 1.078318 -1.4560267 0.43792585 -0.20284767 0 0 0 0 0 0 0",
    "gdpo": "1.8609332 -1.4953945 -0.44404963 -0.15173131 0.2302423 -1.1018387 2.0277267 0.06972385 -0.49780592 -0.49780592 -0.9379149 -0.46895745 -0.000000017470027 0.46895745 0.937915",
    "gfpo": "0 -0.7070068 0 0 0.7070068 -0.70660716 0 0.70660716 0 0 0 0 0 0 0",
    "group": "0.78318584 -1.3053098 0 -0.26106194 0.78318584 -0.872586 1.0907326 -0.21814649 0 0 0 0 0 0 0",
    "lead": "0.7440266 -1.9483548 0 -0.38967094 0.7440266 -1.3083484 0.5273081 -0.32708707 0 0 0 0 0 0 0",
    "maxrl": "0.6 -1 0 -0.2 0.6 -0.72727275 0.9090909 -0.18181816 0 0 0 0 0 0 0",
    "none": "1 0 0 0.5 1 0.1 0.7 0.3 0 0 2 2 2 2 2",
    "qglas": "0.78318584 -1.3053098 0 -0.26106194 1.5663717 -0.87258595 1.0907325 -0.21814646 0 0 0 0 0 0 0",
}
"""Single-precision tensors of three groups of five, as they came out when estimators knew tensors alone."""
BY_EXPONENTIALS = {"ddca", "drpo-weights", "lead"}
"""Whose last bit is the processor's."""


@pytest.mark.parametrize("name", ESTIMATORS)
def test_tensors_of_training_give_what_they_always_gave(name: str) -> None:
    rewards, lengths = torch.tensor(REWARDS), torch.tensor(LENGTHS)
    estimate = ESTIMATORS[name](**({"k": 2} if name == "gfpo" else {}))
    given = torch.stack([rewards, lengths / 1000], dim=1) if name == "gdpo" else rewards
    result = estimate(given, 5, lengths)
    assert result.dtype == torch.float32
    bits = 3e-7 if name in BY_EXPONENTIALS else 0
    expected = torch.tensor([float(value) for value in RECORDED[name].split()])
    assert torch.allclose(result, expected, rtol=bits, atol=0)


@pytest.mark.parametrize("name", ESTIMATORS)
@settings(max_examples=25, deadline=None)
@given(data=st.data(), size=st.integers(1, 40), groups=st.integers(0, 5))
def test_arrays_and_tensors_give_the_same(name: str, data: st.DataObject, size: int, groups: int) -> None:
    numbers = st.sampled_from([NAN, 0.0, 0.1, 0.5, 1.0, 2.0, *([] if name == "maxrl" else [-1.0])])
    draw = np.random.default_rng(data.draw(st.integers(0, 999)))
    few = data.draw(st.lists(numbers, min_size=1, max_size=9))
    rewards = draw.choice(few, size * groups).reshape(-1)
    lengths = draw.integers(1, 9999, size * groups).astype(float)
    tensors = ESTIMATORS[name]()(torch.from_numpy(rewards.copy()), size, torch.from_numpy(lengths.copy()))
    arrays = ESTIMATORS[name]()(rewards, size, lengths)
    assert arrays.dtype == np.float64
    assert arrays == pytest.approx(tensors.numpy(), rel=1e-9, abs=1e-9)


MINE = """
from array_api_compat import array_namespace

def any_array(rewards, group_size, lengths):
    xp = array_namespace(rewards)
    return xp.where(xp.isnan(rewards), 0.0, rewards) + xp.zeros_like(lengths)

def of_tensors(rewards, group_size, lengths):
    return rewards.nan_to_num(0.0)
"""


@pytest.mark.parametrize("light", [False, True])
def test_one_from_elsewhere_has_tensors_where_torch_is_and_arrays_go_in_and_come_out(
    light: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(MINE)
    if light:
        there = importlib.util.find_spec
        monkeypatch.setattr("rl.credit.within.arrays.find_spec", lambda name: None if name == "torch" else there(name))
    rewards, lengths = np.array([1.0, NAN, 0.5]), np.array([3.0, 4.0, 5.0])
    for name in ("any_array", "of_tensors"):
        if light and name == "of_tensors":
            with pytest.raises(
                UserError, match=r"has no attribute 'nan_to_num'.* NumPy's arrays: torch is not installed"
            ):
                Estimator("mine.py:of_tensors")
            continue
        result = Estimator(f"mine.py:{name}")(rewards[:, None], rewards, 3, lengths)
        assert isinstance(result, np.ndarray)
        assert (result.dtype, result.tolist()) == (np.float64, [1.0, 0.0, 0.5])
