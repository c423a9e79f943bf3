"""What a trainer tells of its rollouts, and what it gets back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

from rewards import Group
from rewards.types import Prompt, Values
from rl.errors import UserError


@dataclass(frozen=True)
class Said:
    """One completion."""

    token_ids: Sequence[int]
    """The model's own, EOS among them; not those that an environment put between."""
    ended: bool
    """Whether it ended by itself; else it was cut."""
    text: str | None = None
    """None: decoded from the tokens."""
    failed: bool = False
    """Whether the trainer gave it up: nobody judges it."""
    correct: bool | None = None
    """The trainer's own verdict, where there is no gold answer to judge by."""

    def __post_init__(self) -> None:
        """Errors: UserError for what are no token ids, or is no text."""
        _require_ids(self.token_ids, "a rollout's tokens")
        if not isinstance(self.text, str | None):
            raise UserError(f"a rollout's text must be one, not {str(self.text)[:60]!r}")


@dataclass(frozen=True)
class Told:
    """One visit of a problem."""

    prompt: Prompt
    answer: Any
    """The gold answer as it stands in the data; None where completions come with verdicts."""
    said: Sequence[Said]
    columns: Mapping[str, Any] = field(default_factory=dict)
    prompt_ids: Sequence[int] | None = None
    """The prompt as the model saw it; None: made by the tokenizer's chat template."""

    def __post_init__(self) -> None:
        """Errors: UserError for what is no prompt."""
        if self.prompt_ids is not None:
            _require_ids(self.prompt_ids, "a prompt's tokens")
        if not (isinstance(self.prompt, str) or _turns(self.prompt)):
            raise UserError(f"a prompt must be a text, or turns with role and content, not {str(self.prompt)[:60]!r}")
        said = [self.prompt] if isinstance(self.prompt, str) else [str(turn["content"]) for turn in self.prompt]
        try:
            "".join(said).encode()
        except UnicodeEncodeError as error:
            raise UserError(f"a prompt is no Unicode text: {ascii(said)[:60]}") from error

    @property
    def judged(self) -> bool:
        """Whether its completions come with verdicts."""
        return any(one.correct is not None for one in self.said)


def _require_ids(ids: Sequence[int], what: str) -> None:
    if isinstance(ids, str) or not isinstance(ids, Sequence):
        raise UserError(f"{what} must be a list of token ids, not {str(ids)[:60]!r}")
    if ids and not (all(isinstance(id, Integral) for id in ids) and min(ids) >= 0):
        raise UserError(f"{what} must be token ids, whole numbers from 0, not {str(list(ids[:9]))[:60]}")


def _turns(prompt: Any) -> bool:
    return (
        isinstance(prompt, list)
        and bool(prompt)
        and all(isinstance(turn, Mapping) and {"role", "content"} <= turn.keys() for turn in prompt)
    )


@dataclass(frozen=True)
class Result:
    """What one rollout is given."""

    reward: float
    correct: float
    length: int
    """Tokens."""
    judged: bool


@dataclass(frozen=True)
class Scored:
    """A group with its rewards."""

    group: Group
    terms: list[Values]
    """One list a reward, one number a rollout."""
    totals: Values
    """Their weighted sums; None: not judged."""

    @property
    def filled(self) -> list[float]:
        """The sums as a trainer can take them that knows no "not judged"."""
        return filled(self.totals)

    @property
    def correct(self) -> list[float]:
        """The raw rewards, likewise."""
        return filled([rollout.raw_reward for rollout in self.group.rollouts])

    @property
    def unjudged(self) -> int:
        return self.totals.count(None)

    @property
    def results(self) -> list[Result]:
        """One a rollout."""
        return [
            Result(reward, correct, rollout.length, total is not None)
            for reward, correct, rollout, total in zip(
                self.filled, self.correct, self.group.rollouts, self.totals, strict=True
            )
        ]


def filled(values: Values) -> list[float]:
    """Numbers, those that nobody judged replaced by the mean of the judged, or by 0 where nobody could be.

    A NaN would spread over the group, and 0 count as a wrong answer's.
    """
    judged = [value for value in values if value is not None]
    mean = sum(judged) / len(judged) if judged else 0.0
    return [mean if value is None else value for value in values]
