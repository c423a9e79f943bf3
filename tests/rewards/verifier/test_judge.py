"""Judges told by their parameters, in the process that calls them and in workers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rewards.verifier.function import FunctionVerifier
from rewards.verifier.judge import Caller, Judge

Parts = tuple[str, str]


def ours(gold: str, answer: str) -> bool:
    return (gold, answer) == ("g", "t")


def turned(answer: str, gold: str) -> bool:
    return (gold, answer) == ("g", "t")


def predicted(prediction: str, truth: str) -> bool:
    return (truth, prediction) == ("g", "t")


def after_thinking(gold: str, completion: str) -> bool:
    return (gold, completion) == ("g", "t")


async def waiting(gold: str, answer: str, strict: bool = False) -> bool:
    return (gold, answer, strict) == ("g", "t", True)


def verl(data_source: str, solution_str: str, ground_truth: str, extra_info: Any = None) -> dict[str, Any]:
    return {"score": float((data_source, solution_str, ground_truth, extra_info) == ("gsm8k", "t", "g", None)), "n": 7}


def verl_of_a_file(solution_str: str, ground_truth: str, method: str = "strict", **more: Any) -> float:
    return 1.0 if (solution_str, ground_truth, method, more) == ("t", "g", "strict", {"data_source": "gsm8k"}) else -1.0


async def verl_waiting(data_source: str, solution_str: str, ground_truth: str, extra_info: Any = None) -> float:
    return float(solution_str == "t" and ground_truth == "g")


def openrlhf(queries: list[str], prompts: list[str], labels: list[str]) -> dict[str, Any]:
    return {"rewards": [float((queries, prompts, labels) == (["t"], [""], ["g"]))], "scores": [0.0]}


def rubric(completion: list[dict[str, str]], answer: str, **kwargs: Any) -> float:
    return float((completion, answer, kwargs) == ([{"role": "assistant", "content": "t"}], "g", {}))


def traced(task: Any, trace: Any) -> float:
    return float((task.answer, trace.last_reply) == ("g", "t"))


@pytest.mark.parametrize(
    ("function", "options", "taken"),
    [
        (ours, {}, "a judge, the gold answer as 'gold', the answer as 'answer'"),
        (turned, {}, "a judge, the gold answer as 'gold', the answer as 'answer'"),
        (predicted, {}, "a judge, the gold answer as 'truth', the answer as 'prediction'"),
        (after_thinking, {}, "a judge, the gold answer as 'gold', the answer as 'completion'"),
        (waiting, {"strict": True}, "a judge, the gold answer as 'gold', the answer as 'answer'"),
        (verl, {"data_source": "gsm8k"}, "verl's compute_score"),
        (verl_of_a_file, {"data_source": "gsm8k"}, "verl's compute_score"),
        (verl_waiting, {}, "verl's compute_score"),
        (openrlhf, {}, "OpenRLHF's reward_func"),
        (rubric, {}, "a rubric function of verifiers"),
        (traced, {}, "a reward function of verifiers"),
    ],
)
def test_each_gets_the_gold_answer_and_the_text_where_it_takes_them(
    function: Callable[..., Any], options: dict[str, Any], taken: str
) -> None:
    judge = Judge(function, options)
    assert judge.describe() == taken
    call = Caller(judge)
    assert [call("g", "t"), call("t", "g"), call("g", "t")] == ["correct", "wrong", "correct"]


@pytest.mark.parametrize(
    ("value", "verdict"), [(1, "correct"), (True, "correct"), (0.1, "wrong"), (-1.0, "wrong"), (None, "unparsable")]
)
def test_a_score_of_verl_is_correct_at_one_and_wrong_below(value: Any, verdict: str) -> None:
    def compute_score(solution_str: str, ground_truth: str) -> Any:
        return {"score": value}

    assert Caller(Judge(compute_score, {}))("g", "t") == verdict


@pytest.mark.parametrize("value", [2.0, float("nan"), {"acc": 1}, [1, 0]])
def test_what_is_no_score_is_no_verdict_either(value: Any) -> None:
    def compute_score(solution_str: str, ground_truth: str) -> Any:
        return value

    with pytest.raises(ValueError, match=r"score|unpack"):
        Caller(Judge(compute_score, {}))("g", "t")


def asks_for_more(gold: str, answer: str, level: int, unit: str) -> bool:
    raise AssertionError


def one(gold: str) -> bool:
    raise AssertionError


def trl(completions: list[str], answer: list[str]) -> list[float]:
    raise AssertionError


def rubric_with_state(completion: Any, state: Any, parser: Any) -> float:
    raise AssertionError


@pytest.mark.parametrize(
    ("function", "options", "words"),
    [
        (asks_for_more, {"unit": "m"}, "nobody gives it level;"),
        (asks_for_more, {}, "nobody gives it level, unit;"),
        (one, {}, r"\(gold\): too many positional arguments"),
        (trl, {}, r"\(completions, answer\) is a TRL reward function; name it under `rewards`"),
        (rubric_with_state, {}, "nobody gives it state, parser;"),
    ],
)
def test_what_nobody_gives_is_named(function: Callable[..., Any], options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Judge(function, options)


def test_a_compute_score_judges_the_whole_completion_in_a_worker(tmp_path: Path) -> None:
    (tmp_path / "score.py").write_text(
        "async def compute_score(data_source, solution_str, ground_truth, extra_info=None):\n"
        "    assert '<think>' in solution_str\n"
        "    return {'score': 1.0 if solution_str.endswith('#### ' + ground_truth) else -1.0}\n"
    )
    texts = ["<think>5</think>#### 4", "<think>4</think>#### 5", r"\boxed{4}"]
    verifier = FunctionVerifier(f"{tmp_path}/score.py:compute_score", workers=1)
    with pytest.warns(UserWarning, match="raised AssertionError"):
        assert verifier.judge(["4"] * 3, texts) == ["correct", "wrong", "crashed"]
    verifier.close()
    of_answers = FunctionVerifier(f"{tmp_path}/score.py:compute_score", of="answer", workers=1)
    with pytest.warns(UserWarning, match="raised AssertionError"):  # it is given `4` then, as it was told
        assert of_answers.judge(["4"], [r"<think>5</think>\boxed{4}"]) == ["crashed"]
    of_answers.close()
