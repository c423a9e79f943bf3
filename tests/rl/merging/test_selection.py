import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rl.merging.selection import NotFinite, select_held, select_largest

values = arrays(
    "float32",
    st.integers(1, 60),
    elements=st.sampled_from([0.0, -0.0, 1e-45, 0.5, -0.5, 1.0, -1.5, 3e38]) | st.floats(-1, 1, width=32),
)


def naive(entries: np.ndarray, count: int) -> list[int]:
    """A stable sort: of equal magnitudes the first are kept."""
    return sorted(np.argsort(-np.abs(entries), kind="stable")[:count].tolist())


@given(values, st.data())
def test_as_many_as_asked_for_are_kept_the_largest_and_of_equals_the_first(delta, data) -> None:
    count = data.draw(st.integers(0, len(delta)))
    size = data.draw(st.integers(1, len(delta)))
    pieces = [delta[start : start + size] for start in range(0, len(delta), size)]
    for selection in (select_largest(pieces, lambda piece: piece, len(delta), count), select_held(pieces, count)):
        kept = np.concatenate([selection.mask(piece) for piece in pieces])
        assert np.flatnonzero(kept).tolist() == naive(delta, count)


def test_what_has_no_order_is_refused() -> None:
    for bad in (float("nan"), float("inf"), float("-inf")):
        pieces = [np.array([1.0, bad], np.float32)]
        with pytest.raises(NotFinite):
            select_largest(pieces, lambda piece: piece, 2, 1)
        with pytest.raises(NotFinite):
            select_held(pieces, 1)
