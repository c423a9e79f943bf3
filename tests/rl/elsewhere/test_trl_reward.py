from collections.abc import Sequence
from pathlib import Path
from types import MethodType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from markdown_it import MarkdownIt
from places import ROOT
from transformers import GenerationConfig, PreTrainedTokenizerBase

from curricula.stages import Stages
from rewards import Group, History, HistoryView, Problem, Rollout, Verdict
from rewards.length.hapo import Hapo
from rewards.length.laser import LaserD
from rewards.length.truncation import Truncation
from rl.elsewhere.trl_columns import caller
from rl.elsewhere.trl_reward import TRLReward
from rl.errors import UserError
from rl.models import load_tokenizer
from rl.plugins import load_reward
from rl.problems.prompts import problem_id

NUMPYS = [np.int64(2), np.float32(2), np.str_("2"), np.array(["2"]), np.array(2), ("2",)]
NAN = np.float32("nan")


def boxed(answer: str, tokenizer: PreTrainedTokenizerBase, ended: bool = True) -> list[int]:
    ids: list[int] = tokenizer(f"<think>1</think>\\boxed{{{answer}}}")["input_ids"]
    return [*ids, tokenizer.eos_token_id] if ended else ids


def call(
    reward: TRLReward, tokenizer: PreTrainedTokenizerBase, answers: list[str], **columns: Any
) -> list[float | None]:
    ids = [boxed(answer, tokenizer) for answer in answers]
    return reward(
        prompts=["1+1=?"] * len(ids),
        completions=tokenizer.batch_decode(ids, skip_special_tokens=True),
        completion_ids=ids,
        **{"answer": ["2"] * len(ids), **columns},
    )


def test_the_lines_of_its_page_train_by_our_reward_and_its_history_fills(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[float | None]] = []
    adapted = TRLReward.__call__

    def spy(self: TRLReward, **arguments: Any) -> list[float | None]:
        assert arguments["trainer_state"].global_step == len(seen)
        assert caller(arguments).num_generations == 4
        assert caller(arguments).eos_token_ids == [self.tokenizer.eos_token_id]
        seen.append(adapted(self, **arguments))
        return seen[-1]

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    monkeypatch.setattr(TRLReward, "__call__", spy)
    names: dict[str, Any] = {}
    for token in MarkdownIt().parse((ROOT / "docs/trainers/trl.md").read_text()):
        if token.type == "fence":
            exec(compile(token.content, "trl.md", "exec"), names)
    assert len(seen) == names["trainer"].state.global_step == 3
    assert names["reward"].history.size() > 0
    asked = {problem_id(row["prompt"], row["answer"]) for row in names["rows"]}
    assert set(names["reward"].history.state_dict()["hapo"]) <= asked
    monkeypatch.setattr(TRLReward, "__call__", adapted)
    tokenizer = names["reward"].tokenizer
    fresh = TRLReward(names["Hapo"](mode="min"), tokenizer, budget=120)
    assert call(fresh, tokenizer, ["2", "22"]) == [1.0, 0.0]
    assert call(fresh, tokenizer, ["2"]) == [1.0]  # as long as the shortest right one so far
    assert call(fresh, tokenizer, ["2+0+0+0"]) != [1.0]
    # From the second visit on a correct answer is worth something other than plain correctness.
    assert any(value not in (0.0, 1.0, None) for values in seen[1:] for value in values)


def test_a_reward_of_thinking_and_answer_is_told_them_apart(tokenizer: PreTrainedTokenizerBase) -> None:
    class Apart:
        name = "apart"

        def __call__(self, group: Group, history: HistoryView) -> list[float | None]:
            return [float(r.thinking) for r in group.rollouts]

    thought = tokenizer("<think>1</think>")["input_ids"]
    assert call(TRLReward(Apart(), tokenizer, budget=60), tokenizer, ["2"]) == [len(thought)]


