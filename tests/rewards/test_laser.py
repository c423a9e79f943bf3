from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import group, rollout

from rewards import Group, History, Monitor, Rollout, Verdict
from rewards.length.laser import Laser, LaserD, LaserDE

Outcome = tuple[int, int | None]  # length, correct
TARGETS = {"easy": 100.0, "medium": 200.0, "hard": 300.0}


def made(outcomes: list[Outcome]) -> Group:
    return group(*(rollout(*o) for o in outcomes))


def told(method: str, targets: dict[str, float] = TARGETS) -> History:
    history = History()
    history.put(method, "targets", targets)
    return history


def unreadable(length: int) -> Rollout:
    return replace(rollout(length, 0), verdict=Verdict.UNPARSABLE)


@pytest.mark.parametrize(
    ("length", "right", "wrong", "boxless"),
    [
        (0, 1.5, -0.5, -1.0),  # 1 + 0.5
        (8192, 1.5, -0.5, -1.0),  # on target is within it
        (8193, 1.0, -0.5, -1.0),
        (16_384, 1.0, -0.5, -1.0),  # twice the target, the paper's cap
    ],
)
def test_only_correct_answers_within_the_target_earn_the_bonus(
    length: int, right: float, wrong: float, boxless: float
) -> None:
    seen = group(rollout(length, 1), rollout(length, 0), unreadable(length), rollout(length, None))
    assert Laser()(seen, History()) == [right, wrong, boxless, None]


def test_a_judge_that_timed_out_on_a_readable_answer_makes_it_wrong() -> None:
    assert Laser()(group(replace(rollout(5, 0), verdict=Verdict.TIMED_OUT)), History()) == [-0.5]


def test_alpha_and_target_are_options() -> None:
    assert Laser(alpha=0.25, target=10)(made([(10, 1), (11, 1)]), History()) == [1.25, 1.0]


@pytest.mark.parametrize("reward", [Laser(), LaserD(), LaserDE()])
def test_a_group_with_nobody_judged_has_no_rewards(reward: Laser) -> None:
    assert reward(made([]), History()) == []
    assert reward(made([(1, None), (2, None)]), History()) == [None, None]


@pytest.mark.parametrize(
    ("right", "wrong", "target"),
    [
        (2, 1, 100),  # 2/3: easy
        (6, 2, 100),  # 6/8 = 0.750
        (5, 3, 200),  # 5/8 = 0.625 < 2/3
        (1, 2, 200),  # 1/3: medium
        (3, 5, 200),  # 3/8 = 0.375
        (2, 6, 300),  # 2/8 = 0.250 < 1/3
        (1, 0, 100),  # G = 1
        (1, 9, 300),
    ],
)
def test_the_target_depends_on_the_groups_accuracy(right: int, wrong: int, target: int) -> None:
    others: list[Outcome] = [(1, 1)] * (right - 1) + [(1, 0)] * wrong + [(1, None)] * 3
    for length, expected in ((target, 1.5), (target + 1, 1.0)):
        assert LaserD()(made([(length, 1), *others]), told("laser-d"))[0] == expected


@pytest.mark.parametrize(
    ("length", "right", "wrong"), [(0, 1.5, -0.5), (200, 1.5, -0.5), (201, 1.0, 0.0), (400, 1.0, 0.0)]
)
def test_laser_de_takes_back_the_penalty_of_long_wrong_answers(length: int, right: float, wrong: float) -> None:
    # accuracy 1/2: medium, target 200; wrong and long: -0.5 + 0.5
    assert LaserDE()(made([(length, 1), (length, 0)]), told("laser-de")) == [right, wrong]


def test_an_answer_without_a_box_is_worth_minus_one_under_laser_de_however_long() -> None:
    # "-1 bad format/no box": the released code adds the bonus to scores of -0.5 alone
    assert LaserDE()(group(unreadable(300), unreadable(301)), told("laser-de")) == [-1.0, -1.0]


def test_laser_de_can_withhold_the_bonus_from_answers_that_end_in_a_loop() -> None:
    loop = replace(rollout(400, 0), token_ids=tuple(range(300)) + (7, 8) * 50)  # 100 of 400 in the loop
    plain = replace(rollout(400, 0), token_ids=tuple(range(400)))
    seen = group(loop, plain)
    assert LaserDE(withhold_repetitive=True)(seen, told("laser-de")) == [-0.5, 0.0]
    assert LaserDE()(seen, told("laser-de")) == [0.0, 0.0]


@pytest.mark.parametrize("reward", [LaserD(target=50), LaserDE(target=50)])
def test_before_the_first_monitoring_all_targets_are_the_fixed_one(reward: LaserD) -> None:
    for others in ([], [(1, 0)], [(1, 0)] * 9):
        assert reward(made([(50, 1), *others]), History())[0] == 1.5
        assert reward(made([(51, 1), *others]), History())[0] == 1.0


