"""What the papers claim, and what the results say of it: every sentence rests on a difference with its interval."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from experiments.study.contrasts import Difference, Expected
from experiments.study.measured import Measured
from rl.errors import UserError
from rl.recipe.files import load_yaml

_STRICT = ConfigDict(extra="forbid")
UNITS = {"accuracy": "points", "tokens": "tokens", "stretch": "points"}
HELD, NOT_HELD, OPEN, MISSING = "held", "not held", "cannot tell", "not run yet"


@dataclass(frozen=True)
class Test:
    """One comparison that bears on a claim."""

    __pydantic_config__ = _STRICT
    __test__ = False
    plus: list[str]
    minus: list[str]
    metric: Literal["accuracy", "tokens", "stretch"]
    expect: Expected
    margin: float = 0.0
    """For `same` and `not less`."""

    def difference(self, measured: Measured) -> Difference | None:
        return measured.difference(self.plus, self.minus, self.metric)

    def sentence(self, measured: Measured, found: Difference) -> str:
        """Who is compared, by how much they differ, and what that says."""
        plus, minus = (_joined([measured.label(arm) for arm in arms]) for arms in (self.plus, self.minus))
        unit = UNITS[self.metric]
        few = "; one seed: over problems only" if found.few else ""
        interval = f"{found.mean:+.1f} {unit} (95 % interval {found.low:+.1f} to {found.high:+.1f}{few})"
        asked = self.expect + (f", to within {self.margin:g} {unit}" if self.expect in ("same", "not less") else "")
        verdict = {"held": "yes", "not held": "no, the opposite", "open": "cannot tell"}
        return (
            f"{self.metric.capitalize()} of {plus} less that of {minus}: {interval}. Expected {asked}: "
            f"{verdict[found.verdict(self.expect, self.margin)]}."
        )


@dataclass(frozen=True)
class Finding:
    """A claim, what was found of it, and the evidence."""

    claim: Claim
    verdict: str
    evidence: list[str]


@dataclass(frozen=True)
class Claim:
    """What a paper says, in our words."""

    __pydantic_config__ = _STRICT
    paper: str
    claim: str
    tests: list[Test] = field(default_factory=list)

    def found(self, measured: Measured) -> Finding:
        """Held, if every test is; not held, if one shows the opposite; else it cannot be told."""
        known = [(test, d) for test in self.tests if (d := test.difference(measured)) is not None]
        verdicts = {d.verdict(test.expect, test.margin) for test, d in known}
        if len(known) < len(self.tests):
            verdict = MISSING
        elif "not held" in verdicts:
            verdict = NOT_HELD
        else:
            verdict = OPEN if "open" in verdicts else HELD
        return Finding(self, verdict, [test.sentence(measured, d) for test, d in known])


def read_claims(path: Path) -> list[Claim]:
    """Errors: UserError naming the place."""
    try:
        return TypeAdapter(list[Claim]).validate_python(load_yaml(path.read_text()))
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _joined(labels: list[str]) -> str:
    return labels[0] if len(labels) == 1 else "the mean of " + ", ".join(labels)
