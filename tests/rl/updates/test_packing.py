"""The plan of packed updates: pure arithmetic over lengths."""

import itertools
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from rl.updates.packing import (
    FLAT,
    MICRO_BATCH_COST,
    PADDED,
    Bundle,
    Layout,
    Size,
    Slot,
    cut,
    deal,
    members,
    plan_cells,
    plan_update,
    width,
)

sizes = st.lists(st.builds(Size, st.integers(1, 40), st.integers(1, 900)), min_size=1, max_size=48)
limits = st.integers(1, 4000)
ranks = st.integers(1, 5)


@st.composite
def updates(draw: st.DrawFn) -> tuple[list[Size], list[bool]]:
    found = draw(sizes)
    return found, draw(st.lists(st.booleans(), min_size=len(found), max_size=len(found)))


@st.composite
def groups(draw: st.DrawFn) -> tuple[list[Size], list[bool], Layout]:
    """An update in which rows share prompts."""
    prompts = draw(st.lists(st.integers(0, 5), min_size=1, max_size=48))
    lengths = draw(st.lists(st.integers(1, 40), min_size=6, max_size=6))
    found = [Size(lengths[prompt], draw(st.integers(1, 300))) for prompt in prompts]
    stays = draw(st.lists(st.booleans(), min_size=len(found), max_size=len(found)))
    return found, stays, Layout(padded=False, prompts=prompts)


def rows(slots: list[Slot]) -> list[int]:
    return [row for slot in slots for batch in slot for row in batch.rows]


anyhow = st.one_of(groups(), st.tuples(updates(), st.sampled_from([PADDED, FLAT])).map(lambda two: (*two[0], two[1])))


@given(anyhow, ranks, limits)
def test_every_row_that_stays_is_in_one_micro_batch_within_the_limit(
    update: tuple[list[Size], list[bool], Layout], ranks: int, limit: int
) -> None:
    found, stays, layout = update
    slots = plan_update(range(len(found)), found, stays, ranks, limit, layout)
    assert sorted(rows(slots)) == [row for row, stay in enumerate(stays) if stay]
    assert slots
    assert all(len(slot) == ranks for slot in slots)
    for slot in slots:
        for batch in slot:
            assert tokens(batch.rows, found, layout) <= limit or len(batch.rows) == 1


def tokens(rows: Sequence[int], found: list[Size], layout: Layout) -> int:
    """Counted anew: columns, tokens, or tokens of different prompts, each row's last of its prompt, and completions."""
    if layout.padded:
        return len(rows) * width(rows, found)
    prompts = layout.prompts
    if prompts is None:
        return sum(found[row].total for row in rows)
    firsts = {prompts[row]: found[row].prompt - 1 for row in rows}
    return sum(firsts.values()) + sum(1 + found[row].completion for row in rows)


@given(groups())
def test_on_one_rank_a_prompt_is_there_once_if_the_limit_allows(update: tuple[list[Size], list[bool], Layout]) -> None:
    found, stays, layout = update
    ((batch,),) = plan_update(range(len(found)), found, stays, 1, 100_000, layout)
    assert layout.tokens(batch.rows, found) == tokens(batch.rows, found, layout)


def test_a_group_goes_to_several_ranks_where_it_is_most_of_the_tokens() -> None:
    # 10 of prompt, then 9 + 1 of the first, 5 + 1 of each other: 10 + 9 + 6 x 3 = 37 of the first prompt, 14 of the other.
    found = [Size(10, 9), *[Size(10, 5)] * 3, Size(10, 4)]
    shared = Layout(padded=False, prompts=[0, 0, 0, 0, 1])
    ((one,),) = plan_update(range(5), found, [True] * 5, 1, 100, shared)
    assert (one.rows, shared.tokens(one.rows, found)) == ((0, 1, 2, 3, 4), 51)
    # Half of 51 tokens: 10 + 9 + 6 = 25 and 10 + 5 + 6 = 21 of the one, 14 of the other, which joins the lesser.
    ((one, other),) = plan_update(range(5), found, [True] * 5, 2, 100, shared)
    assert (one.rows, other.rows) == ((0, 1), (2, 3, 4))
    assert FLAT.tokens(other.rows, found) - shared.tokens(other.rows, found) == 9


