"""Which groups a round trains on: all of one draw, or by dynamic sampling only such as can teach something.

Dynamic sampling (DAPO, arXiv 2503.14476, Sec. 3.2) draws until the batch is full of groups whose reward
varies. A draw asks for as many groups as are missing, divided by the share that varied lately, and never
for more than a batch. What it yields beyond the batch is kept for the next round, whole groups with their
prompts and token ids.

Such a group is a round old when it trains: its rollouts come from the weights before the last updates.
Rewards score it, and observe it, in the round that uses it, against the history as it stands then. TRL
computes old log-probs, where a round makes several updates, with the weights at the time of use, so the
importance ratio starts at 1 for an old group too and its age of one round goes uncorrected, unless the
engine's log-probs correct it (`correct_rollouts`). It cannot be older, rounds sampled ahead apart: less
than a batch is left over, and the next round uses all of it before it draws. A group whose budget the
schedule has changed meanwhile does not train: it is dropped and counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from curricula.schedule import Parts
from rewards import Group, Problem, Rollout, Verdict
from rewards.compact import log_probs, token_ids
from rl.errors import UserError
from rl.rounds.round import Filled, Sampled, ScoredGroup, spans


class RoundSampling:
    """Fills rounds of `wanted` groups in at most `most_draws` draws each.

    Its state is what a checkpoint keeps: the leftovers and the running acceptance rate. All of it
    follows from gathered rollouts, so it is the same on every rank.
    """

    def __init__(self, wanted: int, most_draws: int) -> None:
        self.wanted, self.most_draws = wanted, most_draws
        self.acceptance = Acceptance()
        self.leftover: list[Sampled] = []

    def fill(
        self,
        draw: Callable[[int, int], Sequence[Sampled]],
        score: Callable[[Sequence[Sampled]], Sequence[ScoredGroup]],
        useful: Callable[[ScoredGroup], bool],
        in_force: Callable[[Sampled], bool],
        last: bool = False,
    ) -> Filled:
        """One round. `draw(count, attempt)` samples fresh groups; `in_force` says whether a group's budget is.

        The `last` round of a run keeps nothing back: what is over counts as dropped.
        """
        old = score([group for group in self.leftover if in_force(group)])
        stale = score([group for group in self.leftover if not in_force(group)])
        kept = [group for group in old if useful(group)]
        flat = [group for group in old if not useful(group)]
        reused = len(kept)
        drawn: list[ScoredGroup] = []
        draws = 0
        while len(kept) < self.wanted and draws < self.most_draws:
            count = self.acceptance.groups_for(self.wanted - len(kept), self.wanted)
            found = score(draw(count, draws))
            good = [group for group in found if useful(group)]
            self.acceptance.see(len(good), len(found))
            # Fresh ones first: if the batch must be filled with flat groups, then with those.
            flat = [*[group for group in found if not useful(group)], *flat]
            kept += good
            drawn += found
            draws += 1
        unfilled = max(0, self.wanted - len(kept))
        batch, over = kept[: self.wanted] + flat[:unfilled], kept[self.wanted :]
        self.leftover = [] if last else [group.sampled for group in over]
        return Filled(
            batch=batch,
            dropped=[*flat[unfilled:], *stale, *(over if last else [])],
            drawn=drawn,
            draws=draws,
            varied=len(kept) - reused,
            unfilled=unfilled,
            reused=reused,
            stale=len(stale),
            leftover=len(self.leftover),
            acceptance=self.acceptance.rate,
        )

    def state_dict(self) -> dict[str, Any]:
        """Plain JSON; problems by their id."""
        return {
            "acceptance": [self.acceptance.useful, self.acceptance.drawn],
            "leftover": [_plain(group) for group in self.leftover],
        }

    def load_state_dict(self, state: Mapping[str, Any], problems: Sequence[Problem]) -> None:
        """Errors: UserError where a leftover's problem is not among `problems`."""
        known = {problem.id: problem for problem in problems}
        for group in state["leftover"]:
            if group["problem"] not in known:
                raise UserError(
                    f"the checkpoint holds rollouts of problem {group['problem']}, which data.train no longer has; "
                    "restore the data, or start over with --overwrite"
                )
        self.acceptance.useful, self.acceptance.drawn = state["acceptance"]
        self.leftover = [_sampled(group, known[group["problem"]]) for group in state["leftover"]]


class Acceptance:
    """The share of drawn groups that vary, over all draws, each counting `DECAY` times as much as the next."""

    DECAY = 0.8

    def __init__(self) -> None:
        # Nothing is known yet: as if one group had been drawn, and it had varied.
        self.useful = self.drawn = 1.0

    @property
    def rate(self) -> float:
        """In [0, 1]."""
        return self.useful / self.drawn

    def see(self, useful: int, drawn: int) -> None:
        self.useful = self.DECAY * self.useful + useful
        self.drawn = self.DECAY * self.drawn + drawn

    def groups_for(self, missing: int, most: int) -> int:
        """How many groups to draw for `missing` that vary: at least those, at most `most`."""
        return most if missing >= most * self.rate else math.ceil(missing / self.rate)


def _plain(sampled: Sampled) -> dict[str, Any]:
    rollouts = []
    for r in sampled.group.rollouts:
        ids = {name: token_ids(getattr(r, name)).written for name in ("token_ids", "ends")}
        rollouts.append({**vars(r), **ids, "logprobs": log_probs(r.logprobs).written})
    problem = sampled.group.problem
    return {
        "problem": problem.id,
        "prompt": problem.prompt,
        "budget": sampled.budget,
        "parts": sampled.parts,
        "step": sampled.step,
        "rollouts": rollouts,
    }


def _sampled(plain: Mapping[str, Any], problem: Problem) -> Sampled:
    rollouts = [
        Rollout(
            **{
                **r,
                "verdict": Verdict(r["verdict"]),
                "token_ids": token_ids(r["token_ids"]),
                "logprobs": log_probs(r["logprobs"]),
                "ends": token_ids(r.get("ends", "")),
                "forced": spans(r.get("forced", ())),
                "masked": spans(r.get("masked", ())),
                "segments": spans(r.get("segments", ())),
            }
        )
        for r in plain["rollouts"]
    ]
    group = Group(replace(problem, prompt=plain["prompt"]), tuple(rollouts))
    parts = plain.get("parts")
    return Sampled(group, plain["budget"], plain["step"], parts and Parts(*parts))