def test_the_adapter_gives_what_the_reward_gives_for_the_same_group(tokenizer: PreTrainedTokenizerBase) -> None:
    adapter = TRLReward(Hapo(), tokenizer, budget=60)
    first = call(adapter, tokenizer, ["2", "22"])
    short, long = len(boxed("2", tokenizer)), len(boxed("2+0+0+0", tokenizer))
    history = History()
    problem = Problem("p", "1+1=?", "2")
    Hapo().observe(Group(problem, (rollout(short, Verdict.CORRECT),)), history)
    expected = Hapo()(Group(problem, (rollout(short, Verdict.CORRECT), rollout(long, Verdict.CORRECT))), history)
    assert first == [1.0, 0.0]
    assert call(adapter, tokenizer, ["2", "2+0+0+0"]) == pytest.approx(expected)


def rollout(length: int, verdict: Verdict) -> Rollout:
    return Rollout("p", length, "eos", 60, verdict, verdict.worth)


def test_rows_of_an_evaluation_are_scored_but_not_remembered(tokenizer: PreTrainedTokenizerBase) -> None:
    adapter = TRLReward(Hapo(), tokenizer, budget=60)
    assert call(adapter, tokenizer, ["2"], evaluation=[True]) == [1.0]
    assert adapter.history.size() == 0
    call(adapter, tokenizer, ["2"])
    assert adapter.history.size() == 1


