"""Options that several commands have, each said once; `spread` lets a command take a group of them as one object."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, is_dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer

from rl.errors import UserError

if TYPE_CHECKING:
    from rl.elsewhere.completed import Told

Json = Annotated[Path | None, typer.Option("--json", help="Write the numbers to this file.")]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="An option of it; repeatable.")]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column", metavar="ROLE=PATH", help="problem=, answer= or choices= with a name or path; repeatable."
    ),
]
RolloutFile = Annotated[
    Path, typer.Option("--rollouts", metavar="FILE", help="Logged rollouts: JSON lines, a run, or another tool's log.")
]
LogCap = Annotated[
    int | None,
    typer.Option("--cap", min=1, help="Tokens that rollouts could have: as long means cut, in a log without stops."),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bar.")]
RunOut = Annotated[Path | None, typer.Option(help="The run's folder; runs/<name> by default.")]
Overrides = Annotated[list[str] | None, typer.Argument(help="Overrides of the recipe, as part.key=value.")]
Dtype = Literal["float32", "bfloat16", "float16"]
KeyVariable = Annotated[
    str | None, typer.Option("--api-key-env", metavar="NAME", help="Environment variable with the servers' key.")
]
AllowedHosts = Annotated[
    list[str] | None,
    typer.Option("--allow-host", metavar="HOST", help="Send the key there, too; repeatable."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Start again, deleting what is there.")]


@dataclass(frozen=True)
class LogOptions:
    """What a log of another tool does not say itself."""

    log: Annotated[
        str | None, typer.Option("--format", help="Whose log it is: verl, trl, lm-eval, …; by its columns by default.")
    ] = None
    tokenizer: Annotated[
        str | None,
        typer.Option(help="Of a log without lengths: what counts them. A folder, tokenizer.json or hub name."),
    ] = None
    verdict: Annotated[
        str | None, typer.Option(help="Which of a log's rewards or metrics says what is right, where it has several.")
    ] = None
    above: Annotated[
        float | None, typer.Option(help="A rollout is right above this score, where scores are not 0 or ±1.")
    ] = None
    golds: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Of a log without verdicts: lines with custom_id and answer.")
    ] = None

    def told(self, cap: int | None) -> Told:
        """With the cap that the command was given."""
        from rl.elsewhere.completed import Told

        return Told(self.log, self.tokenizer, self.verdict, self.above, cap, self.golds)


_WORDS = {
    "`data` in the recipe": "{}",
    "map it under `columns`": "map it by --column",
    "are `columns` and `verifier` right": "are --column and --verifier right",
}
"""What is said of a recipe's parts, and what it is of a command's options; {}: the one that names the data."""


@contextmanager
def said_of(data: str) -> Iterator[None]:
    """Have errors name a command's options in the place of the parts of a recipe; `data` is the one with the data."""
    try:
        yield
    except UserError as error:
        said = str(error)
        for part, option in _WORDS.items():
            said = said.replace(part, option.format(data))
        raise type(error)(said) from None


def token_counts(counts: str | None, option: str = "--caps") -> tuple[int, ...] | None:
    """The value of an option such as `--caps`. Errors: UserError."""
    if counts is None:
        return None
    try:
        return tuple(int(part) for part in counts.split(","))
    except ValueError:
        raise UserError(f"{option} must be numbers of tokens as 2048,4096, not {counts!r}") from None


def named_counts(counts: str | None, option: str) -> tuple[tuple[int, ...] | None, tuple[str, ...] | None]:
    """Counts as of `token_counts`, and their names where some have one: `low=512,high=2048`. Errors: UserError."""
    if counts is None:
        return None, None
    pairs = [part.rpartition("=") for part in counts.split(",")]
    names = tuple(name.strip() for name, _, _ in pairs)
    return token_counts(",".join(count for _, _, count in pairs), option), names if any(names) else None


def mapped(columns: list[str]) -> dict[str, str]:
    """The values of an option `--column`. Errors: UserError."""
    found = {}
    for column in columns:
        role, sign, name = column.partition("=")
        if role not in ("problem", "answer", "choices") or not sign or not name:
            raise UserError(f"--column must be problem=NAME, answer=NAME or choices=NAME, not {column!r}")
        found[role] = name
    return found


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """A command for typer, with the fields of its parameters that are dataclasses as options in their place.

    A field says what a parameter would: its type, as `Annotated[…, typer.Option(…)]`, and its default.
    """

    @wraps(command)
    def spread_out(**given: Any) -> None:
        _gather(command, given)

    vars(spread_out)["__signature__"] = inspect.Signature(list(_options(command)))
    return spread_out


def _options(taker: Callable[..., Any]) -> Iterator[inspect.Parameter]:
    """What a function or a dataclass takes, that of dataclasses in their place."""
    hints = get_type_hints(taker, include_extras=True)
    for name, parameter in inspect.signature(taker).parameters.items():
        if is_dataclass(hints[name]):
            yield from _options(hints[name])
        else:
            # By keyword: there an option with a default may stand before one without.
            yield parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)


def _gather(taker: Callable[..., Any], given: dict[str, Any]) -> Any:
    """Call a function or a dataclass with its own of the given options, dataclasses made of theirs."""
    hints = get_type_hints(taker)
    own = inspect.signature(taker).parameters
    return taker(**{n: _gather(hints[n], given) if is_dataclass(hints[n]) else given[n] for n in own})
