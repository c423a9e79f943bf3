"""The pure parts of a report: settings, curves, lengths by sign, protocols, published points, texts."""

import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from run_folders import answers, write_answers

from rl.errors import UserError
from rl.evaluation import Data, Evaluation, Protocol
from rl.recipe.parts import PluginPart
from rl.report.answers import accuracy_difference, read_answers, tokens_where
from rl.report.page import settings
from rl.report.page.document import embedded
from rl.report.page.examples import evenly, prompt_text, shorten
from rl.report.protocol import DECISIVE, NOTED, differences
from rl.report.published import load_published
from rl.report.runs import labels
from rl.report.training import curve, length_by_sign, smooth, thin

NAN = math.nan
leaves = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4)
)
keys = st.text("abc", min_size=1, max_size=3)
nested = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=8
)


def test_a_recipe_is_flattened_to_keys_as_overrides_name_them() -> None:
    recipe = {"name": "x", "rewards": [{"name": "hapo", "w": 1.0}], "data": {"eval": None, "columns": {}}, "stages": []}
    assert settings.flatten(recipe) == {
        "name": "x", "rewards[0].name": "hapo", "rewards[0].w": 1.0, "data.eval": None, "data.columns": {}, "stages": [],
    }  # fmt: skip


def at(values: Any, key: str) -> Any:
    for step in key.replace("[", ".[").strip(".").split("."):
        values = values[int(step[1:-1])] if step.startswith("[") else values[step]
    return values


@given(st.dictionaries(keys, nested, min_size=1, max_size=4))
def test_every_flat_key_leads_to_its_value(values: dict[str, Any]) -> None:
    flat = settings.flatten(values)
    assert all(at(values, key) == value for key, value in flat.items())
    assert not any(isinstance(value, dict | list) and value for value in flat.values())


def test_only_what_differs_is_told_and_names_are_no_settings() -> None:
    first = {"name": "a", "seed": 0, "rewards": [{"name": "correct"}], "trainer": {"lr": 1.0}}
    second = {"name": "b", "seed": 0, "rewards": [{"name": "hapo", "w": 0.5}], "trainer": {"lr": 1, "beta": None}}
    rows = settings.table([first, second])
    assert [key for key, _ in rows] == ["name", "seed", "rewards[0].name", "rewards[0].w", "trainer.lr", "trainer.beta"]
    assert settings.differing(rows) == [
        ("rewards[0].name", ["correct", "hapo"]), ("rewards[0].w", ["–", "0.5"]), ("trainer.beta", ["–", "none"]),
    ]  # fmt: skip


def test_numbers_that_differ_late_are_not_shown_alike() -> None:
    rows = settings.table([{"lr": 0.123456789}, {"lr": 0.123456788}])
    assert len(settings.differing(rows)) == 1


def test_length_by_the_sign_of_the_advantage_by_hand() -> None:
    lengths, advantages = np.array([10.0, 20.0, 60.0, 5.0, 99.0]), np.array([1.0, 0.5, -2.0, 0.0, NAN])
    assert length_by_sign(lengths, advantages) == (15.0, 60.0)
    assert math.isnan(length_by_sign(lengths[:2], advantages[:2])[1])


@given(st.lists(st.tuples(st.integers(1, 99), st.sampled_from([-1.0, 0.0, 2.0, NAN])), max_size=20))
def test_length_by_sign_is_that_of_two_loops(rows: list[tuple[int, float]]) -> None:
    positive = [length for length, advantage in rows if advantage > 0]
    negative = [length for length, advantage in rows if advantage < 0]
    found = length_by_sign(np.array([r[0] for r in rows], dtype=float), np.array([r[1] for r in rows], dtype=float))
    for mean, values in zip(found, (positive, negative), strict=True):
        assert math.isnan(mean) if not values else mean == pytest.approx(sum(values) / len(values))


def test_a_curve_leaves_out_what_was_not_logged() -> None:
    found = curve([(1, 1.0), (2, None), (3, NAN), (4, 3.0)])
    assert (found.steps, found.values) == ([1, 4], [1.0, 3.0])
    assert curve([(1, None)]).steps == []


def test_smoothing_is_a_mean_over_neighbours_fewer_at_the_ends() -> None:
    assert smooth([1.0, 2.0, 6.0, 3.0], 3) == pytest.approx([1.5, 3.0, 11 / 3, 4.5])
    assert smooth([1.0, 2.0], 1) == [1.0, 2.0]


@given(st.lists(st.tuples(st.floats(0, 1e3), st.floats(-1e3, 1e3)), max_size=60), st.integers(1, 20))
def test_thinning_keeps_a_short_curve_and_the_mean_of_equal_stretches(
    points: list[tuple[float, float]], longest: int
) -> None:
    found = thin(points, longest)
    assert len(found) == min(len(points), longest)
    if len(points) % longest == 0 and points:
        assert sum(y for _, y in found) / len(found) == pytest.approx(sum(y for _, y in points) / len(points))
    if len(points) <= longest:
        assert found == points


def test_samples_of_a_problem_count_as_one_problem(tmp_path: Path) -> None:
    def row(problem: str, sample: int, correct: float | None, length: int) -> dict[str, Any]:
        return {
            "problem_id": problem,
            "sample": sample,
            "difficulty": "",
            "length": length,
            "stop": "eos",
            "correct": correct,
        }

    rows = [
        row("b", 0, 1.0, 10),
        row("b", 1, 0.0, 30),
        row("a", 0, 1.0, 40),
        row("a", 1, None, 40),
        row("c", 0, None, 1),
    ]
    write_answers(tmp_path / "a.parquet", rows)
    found = read_answers(tmp_path / "a.parquet")
    assert found.problems == ["a", "b", "c"]
    assert found.accuracy_of == {"a": 1.0, "b": 0.5}
    assert found.accuracy.mean == 0.75
    assert found.tokens.mean == pytest.approx((20 + 40 + 1) / 3)
    assert (tokens_where(found, 1), tokens_where(found, 0)) == (25.0, 30.0)
    assert found.summary()["unjudged"] == 2


