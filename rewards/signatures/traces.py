"""A rollout of one turn as verifiers (v1) shows it to reward functions: the task, and a trace of messages and tokens.

verifiers: github.com/PrimeIntellect-ai/verifiers, whose `Trace` holds far more: sandboxes, calls, timing. What nobody
knows here is an error that says what is known, not a default that a function would take for the truth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rewards.thinking import THINK, read
from rewards.types import Prompt


class NotKnownError(Exception):
    """What a function asked for; no AttributeError, which `getattr` with a default would pass over."""


class Known:
    """Attributes by name. Errors: NotKnownError for others."""

    def __init__(self, name: str, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # a protocol of Python's: copy, pickle
            raise AttributeError(name)
        known = ", ".join(sorted(each for each in vars(self) if not each.startswith("_")))
        raise NotKnownError(f"it asks for `{self._name}.{name}`, which is not known here; known: {known}")


@dataclass(frozen=True)
class Message:
    """One turn; a model's thinking is apart from what it says."""

    role: str
    content: str
    reasoning_content: str | None = None
    tool_calls: None = None


def task_of(prompt: Prompt | None, gold: str, columns: Mapping[str, Any]) -> Known:
    """The task's data: the columns of the data, `answer` being the gold answer; the prompt where it is known."""
    found = {name: value for name, value in columns.items() if name.isidentifier()} | {"answer": gold}
    if prompt is not None:
        turns = _turns(prompt)
        found |= {
            "prompt": prompt if isinstance(prompt, str) else turns,
            "prompt_text": "\n\n".join(turn.content for turn in turns if turn.content),
        }
    return Known("task", found)


def trace_of(
    task: Known,
    prompt: Prompt | None,
    lead: str,
    text: str,
    token_ids: Sequence[int] | None,
    key: str | None,
    **more: Any,
) -> Known:
    """The trace of a completion, with `more` attributes; what is None is not known, and not there.

    Of the prompt's tokens nothing is told, as by clients of verifiers that tokenise nothing.
    """
    asked, said = _turns(prompt or []), _assistant(lead, text)
    own = {} if token_ids is None else {"token_ids": list(token_ids), "mask": [True] * len(token_ids)}
    before = [Known("node", {"message": turn, "sampled": False, "token_ids": [], "mask": []}) for turn in asked]
    return Known(
        "trace",
        {
            "task": Known("trace.task", _there(data=task, key=key)),
            "nodes": [*before, Known("node", {"message": said, "sampled": True, **own})],
            "messages": [*asked, said],
            "assistant_messages": [said],
            "tool_messages": [],
            "last_message": said,
            "last_reply": said.content,
            "num_turns": 1,
            **_there(**more),
        },
    )


def _there(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _turns(prompt: Prompt) -> list[Message]:
    if isinstance(prompt, str):
        return [Message("user", prompt)]
    return [Message(turn["role"], turn["content"]) for turn in prompt]


def _assistant(lead: str, text: str) -> Message:
    """The model's turn, its thinking by the marks around it."""
    before, end, after = (whole := read(lead, text)).partition(THINK.end)
    if end:
        return Message("assistant", after.strip(), before.replace(THINK.begin, "", 1).strip())
    before, begin, thought = whole.partition(THINK.begin)
    return Message("assistant", before.strip(), thought.strip() if begin else None)
