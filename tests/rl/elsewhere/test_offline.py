"""`lengthwise score`: numbers worked out by hand."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from commands import CLASS, Line, line, refused, run, score, write
from counting import operations

from rewards import History
from rl.elsewhere import offline
from rl.elsewhere.rollout_files import read_rollouts
from rl.plugins import guarded, load_reward


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")


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


def test_a_conversational_function_gets_turns_where_the_prompt_is_a_chat() -> None:
    Path("mine.py").write_text(
        "async def R(prompts, completions, answer, **kwargs):\n"
        "    return [len(c) if isinstance(c, str) else 10 * len(c[0]['content']) + len(p)\n"
        "            for p, c in zip(prompts, completions)]"
    )
    chat = [{"role": "system", "content": "Think."}, {"role": "user", "content": "1+1=?"}]
    rows = [line(4, True, text="abc", prompt=chat), line(4, True, problem_id="q", text="abc", prompt="1+1=?")]
    assert score("mine.py:R", rows)["rewards"] == [32, 3]


def test_trls_accuracy_reward_scores_a_file_with_solutions(capsys: pytest.CaptureFixture[str]) -> None:
    chat = [{"role": "user", "content": "1+1=?"}]
    rows = [line(4, True, text=rf"\boxed{{{n}}}", prompt=chat, solution=r"$\boxed{2}$") for n in (2, 3)]
    assert score("trl.rewards:accuracy_reward", rows)["rewards"] == [1, 0]
    lacking = write(line(4, True, text="2", prompt=chat))
    said = refused(capsys, "score", "--reward", "trl.rewards:accuracy_reward", "--rollouts", lacking)
    assert "reward 'accuracy_reward' asks for 'solution', not a column of these rollouts" in said


def test_rounds_are_scored_one_after_another() -> None:
    rows = [line(100, True, round=0), line(50, True, round=1), line(50, True, round=2, raw_reward=0.0), line(9, True)]
    # first visit: 1; 1 + cos(pi/4); h is 50 now: counted as wrong, 0 + min(0, cos(pi/2)); a file's line without a round is the last
    expected = [1, 1 + math.sqrt(0.5), 0, 1 + math.cos(math.pi / 2 * 9 / 50)]
    found = score("hapo", rows)
    assert found["rewards"] == pytest.approx(expected)
    assert found["terms"]["correct"] == [1, 1, 0, 1]


@pytest.mark.parametrize("prompt", [3, [{"role": "user"}], ["1+1=?"]])
def test_a_prompt_that_is_neither_text_nor_turns_is_refused(prompt: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(line(4, True, prompt=prompt))
    assert "line 1: 'prompt' must be a text or turns" in refused(
        capsys, "score", "--reward", "correct", "--rollouts", path
    )


@pytest.mark.parametrize(("reward", "group"), [("hapo", 4), ("kimi", 1), ("kimi", 10_000), ("mine.py:R", 10_000)])
def test_what_scoring_costs_grows_as_the_lines_do(reward: str, group: int, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("mine.py").write_text("def R(completions, **kwargs): return [len(c) for c in completions]")
    plugin = load_reward(reward, {})
    guards: list[object] = []
    monkeypatch.setattr(offline, "guarded", lambda *a, **k: guards.append(a) or guarded(*a, **k))

    def cost(count: int) -> int:
        rows = [line(i % 7, i % 3 == 0, problem_id=i // group, round=i // 200, text="a") for i in range(count)]
        path = Path(write(*rows))
        return operations(lambda: offline.score(plugin, read_rollouts(path), History()))

    assert cost(400) < 2.3 * cost(200)
    assert len(guards) == 3  # rounds


def test_the_groups_of_a_round_are_scored_together_by_a_reward_of_batches() -> None:
    # 3 of 4 think in the first round: k = 2 (.75 - .5) = .5; half of them in the second, so nobody pays.
    def said(text: str, correct: bool, problem_id: str, round_: int) -> Line:
        return line(5, correct, problem_id=problem_id, text=text, round=round_)

    thought, straight = "so\n</think>\n\n2", "</think>\n\n2"
    rows = [said(thought, True, "p", 0), said(thought, False, "p", 0), said(thought, True, "q", 0)]
    rows += [said(straight, True, "q", 0), said(thought, True, "p", 1), said(straight, False, "p", 1)]
    assert score("auto-think", rows)["rewards"] == [0.5, -0.5, 0.5, 2.0, 1.0, -1.0]


def test_a_rounds_step_is_its_weights_or_else_its_number() -> None:
    Path("mine.py").write_text(
        "class R:\n    name = 'stepwise'\n    def __call__(self, group, history, step):\n"
        "        return [float(step) for _ in group.rollouts]\n"
        "    def terms(self, group, history, step=0):\n        return {'half': [step / 2 for _ in group.rollouts]}\n"
    )
    rows = [line(1, True, round=r, weight_version=v) for r, v in ((0, 0), (1, 8), (2, 16))]
    found = score("mine.py:R", rows)
    assert found["rewards"] == [0, 8, 16]
    assert found["terms"]["half"] == [0, 4, 8]
    assert score("mine.py:R", [line(1, True, round=r) for r in range(3)])["rewards"] == [0, 1, 2]