def test_accuracy_is_compared_problem_by_problem(tmp_path: Path) -> None:
    def write(name: str, **correct: float | None) -> Evaluation:
        rows = [
            {"problem_id": k, "difficulty": "", "length": 1, "stop": "eos", "correct": v} for k, v in correct.items()
        ]
        write_answers(tmp_path / name, rows)
        return read_answers(tmp_path / name)

    before, after = write("a", p=0.0, q=1.0, r=1.0, s=None), write("b", r=1.0, q=1.0, p=1.0, s=1.0, t=0.0)
    mean, error = accuracy_difference(before, after)
    assert mean == pytest.approx(1 / 3)
    assert error == pytest.approx(math.sqrt((4 / 9 + 1 / 9 + 1 / 9) / 2 / 3))


def test_a_file_that_is_no_answers_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.parquet").write_text("nothing")
    write_answers(tmp_path / "other.parquet", [{"problem_id": "p"}])
    for name in ("broken", "other"):
        with pytest.raises(UserError, match=f"cannot read .*{name}.parquet"):
            read_answers(tmp_path / f"{name}.parquet")
    table = pa.table({"problem_id": ["p"]}).replace_schema_metadata({"lengthwise.protocol": "{}"})
    for name, value in {"difficulty": "1", "length": 3, "stop": "eos", "correct": 1.0}.items():
        table = table.append_column(name, pa.array([value]))
    pq.write_table(table, tmp_path / "odd.parquet")
    with pytest.raises(UserError, match=r"cannot read the protocol in .*odd.parquet: KeyError"):
        read_answers(tmp_path / "odd.parquet")
    write_answers(tmp_path / "empty.parquet", answers(random.Random(0), 5, 1, ""), rows_kept=0)
    with pytest.raises(UserError, match=r"empty.parquet holds no answers"):
        read_answers(tmp_path / "empty.parquet")


def test_protocols_differ_in_what_both_of_them_say() -> None:
    first = Protocol(cap=320, data=Data("demo", "demo", 24, "ab"))
    second = Protocol(
        cap=640, data=Data("elsewhere", "x.jsonl", 24, "ab"), verifier=PluginPart("math", {"strict": False})
    )
    assert differences(first, second, DECISIVE) == [
        "cap 320 against 640", "verifier name=math against name=math, strict=False",
    ]  # fmt: skip
    assert differences(first, Protocol(cap=320), DECISIVE) == []
    assert differences(first, Protocol(cap=320, data=Data("demo", "demo", 24, "cd")), DECISIVE) == [
        "data '24 problems (ab)' against '24 problems (cd)'"
    ]
    assert differences(first, Protocol(cap=320, seed=3), NOTED) == ["seed 0 against 3"]


def test_published_points_are_whole_and_say_where_they_stand() -> None:
    aime = load_published("aime24")
    dler = next(p for p in aime.points if p.name == "DLER, from R1-Distill-1.5B")
    assert (dler.accuracy, dler.tokens) == (34.38, 3551)
    assert "rank nothing" in aime.caveat
    assert "arXiv 2510.15110" in aime.caveat
    for name in ("math500", "gsm8k", "laser-average", "olympiad"):
        for point in load_published(name).points:
            assert 0 < point.accuracy < 100
            assert 10 < point.tokens < 20_000
    with pytest.raises(UserError, match="unknown benchmark 'aime' in --published; did you mean"):
        load_published("aime")


def test_runs_are_called_by_the_shortest_ends_that_tell_them_apart() -> None:
    assert labels([Path("runs/a"), Path("runs/b/")]) == ["a", "b"]
    assert labels([Path("x/a"), Path("y/a")]) == ["x/a", "y/a"]
    with pytest.raises(UserError, match="is named twice"):
        labels([Path("a"), Path("./a")])


@given(st.lists(st.integers().map(str), max_size=30), st.integers(0, 12))
def test_an_even_choice_has_both_ends_and_no_more_than_wanted(items: list[str], wanted: int) -> None:
    found = evenly(items, wanted)
    assert len(found) == min(wanted, len(items))
    if wanted > 1 and items:
        assert (found[0], found[-1]) == (items[0], items[-1])


@given(st.text(max_size=80), st.integers(3, 40))
def test_a_long_text_keeps_its_head_and_its_tail(text: str, longest: int) -> None:
    found = shorten(text, longest)
    if len(text) <= longest:
        assert found == text
        return
    head, missing, tail = (
        found.split("\n\n… ", 1)[0],
        found.rsplit(" characters left out …", 1)[0],
        found[-longest // 3 :],
    )
    assert text.startswith(head[: longest * 2 // 3])
    assert text.endswith(tail)
    assert missing.endswith(f"{len(text) - longest:,}")


def test_prompts_are_read_as_rollout_files_hold_them() -> None:
    assert prompt_text('"1+1=?"') == "1+1=?"
    assert prompt_text('[{"role": "system", "content": "x"}, {"role": "user", "content": "1+1=?"}]') == "1+1=?"


@given(nested)
def test_embedded_json_reads_back_and_holds_no_tag(values: Any) -> None:
    text = embedded({"v": values, "evil": "</script><!--", "nan": [NAN, math.inf]})
    assert "<" not in text
    assert json.loads(text) == {"v": json.loads(json.dumps(values)), "evil": "</script><!--", "nan": [None, None]}
