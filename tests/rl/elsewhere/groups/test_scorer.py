"""Groups that a trainer tells of: their rewards, who was judged, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import PreTrainedTokenizerBase

from rewards import Verdict
from rewards.verifier import MathVerifier
from rl.elsewhere.groups.advantages import Advantages
from rl.elsewhere.groups.host import Host
from rl.elsewhere.groups.method import read_method
from rl.elsewhere.groups.scorer import GroupScorer
from rl.elsewhere.groups.told import Said, Told, filled
from rl.errors import UserError

BARE = Host("a trainer")
FULL = Host("a trainer", batch=True, steps=True, advantages=True, evaluation=True)
Make = Callable[..., GroupScorer]


@pytest.fixture
def make(tmp_path: Path, tokenizer: PreTrainedTokenizerBase) -> Make:
    def made(text: str, host: Host = FULL) -> GroupScorer:
        (tmp_path / "method.yaml").write_text(text.replace("HISTORY", str(tmp_path / "history")))
        return GroupScorer(read_method(tmp_path / "method.yaml"), host, tokenizer)

    return made


def said(text: str, tokenizer: PreTrainedTokenizerBase, ended: bool = True, **other: Any) -> Said:
    return Said([*tokenizer(text)["input_ids"], *[tokenizer.eos_token_id] * ended], ended, **other)


def test_rewards_are_summed_by_weight_and_who_is_not_judged_gets_the_mean_of_the_judged(
    make: Make, tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(
        "def length(completion_ids, **_): return [float(len(c)) for c in completion_ids]\n"
    )
    scorer = make(
        f"rewards: [{{name: correct, weight: 2}}, {{name: '{tmp_path}/mine.py:length', weight: 0.5}}]\n"
        "budget: {name: constant, tokens: 60}\n"
    )
    right, wrong = said(r"\boxed{2}", tokenizer), said(r"\boxed{22}", tokenizer)
    gone, cut = said("", tokenizer, failed=True), said(r"\boxed{2}", tokenizer, ended=False)
    (scored,) = scorer.score([Told("1+1=?", "#### 2", [right, gone, wrong, cut])])
    assert [r.verdict for r in scored.group.rollouts] == [
        Verdict.CORRECT, Verdict.CRASHED, Verdict.WRONG, Verdict.CORRECT,
    ]  # fmt: skip
    own = [len(each.token_ids) for each in (right, wrong, cut)]
    expected = [2 + own[0] / 2, own[1] / 2, own[2] / 2]  # cut: wrong
    assert scored.totals == [expected[0], None, *expected[1:]]
    assert scored.filled[1] == pytest.approx(sum(expected) / 3)
    assert (scored.unjudged, scorer.tally.unjudged) == (1, 1)
    assert Advantages(scorer.method).of([scored])[0][1] == 0.0


def test_a_group_without_a_gold_answer_is_judged_by_nobody_and_told_of(
    make: Make, tokenizer: PreTrainedTokenizerBase
) -> None:
    scorer = make("rewards: [correct]\nbudget: {name: constant, tokens: 60}\n")
    with pytest.warns(UserWarning, match="get no reward"):
        first, second = scorer.score(
            [
                Told("?", {"x": [1, 2]}, [said(r"\boxed{2}", tokenizer)]),
                Told("1+1=?", 2, [said(r"\boxed{2}", tokenizer)] * 3),
            ]
        )
    assert (first.totals, first.filled, second.totals) == ([None], [0.0], [1.0] * 3)
    # Groups of one and of three: the smaller is filled up with nobody.
    assert Advantages(scorer.method).of([first, second]) == [[0.0], [0.0] * 3]


@pytest.mark.parametrize("ids", ["12", None, [1.5], [3, -100], ["a"]])
def test_what_are_no_token_ids_is_refused(ids: Any) -> None:
    with pytest.raises(UserError, match="tokens must be"):
        Said(ids, True)
    if ids is not None:
        with pytest.raises(UserError, match="a prompt's tokens must be"):
            Told("1+1=?", "2", [], prompt_ids=ids)


def test_an_answer_that_is_missing_is_told_of_and_a_prompt_that_is_none_is_refused(
    make: Make, tokenizer: PreTrainedTokenizerBase
) -> None:
    scorer = make("rewards: [correct]\nbudget: {name: constant, tokens: 60}\n")
    with pytest.warns(UserWarning, match="rows with the answer None get no reward: it is none"):
        assert scorer.score([Told("1+1=?", None, [said("2", tokenizer)])])[0].totals == [None]
    for prompt in (None, [], ["1+1=?"], [{"role": "user"}]):
        with pytest.raises(UserError, match="a prompt must be a text"):
            Told(prompt, "2", [])  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"a prompt is no Unicode text: \['\\ud800'\]"):
        Told("\ud800", "2", [])
    with pytest.raises(UserError, match="a rollout's text must be one, not '3'"):
        Said([5], True, 3)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="refuses a prompt"):
        scorer.score([Told([{"role": "user", "content": None}], "2", [said("2", tokenizer)])])
    ragged = scorer.score(
        [Told("1+1=?", "2", []), Told("1+1=?", "2", [said(r"\boxed{2}", tokenizer), Said([], False)])]
    )
    assert [each.totals for each in ragged] == [[], [1.0, 0.0]]
    assert [len(own) for own in Advantages(scorer.method).of(ragged)] == [0, 2]


class Slow(MathVerifier):
    """One that runs out of time over 3."""

    def judge(self, answers: list[str], completions: list[str]) -> list[Verdict]:
        return [Verdict.TIMED_OUT if "3" in text else Verdict.CORRECT for text in completions]


def test_who_has_no_verdict_is_said_in_one_line_a_step_where_the_hook_logs_nothing(
    make: Make, tokenizer: PreTrainedTokenizerBase, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "rewards: [{name: correct}]\nbudget: {name: constant, tokens: 60}\n"
    right, late = said(r"\boxed{2}", tokenizer), said(r"\boxed{3}", tokenizer)
    told = [Told("1+1=?", "2", [right, late, said("", tokenizer, failed=True), right])]
    for host, lines in ((FULL, 2), (replace(FULL, logs=True), 0)):
        scorer = make(text, host)
        scorer.verifier = Slow()
        for step in (1, 1, 2):
            scorer.score(told, step)
        scorer.score([Told("1+1=?", "2", [right])], 3)
        assert (scorer.tally.rollouts, scorer.tally.unjudged, scorer.tally.timed_out) == (13, 3, 3)
        found = capsys.readouterr().err.splitlines()
        assert len(found) == lines
        assert not lines or found[1].startswith("lengthwise at step 2: of 12 rollouts so far 3 were judged by nobody")
        assert not lines or "and 3 count as wrong since the verifier ran out of time" in found[1]


def test_filled_values_leave_the_mean_and_no_nan() -> None:
    assert filled([1.0, None, 0.0, None]) == [1.0, 0.5, 0.0, 0.5]
    assert filled([None, None]) == [0.0, 0.0]


def test_a_budget_may_stand_in_the_data_or_follow_the_step(make: Make, tokenizer: PreTrainedTokenizerBase) -> None:
    visit = Told("1+1=?", "2", [said(r"\boxed{2}", tokenizer)], {"extra_info": {"num_tokens": 40}})
    scorer = make("rewards: [l1-exact]\nbudget: {name: constant, tokens: 60}\nbudget_column: extra_info.num_tokens\n")
    assert scorer.score([visit])[0].group.rollouts[0].budget == 40
    for stated in (np.int64(40), 40.0):  # of a table with gaps
        asked = Told("1+1=?", "2", visit.said, {"extra_info": {"num_tokens": stated}})
        assert scorer.score([asked])[0].group.rollouts[0].budget == 40
    for stated in (None, "40", 40.5, True, float("nan")):
        with pytest.raises(UserError, match=r"a problem has .* there, no number of tokens"):
            scorer.score([Told("1+1=?", "2", visit.said, {"extra_info": {"num_tokens": stated}})])
    scorer = make("rewards: [correct]\nbudget: {name: stages, tokens: [60, 30], interval: 10}\n")
    assert [scorer.score([visit], step)[0].group.rollouts[0].budget for step in (0, 10)] == [60, 30]
    with pytest.raises(UserError, match="changes with the optimiser step, which a trainer did not tell"):
        scorer.score([visit])
    tiers = make("rewards: [correct]\nbudget: {name: difficulty-tiers, thresholds: [0.5], tokens: [60, 20]}\n", BARE)
    assert tiers.score([visit])[0].group.rollouts[0].budget == 20  # everybody is right


HAPO = "rewards: [hapo]\nbudget: {name: constant, tokens: 60}\n"


@pytest.mark.parametrize(
    ("text", "host", "what"),
    [
        ("rewards: [laser-d]\nbudget: {name: constant, tokens: 60}\n", FULL, "monitor set, which a trainer does not have"),
        ("rewards: [auto-think]\nbudget: {name: constant, tokens: 60}\n", BARE, "hands over one group"),
        ("rewards: [toggle]\nbudget: {name: constant, tokens: 60}\nhistory: HISTORY\ngroup_size: 4\n", BARE, "goes by the optimiser step"),
        (HAPO, FULL, "name a file for that, `history: PATH`"),
        (HAPO + "history: HISTORY\n", BARE, "rollouts of a training group as `group_size`"),
        ("rewards: [correct]\nbudget: {name: sampled}\n", FULL, "name the column of these as `budget_column`"),
        ("rewards: [correct]\nbudget: {name: split, thinking: 9, answer: 9}\n", FULL, "closes thinking by force"),
        ("rewards: [correct]\nbudget: {name: stages, tokens: [9, 6], interval: 10}\n", BARE, "changes with the optimiser"),
        ("rewards: [correct]\nbudget: {name: constant, tokens: 9}\nadvantage: dler\n", BARE, "remove `advantage`"),
        ("rewards: [correct]\n", FULL, "key 'budget' is missing"),
        ("rewards: [hapoo]\nbudget: {name: constant, tokens: 9}\n", FULL, "did you mean 'hapo'"),
        ("rewards: [correct]\nbudget: {name: constant, tokens: 9}\nhistroy: x\n", FULL, "did you mean 'history'"),
        ("- 1\n", FULL, "a method is a mapping"),
    ],
)  # fmt: skip
def test_what_a_trainer_cannot_do_is_refused_in_one_line(text: str, host: Host, what: str, make: Make) -> None:
    with pytest.raises(UserError) as error:
        make(text, host)
    assert what in str(error.value)
    assert "\n" not in str(error.value)


def test_a_method_is_named_by_a_variable_of_the_environment(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LENGTHWISE_METHOD", raising=False)
    with pytest.raises(UserError, match="set LENGTHWISE_METHOD to a YAML file"):
        read_method()
    make("rewards: [correct]\nbudget: {name: constant, tokens: 9}\n")
    monkeypatch.setenv("LENGTHWISE_METHOD", str(tmp_path / "method.yaml"))
    assert read_method().rewards[0].name == "correct"
    with pytest.raises(UserError, match="hands over no tokenizer"):
        GroupScorer(read_method(), BARE)


def test_an_estimator_that_needs_what_a_trainer_does_not_give_is_refused(make: Make) -> None:
    gdpo = make("rewards: [correct]\nbudget: {name: constant, tokens: 9}\nadvantage: gdpo\n").method
    with pytest.raises(UserError, match="only their sum is handed over"):
        Advantages(gdpo).of_sums([[1.0]], [[3]])
