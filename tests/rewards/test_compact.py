"""Numbers in four bytes each."""

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.compact import Compact, log_probs, token_ids

IDS = st.lists(st.integers(0, 2**31 - 1), max_size=20)
LOGPS = st.lists(st.floats(-1e6, 0, width=32), max_size=20)


@given(IDS, LOGPS, st.integers(-5, 25), st.integers(-5, 25))
def test_they_are_the_tuple_of_their_numbers(ids: list[int], logps: list[float], begin: int, end: int) -> None:
    for made, given_ in ((token_ids(ids), ids), (log_probs(logps), logps)):
        plain: tuple[Any, ...] = tuple(given_)
        assert made == plain
        assert plain == made
        assert hash(made) == hash(plain)
        assert repr(made) == repr(plain)
        assert list(made) == list(plain)
        assert len(made) == len(plain)
        assert bool(made) == bool(plain)
        assert made[begin:end] == plain[begin:end]
        assert [made[i] for i in range(len(plain))] == list(plain)
        assert made != (*plain, 1)


@given(IDS, LOGPS)
def test_nothing_is_lost_on_the_way_through_json_and_pickle(ids: list[int], logps: list[float]) -> None:
    assert token_ids(token_ids(ids).written) == pickle.loads(pickle.dumps(token_ids(ids))) == tuple(ids)
    assert log_probs(log_probs(logps).written) == pickle.loads(pickle.dumps(log_probs(logps))) == tuple(logps)


def test_they_take_four_bytes_each_and_arrays_of_them_are_no_copies() -> None:
    ids = token_ids(range(1000))
    assert len(pickle.dumps(ids)) < 4_100
    seen = np.asarray(ids)
    assert seen.dtype == np.int32
    assert seen.base is not None
    assert not seen.flags.writeable
    assert np.asarray(log_probs([-0.5])).dtype == np.float32
    assert token_ids(ids) is ids


def test_what_is_no_token_id_is_refused() -> None:
    with pytest.raises(OverflowError):
        token_ids([2**31])
    with pytest.raises(ValueError, match="base64"):
        token_ids("not base64!")
    with pytest.raises(TypeError):
        Compact("i", [0.5])
