"""Functions that were written for other trainers: told by their parameters, called as those trainers call them.

Each judges one sample. verl's `compute_score(data_source, solution_str, ground_truth, extra_info)`, also with
`predict_str`, as earlier, or in the plural, for a batch; EasyR1's `compute_score(predict, ground_truth)`; OpenRLHF's
`reward_func(queries, prompts, labels)`, the rubric functions of verifiers, `f(completion, answer, …)`, and its reward
functions of today, `f(task, trace)`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rewards.signatures.traces import task_of, trace_of
from rewards.types import Problem, Prompt

TRL_PARAMETERS = frozenset({"prompts", "completions", "completion_ids"})
"""What TRL gives every reward function, beside the columns of the data."""


@dataclass(frozen=True)
class Sample:
    """One completion, and what is known of its problem; a judge knows the text and the gold answer alone."""

    text: str
    gold: str
    prompt: Prompt | None = None
    columns: Mapping[str, Any] = field(default_factory=dict)
    token_ids: Sequence[int] | None = None
    length: int | None = None
    """Completion tokens, which a log may have without these."""
    lead: str = ""
    """What the prompt has begun of it (`rewards.thinking`)."""
    ended: bool | None = None
    """Whether it ended by itself."""
    problem_id: str | None = None

    @classmethod
    def of(cls, problem: Problem, text: str, token_ids: Sequence[int], lead: str, ended: bool | None) -> Sample:
        """One whose tokens are known."""
        known = problem.answer, problem.prompt, problem.columns, token_ids, len(token_ids)
        return cls(text, *known, lead=lead, ended=ended, problem_id=problem.id)


@dataclass(frozen=True)
class Form:
    """The functions of one trainer: `arguments` makes what they take of a sample, `key` is their number in a dict."""

    name: str
    marks: frozenset[str]
    """The parameters that tell them."""
    arguments: Callable[[Sample], dict[str, Any]]
    key: str | None
    """None: each number of a dict is a reward, and they are added up."""

    def call(self, function: Callable[..., Any], sample: Sample, options: Mapping[str, Any] | None = None) -> Any:
        """What the function makes of a sample, or an awaitable of that; of `arguments` it gets those that it takes.

        One that is not known of this sample is left to its default, or is None where it has none.
        """
        parameters = inspect.signature(function).parameters
        known = {**self.arguments(sample), **(options or {})}
        given = {n: known[n] for n, p in parameters.items() if n in known and (known[n] is not None or needed(p))}
        if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            given |= {n: value for n, value in known.items() if value is not None}
        return function(**given)

    def score(self, value: Any) -> float | None:
        """The number in what a function gave; None: not judged. Errors: TypeError, ValueError where there is none."""
        value = value.tolist() if hasattr(value, "tolist") else value
        if isinstance(value, list | tuple):
            (value,) = value
        if isinstance(value, Mapping):
            if self.key is None and value:
                return float(sum(map(float, value.values())))
            if self.key not in value:
                named = "a reward" if self.key is None else repr(self.key)
                raise ValueError(f"a result without {named}: {', '.join(map(str, value)) or 'an empty dict'}")
            value = value[self.key]
        value = value.tolist() if hasattr(value, "tolist") else value
        if isinstance(value, list | tuple):
            (value,) = value
        return None if value is None else float(value)


def needed(parameter: inspect.Parameter) -> bool:
    """Whether a call must give it."""
    return parameter.default is parameter.empty and parameter.kind not in (
        parameter.VAR_POSITIONAL,
        parameter.VAR_KEYWORD,
    )


def required(function: Callable[..., Any]) -> list[str]:
    """The parameters that a call must give."""
    return [name for name, parameter in inspect.signature(function).parameters.items() if needed(parameter)]


def foreign(function: Callable[..., Any]) -> Form | None:
    """Whose form a function has, None where it has none of them."""
    names = set(inspect.signature(function).parameters)
    return next((form for form in FORMS if form.marks <= names), None)


def own_weight(function: Callable[..., Any]) -> float:
    """The weight that the decorator of verifiers gave a function: its scores count so many times."""
    return float(getattr(function, "_vf_weight", 1.0))


def turns(text: str) -> list[dict[str, str]]:
    """A completion as TRL and verifiers give it where the prompt is a chat."""
    return [{"role": "assistant", "content": text}]


def _verl(sample: Sample) -> dict[str, Any]:
    columns = sample.columns
    return {
        "data_source": columns.get("data_source"),
        "solution_str": sample.text,
        "ground_truth": sample.gold,
        "extra_info": columns.get("extra_info"),
    }


def _verl_older(sample: Sample) -> dict[str, Any]:
    found = _verl(sample)
    return {**found, "predict_str": found.pop("solution_str")}


def _verl_batch(sample: Sample) -> dict[str, Any]:
    """A batch of one."""
    names = {"data_sources": "data_source", "solution_strs": "solution_str", "ground_truths": "ground_truth",
             "extra_infos": "extra_info"}  # fmt: skip
    one = _verl(sample)
    return {many: [one[name]] for many, name in names.items()}


def _easyr1(sample: Sample) -> dict[str, Any]:
    return {"predict": sample.text, "ground_truth": sample.gold}


def _openrlhf(sample: Sample) -> dict[str, Any]:
    """Lists of one, as OpenRLHF gives them; a chat is its turns with blank lines between."""
    prompt = sample.prompt or ""
    text = prompt if isinstance(prompt, str) else "\n\n".join(turn["content"] for turn in prompt) + "\n\n"
    return {"queries": [text + sample.text], "prompts": [text], "labels": [sample.gold]}


def _verifiers(sample: Sample) -> dict[str, Any]:
    """Turns unless the prompt is known to be plain text; what only a trainer knows is missing where nobody does."""
    found: dict[str, Any] = {
        "completion": sample.text if isinstance(sample.prompt, str) else turns(sample.text),
        "answer": sample.gold,
    }
    if sample.prompt is None:
        return found
    found |= {"prompt": sample.prompt, "info": sample.columns.get("info"), "task": sample.columns.get("task")}
    return {**found, "state": dict(found)}


def _traced(sample: Sample) -> dict[str, Any]:
    """By name, as verifiers gives them; a `runtime`, the sandbox of an agent, is not among them."""
    task = task_of(sample.prompt, sample.gold, sample.columns)
    trace = trace_of(
        task,
        sample.prompt,
        sample.lead,
        sample.text,
        sample.token_ids,
        sample.problem_id,
        num_output_tokens=sample.length,
        is_truncated=None if sample.ended is None else not sample.ended,
    )
    return {"task": task, "trace": trace}


VERL = Form("verl's compute_score", frozenset({"solution_str", "ground_truth"}), _verl, "score")
VERL_OLDER = Form(VERL.name, frozenset({"predict_str", "ground_truth"}), _verl_older, "score")
VERL_BATCH = Form("verl's batched compute_score", frozenset({"solution_strs", "ground_truths"}), _verl_batch, "score")
EASYR1 = Form("EasyR1's compute_score", frozenset({"predict", "ground_truth"}), _easyr1, "overall")
OPENRLHF = Form("OpenRLHF's reward_func", frozenset({"queries", "labels"}), _openrlhf, "rewards")
VERIFIERS = Form("a rubric function of verifiers", frozenset({"completion"}), _verifiers, "reward")
TRACED = Form("a reward function of verifiers", frozenset({"trace"}), _traced, None)
FORMS = (VERL, VERL_OLDER, VERL_BATCH, EASYR1, OPENRLHF, VERIFIERS, TRACED)