def test_terms_are_correctness_and_whether_the_bonus_is_earned() -> None:
    seen = made([(200, 1), (201, 1), (200, 0), (201, 0), (201, 0), (5, None)])  # 2/5: medium
    correct = [1.0, 1.0, 0.0, 0.0, 0.0, None]
    assert LaserD().terms(seen, told("laser-d")) == {"correct": correct, "length": [1, 0, 0, 0, 0, None]}
    assert LaserDE().terms(seen, told("laser-de")) == {"correct": correct, "length": [1, 0, 0, 1, 1, None]}


@pytest.mark.parametrize("options", [{"alpha": -0.5}, {"target": 0}])
@pytest.mark.parametrize("kind", [Laser, LaserD, LaserDE])
def test_impossible_options_are_refused(kind: type[Laser], options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"^{kind.name}: {next(iter(options))}"):
        kind(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options", [{"interval": 0}, {"minimum": 0}, {"step": 0}, {"maximum": 4095}, {"rounding": "up"}]
)
@pytest.mark.parametrize("kind", [LaserD, LaserDE])
def test_impossible_searches_are_refused(kind: type[LaserD], options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=f"^laser.*: {next(iter(options))}"):
        kind(**options)  # type: ignore[arg-type]


outcomes = st.lists(st.tuples(st.integers(0, 400), st.sampled_from([0, 1, None])), max_size=9)


def naive(drawn: list[Outcome], targets: dict[str, float], explore: bool) -> list[float | None]:
    judged = [correct for _, correct in drawn if correct is not None]
    thirds = 3 * sum(judged)  # accuracy >= 2/3 if three times the correct are twice the judged
    level = "easy" if thirds >= 2 * len(judged) else "medium" if thirds >= len(judged) else "hard"
    values: list[float | None] = []
    for length, correct in drawn:
        if correct is None:
            values.append(None)
        elif correct == 1:
            values.append(1.5 if length <= targets[level] else 1.0)
        else:
            values.append(0.0 if explore and length > targets[level] else -0.5)
    return values


@given(outcomes)
def test_rewards_equal_a_naive_account_of_the_formula(drawn: list[Outcome]) -> None:
    assert Laser(target=200)(made(drawn), History()) == naive(drawn, dict.fromkeys(TARGETS, 200.0), False)
    assert LaserD()(made(drawn), told("laser-d")) == naive(drawn, TARGETS, False)
    assert LaserDE()(made(drawn), told("laser-de")) == naive(drawn, TARGETS, True)


@given(outcomes, st.integers(0, 2**32), st.integers(0, 400), st.sampled_from([LaserD(), LaserDE()]))
def test_neither_order_nor_an_unjudged_rollout_matters(
    drawn: list[Outcome], seed: int, length: int, reward: LaserD
) -> None:
    order = Random(seed).sample(range(len(drawn)), len(drawn))
    before = reward(made(drawn), told(reward.name))
    after = reward(made([*(drawn[i] for i in order), (length, None)]), told(reward.name))
    assert after == [*(before[i] for i in order), None]


@given(st.integers(0, 400), st.integers(0, 400), st.sampled_from([Laser(target=200), LaserD(), LaserDE()]))
def test_right_beats_wrong_whatever_the_lengths(right: int, wrong: int, reward: Laser) -> None:
    values = reward(made([(right, 1), (wrong, 0)]), told(reward.name))
    assert values[0] is not None
    assert values[1] is not None
    assert values[1] <= 0.0 < 1.0 <= values[0]


SMALL: dict[str, Any] = {"target": 50, "minimum": 10, "maximum": 40, "step": 10}
SPREAD = [15, 25, 25, 35, 35, 35, 40, 40]  # P(10) = 0, P(20) = 1/8, P(30) = 3/8, P(40) = 1


def monitored(lengths: list[int], right: int) -> Group:
    return made([(length, int(i < right)) for i, length in enumerate(lengths)])


def searched(groups: list[Group], rounding: str = "ceil") -> dict[str, float]:
    history = History()
    LaserD(**SMALL, rounding=rounding).monitor(groups, history)  # type: ignore[arg-type]
    entry = history.get("laser-d", "targets")
    assert entry is not None
    return dict(entry)