@given(updates(), ranks, limits)
def test_ranks_differ_by_at_most_the_longest_row_and_have_equally_many_micro_batches(
    update: tuple[list[Size], list[bool]], ranks: int, limit: int
) -> None:
    found, stays = update
    slots = plan_update(range(len(found)), found, stays, ranks, limit)
    assert {len(slot) for slot in slots} == {ranks}
    loads = [sum(found[row].total for slot in slots for row in slot[rank].rows) for rank in range(ranks)]
    longest = max((size.total for size, stay in zip(found, stays, strict=True) if stay), default=0)
    assert max(loads) - min(loads) <= longest


@given(st.integers(1, 40), st.integers(1, 6), st.integers(0, 2**62))
def test_updates_part_the_rows_in_an_order_that_the_seed_alone_decides(share: int, updates: int, seed: int) -> None:
    found = members(share * updates, updates, seed)
    assert sorted(itertools.chain(*found)) == list(range(share * updates))
    assert {len(update) for update in found} == {share}
    assert found == members(share * updates, updates, seed)


def test_another_seed_makes_other_updates() -> None:
    assert members(32, 2, 1) != members(32, 2, 2)


@given(updates(), st.integers(1, 3), limits)
def test_a_cell_is_never_mixed_with_another(update: tuple[list[Size], list[bool]], ranks: int, limit: int) -> None:
    found, stays = update
    per_device = 4
    whole = range(len(found) // (per_device * ranks) * per_device * ranks)
    slots = plan_cells(whole, found, stays, ranks, limit, per_device)
    assert sorted(rows(slots)) == [row for row in whole if stays[row]]
    for slot in slots:
        for rank, batch in enumerate(slot):
            assert set(batch.rows) <= set(batch.cell)
            # The plain loop hands micro-batch j of rank r the rows from (j x ranks + r) x per_device on.
            assert not batch.cell or batch.cell[0] // per_device % ranks == rank


@given(st.lists(st.builds(Size, st.integers(1, 9), st.integers(1, 300)), max_size=9), st.integers(1, 1500))
def test_the_cuts_are_the_cheapest_of_all(found: list[Size], limit: int) -> None:
    found = sorted(found, key=lambda size: -size.total)

    def cost(cuts: tuple[tuple[int, int], ...]) -> float:
        parts = [(b - a) * width(range(a, b), found) for a, b in cuts]
        fits = all(part <= limit or b - a == 1 for part, (a, b) in zip(parts, cuts, strict=True))
        return sum(parts) + MICRO_BATCH_COST * len(parts) if fits else float("inf")

    inner = range(1, len(found))
    every = [
        tuple(itertools.pairwise((0, *places, len(found))))
        for count in range(len(found))
        for places in itertools.combinations(inner, count)
    ]
    ours = tuple(cut(found, limit))
    assert cost(ours) == min(map(cost, every), default=0.0)


def test_a_short_row_does_not_share_a_micro_batch_with_a_long_one_where_padding_would_cost_more() -> None:
    found = [Size(10, 2000), Size(10, 100), Size(10, 90)]
    (first,), (second,) = plan_update([0, 1, 2], found, [True] * 3, 1, 10_000)
    assert (first.rows, second.rows) == ((0,), (1, 2))


def test_rows_are_dealt_to_the_rank_with_the_fewest_tokens() -> None:
    found = [Size(1, completion) for completion in (9, 4, 3, 3, 1)]
    dealt = deal({1: [Bundle((row,), size, size.total) for row, size in enumerate(found)]}, 2)
    assert [[bundle.rows for bundle in own[1]] for own in dealt] == [[(0,), (4,)], [(1,), (2,), (3,)]]


def test_a_rank_that_needs_fewer_micro_batches_halves_its_fullest() -> None:
    found = [Size(1, 999)] * 2 + [Size(1, 99)] * 4
    ((first, second), (third, fourth)) = plan_update(range(6), found, [True] * 6, 2, 1000)
    assert [first.rows, third.rows] == [(0,), (2, 4)]
    assert [second.rows, fourth.rows] == [(1,), (3, 5)]
    ((one, other),) = plan_update([0], found, [True] * 6, 2, 1000)
    assert (one.rows, other.rows) == ((0,), ())
    (*slots,) = plan_update([0, 2, 3, 4, 5], found, [True] * 6, 2, 200)
    assert [[batch.rows for batch in slot] for slot in slots] == [[(0,), (2, 3)], [(), (4, 5)]]


def test_an_update_of_which_nothing_stays_still_has_a_slot() -> None:
    (slot,) = plan_update([0, 1], [Size(1, 1)] * 2, [False] * 2, 2, 10)
    assert [batch.rows for batch in slot] == [(), ()]


@given(anyhow, st.sampled_from([(2, 2), (4, 2), (4, 4), (8, 4), (6, 3)]), limits)
def test_each_row_is_shared_by_as_few_ranks_as_hold_it(
    update: tuple[list[Size], list[bool], Layout], shape: tuple[int, int], limit: int
) -> None:
    found, stays, layout = update
    ranks, together = shape
    slots = plan_update(range(len(found)), found, stays, ranks, limit, layout, together)
    counted = [row for slot in slots for rank, batch in enumerate(slot) for row in batch.counted(rank)]
    assert sorted(counted) == [row for row, stay in enumerate(stays) if stay]
    for own in zip(*slots, strict=True):
        assert [batch.ranks for batch in own] == sorted((batch.ranks for batch in own), reverse=True)
    for slot in slots:
        for rank, batch in enumerate(slot):
            first = rank - rank % batch.ranks
            assert all(other == batch for other in slot[first : first + batch.ranks])  # they come to it together
            assert together % batch.ranks == 0
            hold = limit * batch.ranks / together
            for row in batch.rows:
                assert found[row].total <= hold or batch.ranks == together
                fewer = [n for n in range(1, batch.ranks) if together % n == 0]
                assert all(found[row].total > limit * n / together for n in fewer)
            assert layout.tokens(batch.rows, found) <= hold or len(batch.rows) == 1


def test_a_long_row_is_shared_and_the_short_ones_fill_up_beside_it() -> None:
    # A rank holds 100 of 200 tokens. The row of 180 is 90 on each of the first two; 80, 70, 60, 50 go to the others
    # first: 80 + 50 and 70 + 60, beside 90 and 90; at last 40 to the first of those with 90.
    found = [Size(10, total - 10) for total in (180, 80, 70, 60, 50, 40)]
    slots = plan_update(range(6), found, [True] * 6, 4, 200, FLAT, together=2)
    first, second, third, fourth = zip(*slots, strict=True)
    assert [(batch.rows, batch.ranks) for batch in first if batch.rows] == [((0,), 2), ((5,), 1)]
    assert [(batch.rows, batch.ranks) for batch in second if batch.rows] == [((0,), 2)]
    assert sorted(row for batch in third for row in batch.rows) == [1, 4]
    assert sorted(row for batch in fourth for row in batch.rows) == [2, 3]


def test_losses_by_cell_share_all_that_may_be_shared() -> None:
    found = [Size(10, 10)] * 8
    slots = plan_cells(range(8), found, [True] * 8, 4, 1000, 2, FLAT, together=2)
    assert [[(batch.rows, batch.ranks) for batch in slot] for slot in slots] == [
        [((0, 1), 2), ((0, 1), 2), ((2, 3), 2), ((2, 3), 2)],
        [((4, 5), 2), ((4, 5), 2), ((6, 7), 2), ((6, 7), 2)],
    ]
