import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.percentile import percentile


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=9), st.floats(0, 1))
def test_a_percentile_is_numpys(values: list[float], share: float) -> None:
    assert percentile(values, share) == pytest.approx(float(np.quantile(values, share)), abs=1e-9)


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)