def test_a_completion_without_an_end_is_cut_and_the_schedule_follows_the_trainers_step(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    class State:
        global_step = 0

    short = len(boxed("2", tokenizer))
    adapter = TRLReward(Truncation(), tokenizer, Stages([short, short - 1], interval=2))
    state: Any = State()
    assert call(adapter, tokenizer, ["2"], trainer_state=state) == [1.0]
    state.global_step = 2
    assert call(adapter, tokenizer, ["2"], trainer_state=state) == [0.0]
    cut = boxed("2", tokenizer, ended=False)
    assert adapter(["1+1=?"], [tokenizer.decode(cut)], [cut], answer=["2"]) == [0.0]


def test_a_restored_history_goes_on(tokenizer: PreTrainedTokenizerBase) -> None:
    first, second = TRLReward(Hapo(), tokenizer, 60), TRLReward(Hapo(), tokenizer, 60)
    call(first, tokenizer, ["2"])
    second.load_state_dict(first.state_dict())
    assert call(second, tokenizer, ["2+0"]) == call(first, tokenizer, ["2+0"])
    assert call(second, tokenizer, ["2+0"]) != [1.0]


def test_a_rank_without_rows_gets_no_rewards(tokenizer: PreTrainedTokenizerBase) -> None:
    assert TRLReward(Hapo(), tokenizer, 60)([], [], [], answer=[]) == []


def test_what_a_stock_trainer_cannot_give_is_refused(tokenizer: PreTrainedTokenizerBase) -> None:
    with pytest.raises(UserError, match="'laser-d' sets itself by a monitor set"):
        TRLReward(LaserD(), tokenizer, 60)
    with pytest.raises(UserError, match="needs a column `answer`"):
        TRLReward(Hapo(), tokenizer, 60)(["1+1=?"], ["2"], [[1]])


def test_an_async_function_of_another_trainer_is_a_reward_there_too(
    tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(
        "async def f(solution_str, ground_truth, data_source): return {'score': float('22' in solution_str) - 0.5}\n"
        "async def g(completions, trainer_state, level, **kw): return [n * len(level) for n in level]\n"
    )
    adapter = TRLReward(load_reward(f"{tmp_path}/mine.py:f", {}), tokenizer, budget=60)
    assert call(adapter, tokenizer, ["22", "2"]) == [0.5, -0.5]
    adapter = TRLReward(load_reward(f"{tmp_path}/mine.py:g", {}), tokenizer, budget=60)
    assert call(adapter, tokenizer, ["22", "2"], level=[3, 5]) == [6, 10]


@pytest.mark.parametrize("gold", ["1 + 1 is two.\n#### 2", "So it is $\\boxed{2}$.", 2, 2.0, ["2"], " 2 ", *NUMPYS])
def test_golds_are_read_as_in_recipes(tokenizer: PreTrainedTokenizerBase, gold: Any) -> None:
    adapter = TRLReward(Truncation(), tokenizer, budget=60)
    assert call(adapter, tokenizer, ["2", "3"], answer=[gold, gold]) == [1.0, 0.0]


def test_a_row_without_a_gold_is_told_of_and_gets_no_reward_and_others_theirs(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    adapter = TRLReward(Hapo(), tokenizer, budget=60)
    with pytest.warns(UserWarning, match="get no reward") as told:
        assert call(adapter, tokenizer, ["2"] * 4, answer=[None, "2", {"a": 1}, NAN]) == [None, 1.0, None, None]
    assert [str(warning.message).partition(" get no reward: ")[0] for warning in told] == [
        "rows with the answer None", "rows with the answer {'a': 1}", "rows with the answer np.float32(nan)",
    ]  # fmt: skip
    assert adapter.history.size() == 1


def test_two_copies_of_a_problem_one_after_the_other_are_two_groups(tokenizer: PreTrainedTokenizerBase) -> None:
    groups: list[int] = []

    class Counted:
        name = "counted"

        def __call__(self, group: Group, history: HistoryView) -> list[float | None]:
            groups.append(len(group.rollouts))
            return [0.0] * len(group.rollouts)

    trainer: Any = SimpleNamespace(
        num_generations=2, num_generations_eval=4, eos_token_ids=[], model=SimpleNamespace(training=True)
    )
    hook = MethodType(lambda self, name, value: None, trainer)  # as TRL gives its own
    call(TRLReward(Counted(), tokenizer, 60), tokenizer, ["2"] * 4, log_metric=hook)
    trainer.model.training = False
    call(TRLReward(Counted(), tokenizer, 60), tokenizer, ["2"] * 4, log_metric=hook)
    call(TRLReward(Counted(), tokenizer, 60, num_generations=2), tokenizer, ["2"] * 4)
    assert groups == [2, 2, 4, 2, 2]


def test_every_end_of_the_models_generation_config_ends_a_completion(
    tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    ids = boxed("2", tokenizer, ended=False)
    second = ids[0]
    given: Any = {"prompts": ["1+1=?"], "completions": [tokenizer.decode(ids)], "completion_ids": [[*ids, second]]}
    assert TRLReward(Truncation(), tokenizer, 60)(**given, answer=["2"]) == [0.0]
    trainer: Any = SimpleNamespace(
        num_generations=2, eos_token_ids=[tokenizer.eos_token_id, second], model=SimpleNamespace(training=True)
    )
    hook = MethodType(lambda self, name, value: None, trainer)
    assert TRLReward(Truncation(), tokenizer, 60)(**given, answer=["2"], log_metric=hook) == [1.0]
    tokenizer.save_pretrained(tmp_path)
    GenerationConfig(eos_token_id=[tokenizer.eos_token_id, second]).save_pretrained(tmp_path)
    assert TRLReward(Truncation(), load_tokenizer(str(tmp_path)), 60)(**given, answer=["2"]) == [1.0]


def test_a_stock_trainers_step_and_whole_batch_reach_a_reward_that_asks_for_them(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    class Both:
        name = "both"

        def batch(self, groups: Sequence[Group], history: HistoryView, step: int = 0) -> list[list[float | None]]:
            return [[100.0 * len(groups) + step for _ in group.rollouts] for group in groups]

        def __call__(self, group: Group, history: HistoryView) -> list[float | None]:
            raise AssertionError("it was called for one group")

    reward = TRLReward(Both(), tokenizer, budget=200, num_generations=2)
    state = SimpleNamespace(global_step=7)
    assert call(reward, tokenizer, ["2", "3", "2", "2"], trainer_state=state) == [207.0] * 4


def test_a_reward_knows_how_many_tokens_are_thinking(tokenizer: PreTrainedTokenizerBase) -> None:
    class OfThinking:
        name = "of-thinking"

        def __call__(self, group: Group, history: HistoryView) -> list[float | None]:
            return [r.thinking + r.answer / 100 for r in group.rollouts]

    ids = boxed("2", tokenizer)
    thinking = ids.index(tokenizer.convert_tokens_to_ids("</think>")) + 1
    values = call(TRLReward(OfThinking(), tokenizer, budget=120), tokenizer, ["2", "2"])
    assert values == [thinking + (len(ids) - thinking) / 100] * 2