@pytest.mark.parametrize(
    ("lengths", "right", "level", "ceil", "floor"),
    [
        # K = 8: |C| = 6, 3, 1 rounded up, 5, 2, 1 rounded down
        (SPREAD, 6, "easy", 30, 30),  # 1/8 * 6 < 1 <= 3/8 * 6; 1/8 * 5 < 1 <= 3/8 * 5
        (SPREAD, 3, "medium", 30, 40),  # 3/8 * 3 = 9/8; 3/8 * 2 = 3/4 < 1 <= 1 * 2
        (SPREAD, 2, "hard", 40, 40),  # |C| = 1: all must lie within
        (SPREAD, 0, "hard", 40, 40),  # nobody right: still the least count of 1
        ([10] * 4 + [40] * 4, 3, "medium", 10, 10),  # 1/2 * 2 = 1 is enough
        ([0] * 8, 8, "easy", 10, 10),  # no target below the minimum
        ([10] * 8, 0, "hard", 10, 10),
        ([11] * 8, 0, "hard", 20, 20),
        ([1] * 7 + [41], 0, "hard", 41, 41),  # none of 10, 20, 30, 40 has P = 1: the longest
        ([100] * 8, 8, "easy", 100, 100),
        ([15, 25, 35], 2, "easy", 30, 30),  # K = 3, |C| = 2: 1/3 * 2 < 1 <= 2/3 * 2
        ([25], 1, "easy", 30, 30),  # K = 1: |C| = 1
    ],
)
def test_the_target_is_the_smallest_with_an_expected_correct_response(
    lengths: list[int], right: int, level: str, ceil: float, floor: float
) -> None:
    untouched = dict.fromkeys(("easy", "medium", "hard"), 50.0)
    assert searched([monitored(lengths, right)]) == {**untouched, level: ceil}
    assert searched([monitored(lengths, right)], "floor") == {**untouched, level: floor}


def test_a_level_counts_the_responses_of_all_its_groups() -> None:
    # two easy groups of 8: 16 responses, 3 of them within 10: 3/16 * 6 = 18/16, but 3/16 * 5 = 15/16
    groups = [monitored([10, 10, 10, 30, 30, 30, 30, 30], 8), monitored([30] * 8, 6), monitored([20] * 8, 0)]
    assert searched(groups) == {"easy": 10.0, "medium": 50.0, "hard": 20.0}
    assert searched(groups, "floor") == {"easy": 30.0, "medium": 50.0, "hard": 20.0}


@pytest.mark.parametrize(
    ("length", "target"), [(1, 4096), (4096, 4096), (4097, 5120), (16_384, 16_384), (16_385, 16_385)]
)
def test_by_default_targets_run_from_4096_to_16384_in_steps_of_1024(length: int, target: int) -> None:
    history = History()
    LaserD().monitor([monitored([length] * 8, 0)], history)
    assert history.get("laser-d", "targets") == {"easy": 8192.0, "medium": 8192.0, "hard": target}


def test_monitoring_moves_the_rewards_and_starts_anew_each_time() -> None:
    history, reward = History(), LaserD(**SMALL)
    seen = made([(20, 1), (21, 1)])
    assert reward(seen, history) == [1.5, 1.5]  # target 50
    reward.monitor([monitored([15] * 8, 8), monitored([35] * 8, 0)], history)
    assert reward(seen, history) == [1.5, 1.0]
    reward.monitor([monitored([25] * 8, 8)], history)
    assert history.get("laser-d", "targets") == {"easy": 30.0, "medium": 50.0, "hard": 40.0}  # hard: as before
    reward.monitor([], history)
    assert history.get("laser-d", "targets") == {"easy": 30.0, "medium": 50.0, "hard": 40.0}
    assert history.size() == 1


def test_laser_d_and_laser_de_keep_their_targets_apart() -> None:
    history = History()
    LaserDE(**SMALL).monitor([monitored([15] * 8, 8)], history)
    assert history.get("laser-d", "targets") is None
    assert history.get("laser-de", "targets") == {"easy": 20.0, "medium": 50.0, "hard": 50.0}


def test_only_the_searching_ones_are_monitors() -> None:
    assert [isinstance(reward, Monitor) for reward in (Laser(), LaserD(), LaserDE())] == [False, True, True]
    assert (LaserD().interval, LaserDE(interval=7).interval) == (20, 7)


def naive_targets(groups: list[list[Outcome]], rounding: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for level, low, high in (("easy", 2, 4), ("medium", 1, 2), ("hard", 0, 1)):
        lengths, least = [], 1
        for drawn in groups:
            judged = [o for o in drawn if o[1] is not None]
            right = sum(correct == 1 for _, correct in judged)
            if low * len(judged) <= 3 * right < high * len(judged):
                lengths += [length for length, _ in judged]
                least = low * len(judged) // 3 if rounding == "floor" else (low * len(judged) + 2) // 3
        fits = [t for t in (10, 20, 30, 40) if sum(x <= t for x in lengths) * max(least, 1) >= len(lengths)]
        found[level] = 50 if not lengths else min(fits) if fits else max(lengths)
    return found


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 60), st.sampled_from([0, 1])), min_size=8, max_size=8), max_size=6),
    st.sampled_from(["ceil", "floor"]),
    st.integers(0, 3),
)
def test_targets_equal_a_naive_search(drawn: list[list[Outcome]], rounding: str, unjudged: int) -> None:
    groups = [made([*outcomes, *[(999, None)] * unjudged]) for outcomes in drawn]
    assert searched([*groups, made([(7, None)])], rounding) == naive_targets(drawn, rounding)
