"""The figures of an audit: worked by hand, and against a naive computation."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from makers import group, rollout

from rewards import Group
from rl.audit.applying import Applied
from rl.audit.measures import DECILES, Resampled, deciles_of, estimates, figures, inversions, sums
from rl.audit.sample import Sample

ROW = st.tuples(st.integers(1, 60), st.sampled_from([0, 1, None]), st.integers(-3, 3))
"""Length, right, advantage."""
GROUPS = st.lists(st.lists(ROW, min_size=1, max_size=6), min_size=1, max_size=6)
Rows = list[list[tuple[int, int | None, int]]]


def made(rows: Rows, cap: int | None = None, tokens: bool = True) -> tuple[Sample, Applied]:
    groups = [group(*(rollout(n, c) for n, c, _ in own), id=str(place)) for place, own in enumerate(rows)]
    flat = [one for own in rows for one in own]
    lengths = np.array([float(min(n, cap or n)) for n, _, _ in flat])
    a = np.array([float(a) for _, _, a in flat])
    return Sample(groups, [list(range(len(groups)))]), Applied(a, lengths, lengths if tokens else lengths**0, cap, cap)


def naive(rows: Rows, cap: int | None, tokens: bool) -> dict[str, float]:
    """Every figure by the words of its definition, one rollout after the other."""
    own = [[(n, min(n, cap or n), c, a) for n, c, a in one if c is not None] for one in rows]
    flat = [one for each in own for one in each]
    mixed = [each for each in own if {c for *_, c, _ in each} == {0, 1}]

    def share(hits: list[bool]) -> float:
        return sum(hits) / len(hits) if hits else math.nan

    def products(members: int | None, around: str) -> float:
        total = 0.0
        for each in own:
            inside = [one for one in each if members is None or one[2] == members]
            if not inside:
                continue
            mean = sum(t for _, t, *_ in inside) / len(inside)
            whole = sum(t for _, t, *_ in each) / len(each)
            total += sum(a * (t - mean if around == "own" else mean - whole) for _, t, _, a in inside)
        return total

    root = math.sqrt(len(flat) * sum(a * a for *_, a in flat))
    pairs = [(w, r) for e in mixed for w, r in product(e, e) if w[2] == 0 and r[2] == 1 and w[1] < r[1]]
    over = [max(0, n - t) for n, t, *_ in flat]
    return {
        "signal": share([any(a for *_, a in each) for each in own]),
        "silenced": share([not any(a for *_, a in each) for each in mixed]),
        "up_right": share([a > 0 for *_, c, a in flat if c == 1]),
        "up_wrong": share([a > 0 for *_, c, a in flat if c == 0]),
        "right_down": share([a < 0 for e in mixed for *_, c, a in e if c == 1]),
        "wrong_up": share([a > 0 for e in mixed for *_, c, a in e if c == 0]),
        "inverted": share([w[3] > r[3] for w, r in pairs]),
        "pull": products(None, "own") / root if root else math.nan,
        "pull_right": products(1, "own") / root if root else math.nan,
        "pull_wrong": products(0, "own") / root if root else math.nan,
        "pull_between": (products(1, "all") + products(0, "all")) / root if root else math.nan,
        "cut": share([n > t for n, t, *_ in flat]),
        "right_cut": share([n > t for n, t, c, _ in flat if c == 1]),
        "saved": sum(over) / sum(n for n, *_ in flat) if flat else math.nan,
        "mass": sum(abs(a) * (t if tokens else 1) for _, t, _, a in flat),
    }


@settings(max_examples=60, deadline=None)
@given(GROUPS, st.sampled_from([None, 20]), st.booleans())
def test_every_figure_is_what_its_words_say(rows: Rows, cap: int | None, tokens: bool) -> None:
    sample, applied = made(rows, cap, tokens)
    own = sums(sample, applied, deciles_of(sample.lengths))
    found = {name: values[0] for name, values in figures(Resampled(len(rows), 0).totals(own)).items()}
    expected = naive(rows, cap, tokens)
    mass = expected.pop("mass")
    assert {name: found[name] for name in expected} == pytest.approx(expected, nan_ok=True, abs=1e-9)
    assert found["pull"] == pytest.approx(
        found["pull_right"] + found["pull_wrong"] + found["pull_between"], nan_ok=True, abs=1e-9
    )
    assert own["mass"].sum() == pytest.approx(mass)
    if mass:
        assert sum(found[f"mass {d}"] for d in range(DECILES)) == pytest.approx(1)


def test_resamples_are_of_whole_groups_and_the_same_for_all() -> None:
    values = {"x": np.array([1.0, 10.0, 100.0])}
    resampled = Resampled(3, 50)
    rng = np.random.default_rng(0)
    drawn = [values["x"][rng.integers(3, size=3)].sum() for _ in range(50)]
    assert resampled.totals(values)["x"].tolist() == [111.0, *drawn]
    low, high = np.percentile(drawn, [2.5, 97.5])
    (estimate,) = estimates(resampled.totals(values)).values()
    assert (estimate.mean, estimate.low, estimate.high) == (111.0, low, high)


def test_pairs_are_counted_in_chunks_as_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    rows: Rows = [
        [(int(rng.integers(1, 9)), int(rng.integers(2)), int(rng.integers(-2, 3))) for _ in range(4)] for _ in range(30)
    ]
    sample, applied = made(rows)
    whole = inversions(sample, applied.advantages, applied.lengths)
    monkeypatch.setattr("rl.audit.measures.AT_ONCE", 40)  # two groups of 4 x 4 pairs at a time
    chunked = inversions(sample, applied.advantages, applied.lengths)
    assert [one.tolist() for one in whole] == [one.tolist() for one in chunked]


def test_deciles_hold_a_tenth_each_and_equal_lengths_share_theirs() -> None:
    assert np.bincount(deciles_of(np.arange(1.0, 101.0))).tolist() == [10] * 10
    assert set(deciles_of(np.array([5.0] * 20))) == {0}


def test_a_group_too_large_to_be_one_is_refused() -> None:
    from rl.elsewhere.rollout_files import Logged
    from rl.errors import UserError

    huge = Group(group().problem, (rollout(1, 1),) * 5000)
    with pytest.raises(UserError, match=r"group of 5,000 rollouts; are `problem_id`, `round` and `group` right\?"):
        Sample.of(Logged([huge], [list(range(5000))], [[0]]))
    with pytest.raises(UserError, match="no rollout of these was judged"):
        Sample.of(Logged([group(rollout(1, None))], [[0]], [[0]]))
