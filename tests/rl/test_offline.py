"""`score`, `budgets`, `advantages` and `rewards`: numbers by hand, and one clear line for each mistake."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from rl.cli import run_command

Line = dict[str, Any]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")


def line(length: int, correct: bool | None, stop: str = "eos", budget: int | None = None, **more: Any) -> Line:
    text = more.pop("text", None)
    problem = more.pop("problem_id", "p")
    return {
        "problem_id": problem, "length": length, "correct": correct, "stop": stop, "budget": budget, "text": text, **more,
    }  # fmt: skip


def write(*lines: Line, name: str = "rollouts.jsonl") -> str:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in lines))
    return name


def run(*arguments: str) -> Any:
    """What the command writes to `--json`."""
    with pytest.raises(SystemExit) as stop:
        run_command([*arguments, "--json", "out.json"])
    assert stop.value.code == 0
    return json.loads(Path("out.json").read_text())


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    before = sorted(Path().iterdir())
    with pytest.raises(SystemExit) as stop:
        run_command([*arguments, "--json", "out.json"])
    assert stop.value.code == 2
    assert sorted(Path().iterdir()) == before
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def score(reward: str, rows: list[Line], *flags: str) -> Any:
    return run("score", "--reward", reward, "--rollouts", write(*rows), *flags)


@pytest.mark.parametrize(
    ("reward", "flags", "rows", "rewards", "terms"),
    [
        ("hapo", [], [line(9, True), line(9, False), line(9, None)], [1, 0, None], [0, 0, None]),  # a first visit
        (
            "truncation", [],
            [line(100, True, "eos", 100), line(100, True, "length", 100), line(101, True, "eos", 100), line(5, False)],
            [1, 0, 0, 0], [1, 0, 0, 1],
        ),
        # .6 c + .3 R_len, no tags: .6 + .3 * 50/100; .3 * 1 though wrong; .6 + .3 * (2 - 1.5); 0 at 2B
        (
            "triangular", [],
            [line(50, True, budget=100), line(100, False, budget=100), line(150, True, budget=100), line(200, False, budget=100)],
            [0.75, 0.3, 0.75, 0], [0.5, 1, 0.5, 0],
        ),
        # flat up to the budget: .6 + .3; then .3 * (2 - 1.5)
        ("band", [], [line(50, True, budget=100), line(150, False, budget=100)], [0.9, 0.15], [1, 0.5]),
        # 1 - .0003 * 400; 0 - .0003 * 1000
        ("l1-exact", [], [line(1400, True, budget=1000), line(0, False, budget=1000)], [0.88, -0.3], [-400, -1000]),
        ("l1-exact", ["alpha=1e-3"], [line(1400, True, budget=1000)], [0.6], [-400]),
        # .0003 * 500 + .5; wrong earns 0; clipped at 0: .0003 * -2000 + .5 = -.1
        ("l1-max", [], [line(500, True, budget=1000), line(3000, True, budget=1000), line(9, False, budget=9)], [0.65, 0, 0], [0.65, 0, 0.5]),
        ("laser", ["target=100"], [line(100, True), line(101, True), line(9, False)], [1.5, 1, -0.5], [1, 0, 0]),
        ("laser", [], [line(9, False, verdict="unparsable")], [-1], [0]),
        # wrong but longer than the target: -.5 + .5
        ("laser-de", ["target=100"], [line(101, False), line(99, False)], [0, -0.5], [1, 0]),
        # ±1 plus (900 - L) / 100 within [-1, 0]
        (
            "overlong", ["cache=100"],
            [line(900, True, budget=1000), line(950, True, budget=1000), line(1000, False, "length", 1000)],
            [1, 0.5, -2], [0, -0.5, -1],
        ),
        # lambda = .5 - (L - 100)/200: .5, 0, -.5; weight .4
        ("kimi", [], [line(100, True), line(200, True), line(300, False)], [1.2, 1, -0.2], [0.5, 0, -0.5]),
        # L_ref / L - 1 + 2 (c - c_ref) = 200/100 - 1 + 2 * .25
        ("o1-pruner", [], [line(100, True, ref_length=200, ref_accuracy=0.75)], [1.5], [1]),
    ],
)  # fmt: skip
def test_score_writes_the_papers_whole_reward_and_its_bare_length_term(
    reward: str, flags: list[str], rows: list[Line], rewards: list[float | None], terms: list[float | None]
) -> None:
    found = score(reward, rows, *(part for flag in flags for part in ("--set", flag)))
    assert found["rewards"] == [None if v is None else pytest.approx(v) for v in rewards]
    assert found["terms"]["length"] == [None if v is None else pytest.approx(v) for v in terms]
    assert found["terms"]["correct"] == [None if r["correct"] is None else float(r["correct"]) for r in rows]


def test_interleaved_problems_are_groups_in_file_order() -> None:
    rows = [
        line(100, True), line(10, True, problem_id="q"), line(300, True), line(50, False, problem_id="q"),
        line(200, None, problem_id="alone"), line(200, True), line(30, None, problem_id="q"),
    ]  # fmt: skip
    # p: lengths 100, 300, 200: lambda .5, -.5, 0. q: 10, 50 judged: .5, -.5. alone: nobody judged.
    assert score("kimi", rows)["rewards"] == [pytest.approx(v) if v is not None else None for v in (1.2, 1.2, 0.8, -0.2, None, 1.0, None)]  # fmt: skip


def test_a_group_of_one_is_scored() -> None:
    assert score("kimi", [line(7, True)])["rewards"] == [1]  # L_max = L_min: 0
    assert score("alp", [line(7, None)])["rewards"] == [None]


@pytest.mark.parametrize("reward", ["hapo", "kimi", "laser-d", "correct"])
def test_an_empty_file_has_no_rewards(reward: str) -> None:
    found = score(reward, [])
    assert found["rewards"] == []
    assert all(values == [] for values in found["terms"].values())


def test_history_goes_from_one_call_to_the_next() -> None:
    first = score("hapo", [line(100, True), line(60, False), line(120, True), line(80, True, problem_id="q")])
    assert first["rewards"] == [1, 0, 1, 1]
    Path("history.json").write_text(json.dumps(first["history"]))
    Path("whole.json").write_text(json.dumps(first))
    # h = 100 for p, 80 for q: 1 + cos(pi/4); min(0, cos(3 pi/4)); 1 - .7; 1 + cos(pi/2); new problem: 1
    rows = [
        line(50, True), line(150, False), line(300, True), line(80, True, problem_id="q"), line(5, True, problem_id="r"),
    ]  # fmt: skip
    expected = [1 + math.sqrt(0.5), -math.sqrt(0.5), 0.3, 1.0, 1.0]
    for given in ("history.json", "whole.json"):
        second = score("hapo", rows, "--history", given)
        assert second["rewards"] == pytest.approx(expected)
        assert second["terms"]["length"] == pytest.approx(
            [v - c for v, c in zip(expected, (1, 0, 1, 1, 1), strict=True)]
        )
    Path("history.json").write_text(json.dumps(second["history"]))
    assert score("hapo", [line(50, True)], "--history", "history.json")["rewards"] == [1.0]  # h is 50 now


def test_mean_history_counts_every_correct_length_once() -> None:
    first = score("hapo", [line(80, True), line(40, True), line(1, False)], "--set", "mode=mean")  # h = 60
    Path("h.json").write_text(json.dumps(first))
    assert score("hapo", [line(30, True)], "--set", "mode=mean", "--history", "h.json")["rewards"] == [
        pytest.approx(1 + math.sqrt(0.5))  # cos(pi/2 * 30/60)
    ]


def test_monitor_rollouts_set_the_targets_of_laser_d() -> None:
    easy = [line(100 * (i + 1), True, problem_id="m") for i in range(8)]  # 100, 200, … 800, all solved
    # |C| = 6 of 8: P(100) * 6 = .75 < 1, P(200) * 6 = 1.5 -> 200. Nothing medium is monitored: stays 500.
    flags = [f"--set={option}" for option in ("minimum=100", "maximum=1000", "step=100", "target=500")]
    rows = [line(200, True), line(201, True), line(500, True, problem_id="q"), line(400, False, problem_id="q")]
    found = score("laser-d", rows, *flags, "--monitor", write(*easy, name="monitor.jsonl"))
    assert found["rewards"] == [1.5, 1, 1.5, -0.5]
    assert score("laser-d", rows, *flags)["rewards"] == [1.5, 1.5, 1.5, -0.5]
    Path("h.json").write_text(json.dumps(found["history"]))
    assert score("laser-d", rows, *flags, "--history", "h.json")["rewards"] == [1.5, 1, 1.5, -0.5]


CLASS = "class R:\n    name = 'mine'\n    def __call__(self, group, history):\n        rows = group.rollouts\n"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (CLASS + "        return [r.length / len(rows) for r in rows]", [2, None, 5]),
        (CLASS + "        return [float('nan') if r.raw_reward is None else r.given['style'] for r in rows]", [0.5, None, 0.25]),
        ("def R(prompts, completions, completion_ids, answer, level, **kwargs):\n"
         "    return [None if c == 'b' else len(ids) + float(a) + x\n"
         "            for c, ids, a, x in zip(completions, completion_ids, answer, level)]", [18, None, 24]),
        ("def R(completions, **kwargs): return [float('nan') if c == 'b' else len(c) for c in completions]", [1, None, 3]),
    ],
)  # fmt: skip
def test_a_plug_in_file_scores(source: str, expected: list[float | None]) -> None:
    Path("mine.py").write_text(
        source.replace("r.length / len(rows)", "None if r.text == 'b' else r.length / len(rows)")
    )
    rows = [
        line(4, True, text="a", token_ids=[1, 2, 3], rewards={"style": 0.5}, answer="5", level=10),
        line(4, None, text="b", rewards={"style": None}, answer="5", level=10),
        line(5, False, problem_id="q", text="ccc", token_ids=[1] * 5, rewards={"style": 0.25}, answer="7", level=12),
    ]
    found = score("mine.py:R", rows)
    assert found["rewards"] == expected
    assert found["terms"]["correct"] == [1, None, 0]


def test_a_text_may_hold_any_character_json_does() -> None:
    row = json.dumps(line(4, True, text="one\u2028two\x85three"), ensure_ascii=False)
    Path("r.jsonl").write_text(row + "\n", encoding="utf-8")
    assert run("score", "--reward", "correct", "--rollouts", "r.jsonl")["rewards"] == [1]


def test_every_reward_scores_a_file_with_every_key(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        line(n, n < 6, "eos", 5000, text="<think>1</think><answer>2</answer>", token_ids=[7] * n, answer="2",
             ref_length=5, ref_accuracy=0.5, rewards={"correct": 1.0}, problem_id=n % 2)
        for n in range(3, 9)
    ]  # fmt: skip
    for plugin in run("rewards"):
        if "required" not in plugin["parameters"].values():
            found = score(plugin["name"], rows)
            assert len(found["rewards"]) == 6, plugin
            assert all(len(values) == 6 for values in found["terms"].values()), plugin
            assert all(value is None or math.isfinite(value) for value in found["rewards"]), plugin


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("rewards", "hapo truncation triangular band l1-exact l1-max laser laser-d laser-de overlong kimi efficient alp "
         "shorter-better o1-pruner cosine lead conditioned-length repetition substring"),
        ("budgets", "constant exponential n-drop linear siri-cosine siri-stair siri-stair-cosine stages difficulty-tiers"),
    ],
)  # fmt: skip
def test_the_lists_name_every_method_with_its_source(kind: str, names: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = {plugin["name"]: plugin for plugin in run(kind)}
    assert set(names.split()) <= set(found)
    assert all(found[name]["source"] for name in names.split())
    first_words = {row.split()[0] for row in capsys.readouterr().out.splitlines() if row[:1].strip()}
    assert set(names.split()) <= first_words


def test_one_method_is_shown_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("rewards", "l1-exact")[0]["parameters"] == {"alpha": 0.0003}
    assert run("budgets", "constant")[0]["parameters"] == {"tokens": "required"}
    shown = capsys.readouterr().out
    assert "alpha=0.0003" in shown
    assert "arXiv 2503.04697" in shown


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["exponential", "--set", "interval=1", "--steps", "4"], [256, 179, 125, 87]),
        (["n-drop", "--steps", "4"], [256, 178, 124, 87]),  # over the steps asked for; d = .69785
        (["linear", "--set", "steps=8", "--steps", "3"], [256, 256, 199]),  # 256 - 169/3 after 8/4 steps
        (["siri-cosine", "--set", "maximum=100", "--set", "minimum=50", "--set", "period=4", "--steps", "5"], [100, 75, 50, 75, 100]),
        (["stages", "--set", "tokens=[4000, 3000, 2000]", "--set", "interval=[1, 2]", "--steps", "5"], [4000, 3000, 3000, 2000, 2000]),
        (["constant", "--set", "tokens=500", "--steps", "1"], [500]),
        (["difficulty-tiers", "--steps", "2"], [4000, 4000]),
        (["difficulty-tiers", "--accuracy", "0.5"], [4000]),
        (["difficulty-tiers", "--accuracy", "0.51"], [2000]),
        (["curricula.constant:Constant", "--set", "tokens=9", "--steps", "2"], [9, 9]),
    ],
)  # fmt: skip
def test_budgets_writes_one_budget_a_step(arguments: list[str], expected: list[int]) -> None:
    assert run("budgets", *arguments) == {"budgets": expected}


@pytest.mark.parametrize(("suffix", "magic"), [("png", b"\x89PNG\r\n"), ("svg", b"<?xml")])
def test_a_schedule_can_be_drawn(suffix: str, magic: bytes) -> None:
    run("budgets", "siri-stair", "--steps", "1000", "--plot", f"plot.{suffix}")
    picture = Path(f"plot.{suffix}").read_bytes()
    assert picture.startswith(magic)
    assert len(picture) > 2000


def reward_line(reward: float | None, problem: str = "p", length: int = 1) -> Line:
    return {"problem_id": problem, "length": length, "reward": reward}


PAIR = 0.5 / (math.sqrt(0.5) + 1e-4)  # of rewards 1 and 0: mean .5, sample deviation sqrt(.5)


@pytest.mark.parametrize(
    ("arguments", "rows", "expected"),
    [
        (["none"], [reward_line(2.5), reward_line(None)], [2.5, 0]),
        (["group"], [reward_line(1), reward_line(0, "q"), reward_line(0), reward_line(1, "q")], [PAIR, -PAIR, -PAIR, PAIR]),
        (["centred"], [reward_line(1), reward_line(0), reward_line(None), reward_line(7, "q")], [0.5, -0.5, 0, 0]),
        # groups of 3 and of 2: means 1/3 and 1/2; squares 4/9 + 2/9 ... over 5 rollouts: (6/9 + 1/2) / 5 = .23333
        (["dler"], [*map(reward_line, (1, 0, 0)), reward_line(1, "q"), reward_line(0, "q")],
         [v / math.sqrt(7 / 30) for v in (2 / 3, -1 / 3, -1 / 3, 0.5, -0.5)]),
        # centred ±.5, lengths 3 and 1: mean .25, variance .1875
        (["dler-tokens"], [reward_line(1, length=3), reward_line(0, length=1)], [0.25 / math.sqrt(0.1875), -0.75 / math.sqrt(0.1875)]),
        (["gfpo", "--set", "k=2"], [reward_line(1, length=9), reward_line(1, length=2), reward_line(0, length=5)], [0, PAIR, -PAIR]),
        (["lead"], [], []),
        (["group"], [], []),
        (["gdpo"], [], []),
    ],
)  # fmt: skip
def test_advantages_come_one_a_line(arguments: list[str], rows: list[Line], expected: list[float]) -> None:
    found = run("advantages", "--estimator", *arguments, "--rollouts", write(*rows))
    assert list(found) == ["advantages"]
    assert found["advantages"] == pytest.approx(expected, rel=1e-6)


def test_gdpo_takes_the_rewards_of_each_line_apart() -> None:
    rows = [{"problem_id": "p", "length": 1, "rewards": {"a": 1, "b": b}} for b in (1, 0)]  # `a` never varies
    one = 0.25 * PAIR  # weighted; whitened by the sample deviation of ±one, sqrt(2) one
    expected = one / (math.sqrt(2) * one + 1e-4)
    found = run("advantages", "--estimator", "gdpo", "--set", "weights=[1, 0.25]", "--rollouts", write(*rows))
    assert found["advantages"] == pytest.approx([expected, -expected])


GOOD = json.dumps(line(4, True))


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("{", "not JSON"),
        ("[1]", "expected an object"),
        (json.dumps({k: v for k, v in line(4, True).items() if k != "problem_id"}), "'problem_id' is missing"),
        (json.dumps({k: v for k, v in line(4, True).items() if k != "length"}), "'length' is missing"),
        (json.dumps({k: v for k, v in line(4, True).items() if k != "correct"}), "'correct' is missing"),
        (json.dumps({k: v for k, v in line(4, True).items() if k != "stop"}), "'stop' is missing"),
        (json.dumps(line(-1, True)), "'length'"),
        (json.dumps(line(4, True) | {"length": "4"}), "'length'"),
        (json.dumps(line(4, True) | {"length": True}), "'length'"),
        (json.dumps(line(4, True) | {"length": math.nan}), "'length'"),
        (json.dumps(line(4, True) | {"correct": "yes"}), "'correct'"),
        (json.dumps(line(4, True, "eos_token")), "'stop'"),
        (json.dumps(line(4, True, budget=0)), "'budget'"),
        (json.dumps(line(4, True, budget=1) | {"budget": 2.5}), "'budget'"),
        (json.dumps(line(4, False, verdict="wrng")), "unknown verdict 'wrng'"),
        (json.dumps(line(4, True, verdict="timed_out")), "'verdict'"),
        (json.dumps(line(4, None, verdict="wrong")), "'verdict'"),
        (json.dumps(line(4, True, token_ids=5)), "token_ids"),
        (json.dumps(line(4, True, rewards=[1.0])), "rewards"),
        (json.dumps(line(4, True, rewards={"style": "good"})), "rewards"),
        (json.dumps(line(4, True, rewards={"style": math.inf})), "rewards"),
        (json.dumps(line(4, True, text=5)), "text"),
    ],
)  # fmt: skip
def test_a_bad_line_is_named_by_file_and_number(bad: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("rollouts.jsonl").write_text(f"{GOOD}\n{bad}\n{GOOD}\n")
    said = refused(capsys, "score", "--reward", "correct", "--rollouts", "rollouts.jsonl")
    assert "rollouts.jsonl, line 2" in said
    assert words in said


def test_blank_lines_are_passed_over_but_counted(capsys: pytest.CaptureFixture[str]) -> None:
    Path("rollouts.jsonl").write_text(f"{GOOD}\n\n{GOOD}\n")
    assert run("score", "--reward", "correct", "--rollouts", "rollouts.jsonl")["rewards"] == [1, 1]
    Path("out.json").unlink()
    Path("rollouts.jsonl").write_text(f"{GOOD}\n\n{json.dumps(line(4, True, 'eso'))}\n")
    assert "line 3" in refused(capsys, "score", "--reward", "correct", "--rollouts", "rollouts.jsonl")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--reward", "trunkation"], ["unknown reward 'trunkation'", "'truncation'"]),
        (["--reward", "hapo", "--set", "mod=min"], ["unknown option of reward 'hapo' 'mod'", "'mode'"]),
        (["--reward", "hapo", "--set", "mode=max"], ["hapo", "mode", "'max'"]),
        (["--reward", "hapo", "--set", "w=heavy"], ["hapo"]),
        (["--reward", "hapo", "--set", "mode"], ["--set 'mode'", "key=value"]),
        (["--reward", "hapo", "--set", "w=[1"], ["'[1'"]),
        (["--reward", "l1-exact"], ["l1-exact", "'p'", "no budget"]),
        (["--reward", "o1-pruner"], ["o1-pruner", "'ref_"]),
        (["--reward", "hapo", "--monitor", "rollouts.jsonl"], ["hapo", "monitor"]),
        (["--reward", "hapo", "--history", "absent.json"], ["absent.json"]),
        (["--reward", "hapo", "--history", "list.json"], ["list.json"]),
        (["--reward", "hapo", "--history", "half.json"], ["half.json"]),
        (["--reward", "laser-d", "--monitor", "half.json"], ["half.json, line 1"]),
        (["--reward", "absent.py:R"], ["absent.py"]),
        (["--reward", "good.py:S"], ["good.py", "'S'", "known: R"]),
        (["--reward", "good.py:R", "--set", "a=1"], ["good.py:R", "no options"]),
    ],
)  # fmt: skip
def test_score_says_in_one_line_what_is_wrong(
    arguments: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    write(line(4, True))
    Path("list.json").write_text("[1]")
    Path("half.json").write_text('{"hapo": ')
    Path("good.py").write_text("def R(completions, **kwargs): return [0.0 for _ in completions]")
    said = refused(capsys, "score", *arguments, "--rollouts", "rollouts.jsonl")
    assert all(word in said for word in words), said


TERMS = CLASS + "        return [1.0] * len(rows)\n    def terms(self, group, history):\n        "


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def R(**kwargs): raise RuntimeError('boom')", "RuntimeError: boom"),
        ("def R(**kwargs): raise RuntimeError('boom\\nand more')", "boom"),
        ("def R(completions, **kwargs): return [1.0]", "1 numbers for 2"),
        ("def R(completions, **kwargs): return [float('inf')] * len(completions)", "infinite"),
        ("def R(completions, **kwargs): return ['good'] * len(completions)", "good"),
        ("def R(completions, **kwargs): return None", "TypeError"),
        ("def R(nothing_like_it): return [1.0]", "TypeError"),
        ("import nowhere_to_be_found", "nowhere_to_be_found"),
        (CLASS + "        raise KeyError('boom')", "boom"),
        (CLASS + "        raise ValueError('boom\\n\\nand more')", "boom"),
        (CLASS + "        return [1.0] * (len(rows) + 1)", "3 numbers for 2"),
        (CLASS + "        return []", "0 numbers for 2"),
        (CLASS + "        return [float('-inf')] * len(rows)", "infinite"),
        (TERMS + "return {'length': [1.0]}", "mine"),
        (TERMS + "return {'length': [float('inf')] * len(group.rollouts)}", "mine"),
        (CLASS + "        return [1.0] * len(rows)\n    def observe(self, group, history): raise KeyError('boom')", "boom"),
        ("class R:\n    name = 'mine'\n    def __init__(self): raise ValueError('boom')", "boom"),
        ("class R: pass", "R"),
    ],
)  # fmt: skip
def test_a_plug_in_that_misbehaves_is_named_in_one_line(
    source: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine.py").write_text(source)
    write(line(4, True), line(5, True), line(5, True, problem_id="q"), line(6, False, problem_id="q"))
    said = refused(capsys, "score", "--reward", "mine.py:R", "--rollouts", "rollouts.jsonl")
    assert words in said
    assert "mine" in said or "'R'" in said


def test_a_controller_that_raises_is_named_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.py").write_text(
        CLASS + "        return [1.0] * len(rows)\n    interval = 1\n"
        "    def monitor(self, groups, history): raise KeyError('boom')\n"
    )
    rollouts = write(line(4, True))
    said = refused(capsys, "score", "--reward", "mine.py:R", "--rollouts", rollouts, "--monitor", rollouts)
    assert "mine" in said


def test_terms_nobody_judged_are_null_like_the_rewards() -> None:
    Path("mine.py").write_text(TERMS + "return {'length': [float('nan')] * len(group.rollouts)}")
    assert score("mine.py:R", [line(4, True)])["terms"]["length"] == [None]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["constnt", "--steps", "3"], ["unknown budget 'constnt'", "'constant'"]),
        (["constnt"], ["unknown budget 'constnt'"]),
        (["constant", "--steps", "3"], ["constant", "tokens"]),
        (["constant", "--set", "token=3", "--steps", "3"], ["option of budget 'constant' 'token'", "'tokens'"]),
        (["exponential", "--set", "factor=2", "--steps", "3"], ["exponential: factor"]),
        (["siri-cosine", "--set", "minimum", "--steps", "3"], ["key=value"]),
        (["siri-cosine", "--accuracy", "0.5"], ["accuracy"]),
        (["difficulty-tiers", "--accuracy", "1.5"], ["difficulty-tiers", "1.5"]),
        (["difficulty-tiers", "--accuracy", "nan"], ["difficulty-tiers", "nan"]),
        (["siri-cosine", "--steps", "3", "--plot", "plot.xyz"], ["plot.xyz"]),
        (["siri-cosine", "--steps", "3", "--plot", "no/such/folder/plot.png"], ["plot.png"]),
        (["siri-cosine", "--steps", "0"], ["--steps"]),
        (["siri-cosine", "--steps", "many"], ["--steps"]),
    ],
)  # fmt: skip
def test_budgets_says_in_one_line_what_is_wrong(
    arguments: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, "budgets", *arguments)
    assert all(word in said for word in words), said


@pytest.mark.parametrize(
    ("arguments", "rows", "words"),
    [
        (["grup"], [reward_line(1)], ["unknown advantage estimator 'grup'", "'group'"]),
        (["lead", "--set", "aa=1"], [reward_line(1)], ["option of advantage estimator 'lead' 'aa'"]),
        (["gfpo", "--set", "k=0"], [reward_line(1)], ["gfpo"]),
        (["group", "--set", "weights=[1]"], [reward_line(1)], ["weights"]),
        (["gdpo", "--set", "weights=[1, 2]"], [{"problem_id": "p", "rewards": {"a": 1}}], ["2 weights", "1 rewards"]),
        (["gdpo", "--set", "weights=2"], [{"problem_id": "p", "rewards": {"a": 1}}], ["weights"]),
        (["group"], [reward_line(1), {"problem_id": "p"}], ["rollouts.jsonl, line 2", "'reward' is missing"]),
        (["group"], [reward_line(1), {"reward": 1}], ["rollouts.jsonl, line 2", "'problem_id' is missing"]),
        (["gdpo"], [reward_line(1)], ["rollouts.jsonl, line 1", "'rewards' is missing"]),
        (["gdpo"], [{"problem_id": "p", "rewards": 5}], ["rollouts.jsonl, line 1", "rewards"]),
        (["gdpo"], [{"problem_id": "p", "rewards": [1]}], ["rollouts.jsonl, line 1", "rewards"]),
        (["group"], [reward_line(math.inf)], ["rollouts.jsonl, line 1", "finite"]),
        (["group"], [{"problem_id": "p", "reward": "high"}], ["rollouts.jsonl, line 1", "'high'"]),
        (["gfpo"], [{"problem_id": "p", "reward": 1, "length": "long"}], ["rollouts.jsonl, line 1", "length"]),
        (["gfpo"], [{"problem_id": "p", "reward": 1, "length": None}], ["rollouts.jsonl, line 1", "length"]),
    ],
)  # fmt: skip
def test_advantages_says_in_one_line_what_is_wrong(
    arguments: list[str], rows: list[Line], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, "advantages", "--estimator", *arguments, "--rollouts", write(*rows))
    assert all(word in said for word in words), said


@pytest.mark.parametrize(
    "arguments",
    [
        ["score", "--reward", "hapo", "--rollouts", "absent.jsonl"],
        ["advantages", "--estimator", "group", "--rollouts", "absent.jsonl"],
        ["score", "--reward", "laser-d", "--rollouts", "there.jsonl", "--monitor", "absent.jsonl"],
    ],
)
def test_a_missing_file_is_named(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    write(line(4, True), name="there.jsonl")
    assert "absent.jsonl" in refused(capsys, *arguments)


def test_an_unknown_reward_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert "unknown reward 'hapoo'; did you mean 'hapo'?" in refused(capsys, "rewards", "hapoo")


def test_numbers_that_cannot_be_written_are_said_to_be_so(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        run_command(["budgets", "siri-cosine", "--steps", "3", "--json", "no/such/folder/out.json"])
    assert stop.value.code == 2
    assert "no/such/folder/out.json" in capsys.readouterr().err
