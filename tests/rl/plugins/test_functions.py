"""Reward functions written for TRL, verl, OpenRLHF and verifiers, as rewards of a run."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from rewards import Problem
from rewards.signatures import Sample
from rl.errors import UserError
from rl.plugins import FunctionReward, function_values, load_reward

CHAT = [{"role": "system", "content": "Think."}, {"role": "user", "content": "1+1=?"}]
CHATS = [
    Problem("p", CHAT, "2", {"solution": r"$\boxed{2}$", "level": 1}),
    Problem("q", CHAT, "3", {"solution": r"$\boxed{3}$", "level": 2}),
]
PLAIN = [Problem("p", "1+1=?", "2", {"data_source": "sums", "extra_info": {"i": 0}}), Problem("q", "2+1=?", "3")]
TEXTS = [r"It is \boxed{2}.", r"It is \boxed{4}."]


def loaded(folder: Path, source: str, name: str = "f") -> FunctionReward:
    (folder / "mine.py").write_text(source)
    reward = load_reward(f"{folder}/mine.py:{name}", {})
    assert isinstance(reward, FunctionReward)
    return reward


def samples(problems: list[Problem], texts: list[str]) -> list[Sample]:
    """One token the first, two the second, which was cut."""
    tokens = [[1], [1, 2]]
    return [Sample.of(p, t, ids, "", len(ids) == 1) for p, t, ids in zip(problems, texts, tokens, strict=True)]


def values(reward: FunctionReward, problems: list[Problem], texts: list[str] = TEXTS) -> list[float | None]:
    rows = function_values([reward], samples(problems, texts), {})
    return [row[reward.name] for row in rows]


def test_trls_own_accuracy_reward_gets_the_solutions_of_the_data() -> None:
    reward = load_reward("trl.rewards:accuracy_reward", {})
    assert isinstance(reward, FunctionReward)
    assert (reward.describe(), reward.columns) == ("a TRL reward function", ["solution"])
    assert values(reward, CHATS) == [1.0, 0.0]
    unread = Problem("p", CHAT, "2", {"solution": "none"})
    assert values(reward, [unread, CHATS[1]]) == [None, 0.0]


def test_a_trl_function_gets_every_column_as_it_stands_and_the_answer_where_there_is_none(tmp_path: Path) -> None:
    reward = loaded(
        tmp_path,
        "def f(prompts, completions, completion_ids, answer, **kw):\n"
        "    assert [c[0]['role'] for c in completions] == ['assistant'] * 2, completions\n"
        "    kw['log_metric']('x', 1), kw['log_extra']('x', [1, 2])\n"
        "    assert (answer, kw['level'], kw.get('prompt')) == (ANSWERS, [1, 2], None), (answer, kw)\n"
        "    return [len(ids) for ids in completion_ids]\nANSWERS = ['2', '3']\n",
    )
    assert values(reward, CHATS) == [1, 2]
    reward.function.__globals__["ANSWERS"] = ["#### 2", "#### 3"]  # type: ignore[attr-defined]
    rows = [Problem("p", CHAT, str(n + 1), {"answer": f"#### {n + 1}", "level": n, "prompt": "x"}) for n in (1, 2)]
    assert values(reward, rows) == [1, 2]


def test_a_column_that_a_row_lacks_is_none_there_and_everywhere_where_all_of_a_round_lack_it(tmp_path: Path) -> None:
    reward = loaded(tmp_path, "def f(completions, level): return level\n")
    one, two = Problem("1", "1+1", "2", {"level": 3}), Problem("2", "2+2", "4")
    assert values(reward, [one, two]) == [3.0, None]
    assert values(reward, [two, two]) == [None, None]


def test_a_function_without_keywords_gets_what_it_takes(tmp_path: Path) -> None:
    reward = loaded(tmp_path, "def f(completions, level): return [len(c) * n for c, n in zip(completions, level)]")
    assert values(reward, [Problem("p", "?", "2", {"level": 10}), Problem("q", "?", "3", {"level": 1})]) == [160, 16]


def test_async_functions_run_together_and_on_one_loop_from_call_to_call(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import asyncio\nLOOPS = []\n"
        "async def first(completions, **kw):\n"
        "    LOOPS.append(asyncio.get_running_loop())\n"
        "    await asyncio.sleep(0)\n"
        "    return [len(c) for c in completions]\n"
        "async def second(completion, answer):\n"
        "    await asyncio.sleep(0)\n"
        "    return float(answer in completion)\n"
    )
    rewards = [load_reward(f"{tmp_path}/mine.py:{name}", {}) for name in ("first", "second")]
    for _ in range(2):
        rows = function_values(rewards, samples(PLAIN, TEXTS), {})
        assert rows == [{"first": 16, "second": 1}, {"first": 16, "second": 0}]
    first = rewards[0]
    assert isinstance(first, FunctionReward)
    loops = first.function.__globals__["LOOPS"]  # type: ignore[attr-defined]
    assert len(loops) == 2
    assert loops[0] is loops[1]


def test_samples_of_an_async_function_wait_together() -> None:
    there: list[str] = []

    async def f(completion: str, answer: str) -> float:
        there.append(answer)
        while len(there) < 2:  # alone, it would wait for ever
            await asyncio.sleep(0)
        return len(there)

    assert values(FunctionReward(f, "f"), PLAIN) == [2, 2]


def test_async_functions_work_where_a_loop_runs_already() -> None:
    async def f(completions: list[str], **columns: Any) -> list[float]:
        return [1.0, 2.0]

    async def notebook() -> list[float | None]:
        return values(FunctionReward(f, "f"), PLAIN)

    assert asyncio.run(notebook()) == [1, 2]


def test_verls_compute_score_gets_its_arguments_and_its_score_is_taken(tmp_path: Path) -> None:
    reward = loaded(
        tmp_path,
        "def f(data_source, solution_str, ground_truth, extra_info=None):\n"
        "    assert (data_source, extra_info) == (('sums', {'i': 0}) if ground_truth == '2' else (None, None))\n"
        "    return {'score': 1.0 if ground_truth in solution_str else -1.0, 'acc': True}\n",
    )
    assert reward.describe() == "verl's compute_score"
    assert values(reward, PLAIN) == [1, -1]


def test_openrlhfs_reward_func_gets_lists_of_one(tmp_path: Path) -> None:
    def f(queries: list[str], prompts: list[str], labels: list[str]) -> dict[str, Any]:
        (query,), (prompt,), (label,) = queries, prompts, labels
        return {"rewards": torch.tensor([float(label in query.removeprefix(prompt))]), "extra_logs": {}}

    reward = FunctionReward(f, "f")
    assert reward.describe() == "OpenRLHF's reward_func"
    assert values(reward, PLAIN, ["2", "2"]) == [1, 0]
    assert values(reward, CHATS, ["2", "2"]) == [1, 0]
    seen = FunctionReward(lambda queries, prompts, labels: [len(queries[0])], "seen")
    assert values(seen, PLAIN, ["", "22"]) == [5, 7]
    assert values(seen, CHATS, ["", "22"]) == [len("Think.\n\n1+1=?\n\n"), len("Think.\n\n1+1=?\n\n22")]


def test_a_rubric_function_gets_turns_where_prompts_are_chats_and_what_it_names(tmp_path: Path) -> None:
    def f(completion: Any, answer: str, state: Any, task: Any = "default", **kw: Any) -> float:
        text = completion if isinstance(completion, str) else completion[-1]["content"]
        assert (state["answer"], state["completion"], task) == (answer, completion, "default")
        assert kw["prompt"] == state["prompt"]
        return float(answer in text) + (not isinstance(completion, str))

    reward = FunctionReward(f, "f")
    assert reward.describe() == "a rubric function of verifiers"
    assert values(reward, PLAIN) == [1, 0]
    assert values(reward, CHATS) == [2, 1]


THINKING = [Sample.of(CHATS[0], "1 and 1</think>So 2.", [5, 6, 7], "<think>", True),
            Sample.of(PLAIN[1], "2 and 1 are 3", [5, 6], "<think>", False)]  # fmt: skip
"""A whole one, and one that was cut while it thought of the answer."""


def test_a_reward_function_of_verifiers_gets_the_task_and_a_trace_of_what_was_said(tmp_path: Path) -> None:
    reward = loaded(
        tmp_path,
        "async def f(task, trace):\n"
        "    assert trace.task.data is task and trace.assistant_messages == [trace.last_message]\n"
        "    *asked, said = trace.nodes\n"
        "    assert [n.message.role for n in asked] == ['system', 'user'][2 - len(asked):], asked\n"
        "    assert (sum(said.mask), len(said.token_ids)) == (trace.num_output_tokens,) * 2\n"
        "    SEEN.append((task.prompt_text, trace.task.key, trace.last_message.reasoning_content))\n"
        "    return {'right': float(task.answer in trace.last_reply), 'length': -trace.num_output_tokens / 10,\n"
        "            'cut': -float(trace.is_truncated)}\n"
        "SEEN = []\n"
        "f._vf_weight = 0.5\n",
    )
    said = [row["f"] for row in function_values([reward], THINKING, {})]
    assert said == [pytest.approx(0.5 * (1 - 0.3)), pytest.approx(0.5 * (0 - 0.2 - 1))]
    assert reward.function.__globals__["SEEN"] == [  # type: ignore[attr-defined]
        ("Think.\n\n1+1=?", "p", "1 and 1"),
        ("2+1=?", "q", "2 and 1 are 3"),
    ]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            "trace.timing.agent",
            r"it asks for `trace\.timing`, which is not known here; known: .*last_reply, .*num_output",
        ),
        (
            "getattr(task, 'level', 0)",
            r"it asks for `task\.level`, which is not known here; known: answer, .*prompt_text",
        ),
        ("trace.task.hash", r"`trace\.task\.hash`.* known: data, key"),
        ("{}", "a result without a reward: an empty dict"),
        ("{'a': None}", "TypeError"),
    ],
)
def test_what_a_trace_does_not_know_is_named_and_never_a_default(tmp_path: Path, body: str, words: str) -> None:
    reward = loaded(tmp_path, f"def f(task, trace): return {body}\n")
    with pytest.raises(UserError, match=words) as error:
        function_values([reward], THINKING[1:], {})
    assert "\n" not in str(error.value)


def test_of_a_log_without_tokens_a_trace_tells_the_length_alone(tmp_path: Path) -> None:
    one = replace(THINKING[0], token_ids=None, ended=None)
    for body, words in (
        ("len(trace.nodes[-1].token_ids)", r"`node\.token_ids`"),
        ("trace.is_truncated", "is_truncated"),
    ):
        with pytest.raises(UserError, match=words):
            function_values([loaded(tmp_path, f"def f(trace): return {body}\n")], [one], {})
    assert function_values([loaded(tmp_path, "def f(trace): return trace.num_output_tokens")], [one], {}) == [{"f": 3}]


PUBLIC = [
    ("completions, solution, log_extra=None, log_metric=None, **kwargs", "a TRL reward function", ["solution"]),
    ("completions, **kwargs", "a TRL reward function", []),
    ("prompts, completions, completion_ids, trainer_state, **kwargs", "a TRL reward function", []),
    ("prompts, completions, answer, **kwargs", "a TRL reward function", []),
    ("completions, num_parallel=2, provider_type='e2b', **kwargs", "a TRL reward function", []),
    ("self, completions, solution, **kwargs", "a TRL reward function", ["solution"]),
    ("data_source, solution_str, ground_truth, extra_info=None", "verl's compute_score", []),
    ("solution_str, ground_truth, method='strict', format_score=0.0, score=1.0", "verl's compute_score", []),
    (
        "data_source, solution_str, ground_truth, extra_info, sandbox_fusion_url=None, **kwargs",
        "verl's compute_score",
        [],
    ),
    ("predict_str, ground_truth, use_boxed=True", "verl's compute_score", []),
    ("data_sources, solution_strs, ground_truths, extra_infos, **kwargs", "verl's batched compute_score", []),
    ("predict, ground_truth, format_weight=0.1", "EasyR1's compute_score", []),
    ("queries, prompts, labels, **kwargs", "OpenRLHF's reward_func", []),
    ("prompt, completion, answer, state", "a rubric function of verifiers", []),
    ("completion, answer, info, **kwargs", "a rubric function of verifiers", []),
    ("task, trace, runtime=None", "a reward function of verifiers", []),
    ("trace", "a reward function of verifiers", []),
]
"""Parameters of public functions; what each is taken for; the columns of the data that it needs."""


@pytest.mark.parametrize(("parameters", "taken", "columns"), PUBLIC)
def test_a_public_function_is_told_by_its_parameters(
    parameters: str, taken: str, columns: list[str], tmp_path: Path
) -> None:
    many = "[1.0] * len(completions)" if "TRL" in taken else "[1.0]" if "batched" in taken or "RLHF" in taken else "1.0"
    source = f"def f({parameters}): return {many}\n"
    if parameters.startswith("self"):  # a class that ms-swift calls so
        source = f"class f:\n    def __init__(self, args=None): ...\n    def __call__({parameters}): return {many}\n"
    reward = loaded(tmp_path, source)
    assert (reward.describe(), reward.columns) == (taken, columns)
    assert values(reward, CHATS) == [1.0, 1.0]


@pytest.mark.parametrize(
    ("parameters", "missing"),
    [
        ("prompt, completions, prompt_ids, completion_ids, answer, **kwargs", "'prompt', 'prompt_ids'"),  # AReaL
        ("samples, prompts, outputs, **kwargs", "'samples', 'outputs'"),  # trlX
        ("args, sample, **kwargs", "'args', 'sample'"),  # slime
        ("completions, target, nums, **kwargs", "'target', 'nums'"),  # a column that other data has
    ],
)
def test_a_function_that_asks_for_what_no_column_holds_is_refused_before_a_run(
    parameters: str, missing: str, tmp_path: Path
) -> None:
    reward = loaded(tmp_path, f"def f({parameters}): ...")
    with pytest.raises(UserError, match=f"reward 'f' asks for {missing}, not a column of rows.jsonl"):
        reward.require(["question", "answer"], "rows.jsonl")


def test_results_of_verls_and_easyr1s_functions_are_read(tmp_path: Path) -> None:
    batched = (
        "def f(data_sources, solution_strs, ground_truths, extra_infos): return [{'score': float(ground_truths[0])}]"
    )
    assert values(loaded(tmp_path, batched), PLAIN) == [2, 3]
    easy = "def f(predict, ground_truth): return {'overall': float(ground_truth in predict), 'format': 9}"
    assert values(loaded(tmp_path, easy), PLAIN) == [1, 0]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def f(task_info, action): ...", "nobody gives task_info, action to a reward function"),
        ("def f(min_value=0.0, max_len=1000): ...", "nobody gives min_value, max_len to a reward function"),
        ("def f(text, gold): ...", "nobody gives text, gold to a reward function, which takes completions"),
        ("def f(solution_str, ground_truth, tokenizer): ...", "nobody gives tokenizer to verl's compute_score"),
        ("def f(completion, parser, **kw): ...", "nobody gives parser to a rubric function of verifiers"),
        ("def f(task, trace, runtime): ...", "nobody gives runtime to a reward function of verifiers"),
        ("def f(self, trace): ...", "nobody gives self to a reward function of verifiers"),
        ("def f(completions, /, **kw): ...", "nobody gives completions to a reward function"),
        (
            "class f:\n    name = 'f'\n    def __call__(self, group): ...",
            "too many positional arguments; a LengthReward",
        ),
    ],
)
def test_a_signature_that_nobody_fills_is_refused_naming_the_parameters(
    tmp_path: Path, source: str, words: str
) -> None:
    (tmp_path / "mine.py").write_text(source)
    with pytest.raises(UserError, match=words) as error:
        load_reward(f"{tmp_path}/mine.py:f", {})
    assert "\n" not in str(error.value)


def test_an_object_with_a_name_that_is_called_as_trl_calls_is_a_function(tmp_path: Path) -> None:
    source = "class F:\n    name = 'theirs'\n    def __call__(self, completions, **kw): return [1.0, 2.0]\n"
    reward = loaded(tmp_path, source, "F")
    assert (reward.name, values(reward, PLAIN)) == ("F", [1, 2])


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def f(completions, **kw): return [1]", "reward 'f' gave 1 numbers for 2 completions"),
        ("def f(completions, **kw): return None", "'f' gave None for 2 completions; it is to give a list of 2 numbers"),
        ("def f(completions, **kw): return 0.5", r"gave 0\.5 for 2 completions; it is to give a list of 2 numbers"),
        ("def f(completions, **kw): return '12'", "gave '12' for 2 completions; it is to give a list"),
        ("def f(completions, **kw): return ['0.5', 1]", r"'f' gave '0\.5', which is no number"),
        ("def f(completions, **kw): return [[1], [2]]", r"'f' gave \[1\], which is no number"),
        ("def f(completions, **kw):\n  yield from iter(int, 1)", "reward 'f' gave over 2 numbers for 2 completions"),
        ("def f(completions, **kw): return [1 / 0]", r"'f' raised ZeroDivisionError: division by zero \(.*mine.py:1\)"),
        ("async def f(completions, **kw):\n  return [1 / 0]", r"'f' raised ZeroDivisionError: .* \(.*mine.py:2\)"),
        ("import json\ndef f(completions, **kw):\n  json.loads('')", r"raised JSONDecodeError: .* \(.*mine.py:3\)"),
        ("def f(completions, **kw): return [float('inf'), 1]", "reward 'f' gave an infinite reward; give None"),
        ("def f(solution_str, ground_truth): return {'acc': 1}", "raised ValueError: a result without 'score': acc"),
        ("def f(queries, labels): return [1, 2]", "reward 'f' raised ValueError"),
    ],
)
def test_a_function_that_fails_is_named(tmp_path: Path, source: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        values(loaded(tmp_path, source), PLAIN)
