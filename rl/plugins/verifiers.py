"""Verifiers as a run calls them: verdicts with errors named, aliases counted; and what a verdict is worth."""

from __future__ import annotations

from collections.abc import Sequence

from rewards import Problem, Verdict
from rewards.verifier import Isolated, Verifier
from rl.errors import UserError
from rl.plugins.blame import name_of
from rl.plugins.guard import counted, guarded


def judge(verifier: Verifier, answers: Sequence[str], texts: Sequence[str]) -> list[Verdict]:
    """One verdict a completion. Errors: UserError naming a verifier that raises or miscounts."""
    with guarded(verifier, "verifier", timed=not isinstance(verifier, Isolated)):
        said = verifier.judge(list(answers), list(texts))
        given = counted(verifier, said, len(texts), "verdicts", "completions", "verifier")
        try:
            return [Verdict(verdict) for verdict in given]
        except ValueError as error:
            known = ", ".join(Verdict)
            raise UserError(f"verifier {name_of(verifier)!r}: {error}; the verdicts are {known}") from error


def judge_problems(verifier: Verifier, problems: Sequence[Problem], texts: Sequence[str]) -> list[Verdict]:
    """One verdict a completion, aliases of its problem's answer counted where the verifier takes them."""
    verdicts = judge(verifier, [problem.answer for problem in problems], texts)
    if not getattr(verifier, "takes_aliases", False):
        return verdicts
    wrong = [place for place, verdict in enumerate(verdicts) if verdict is Verdict.WRONG]
    asked = [(place, alias) for place in wrong for alias in problems[place].golds[1:]]
    found = judge(verifier, [alias for _, alias in asked], [texts[place] for place, _ in asked])
    for (place, _), verdict in zip(asked, found, strict=True):
        if verdict is Verdict.CORRECT:
            verdicts[place] = verdict
    return verdicts


def readable(verifier: Verifier, answers: Sequence[str]) -> list[bool]:
    """Which gold answers somebody could be right by. Errors: UserError naming a verifier that raises."""
    with guarded(verifier, "verifier", timed=not isinstance(verifier, Isolated)):
        return counted(verifier, verifier.readable(list(answers)), len(answers), "bools", "gold answers", "verifier")


def raw_reward(verdict: Verdict, stop: str, truncated: str) -> float | None:
    """Correctness before shaping; a rollout cut at its budget counts by the rule `truncated`."""
    if verdict.worth is None:
        return None
    return 0.0 if stop == "length" and truncated == "wrong" else verdict.worth
