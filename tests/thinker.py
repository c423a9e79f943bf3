"""An engine of chance that thinks before it answers, and makers of rounds by it."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

from curricula import Constant
from rewards import Problem
from rewards.compact import log_probs
from rewards.correct import Correct
from rewards.types import Prompt
from rewards.verifier.exact import ExactMatch
from rl.rollouts import Ask, Completion
from rl.rounds.asking import Asker, Forcing
from rl.rounds.budgets import Budgets
from rl.rounds.editing import extra_of
from rl.rounds.maker import RoundMaker, RoundSettings

PROBLEMS = [Problem(str(number), f"Say 1 ({number}).", "1") for number in range(8)]
END, EOS = 90, 91
"""Token ids; below them each is its own character, 1 and 2 are answers."""


class Thinker:
    """Thinks in letters, ends it, says 1 or 2, and ends; what it is asked to begin with counts as said."""

    def __init__(self, right: float = 0.6, longest: int = 30) -> None:
        self.right, self.longest = right, longest
        self.asked: list[Ask] = []

    def generate(self, asks: Sequence[Ask]) -> list[Completion]:
        self.asked += asks
        return [self._one(ask) for ask in asks]

    def _one(self, ask: Ask) -> Completion:
        draw = random.Random(ask.seed)
        begun = list(ask.prefix)
        own = [] if END in begun else [*[7] * draw.randint(1, self.longest), END]
        ids = [*begun, *own, 1 if draw.random() < self.right else 2, EOS][: ask.budget]
        drawn = [math.nan] * len(begun) + [-draw.random() for _ in ids[len(begun) :]]
        forced = ((0, len(begun)),) if begun else ()
        stop = "eos" if ids[-1] == EOS else "length"
        return Completion(tuple(ids), stop, log_probs(drawn) if ask.logprobs else (), 0, forced)  # type: ignore[arg-type]


def encode(prompts: Sequence[Prompt]) -> list[list[int]]:
    return [[ord(sign) for sign in str(prompt)] for prompt in prompts]


def spell(text: str) -> list[int]:
    """Forced text in token ids."""
    return [END if sign == "|" else ord(sign) for sign in text.replace("</think>", "|")]


def decode(completions: Sequence[Completion]) -> list[str]:
    def say(ids: Sequence[int]) -> str:
        return "".join({END: "</think>", EOS: "", 1: r"\boxed{1}", 2: r"\boxed{2}"}.get(id, "t") for id in ids)

    return [say(each.token_ids) for each in completions]


def thoughts(completions: Sequence[Completion], leads: Sequence[str], texts: Sequence[str]) -> list[int]:
    return [list(c.token_ids).index(END) + 1 if END in c.token_ids else 0 for c in completions]


def maker(engine: Thinker, budgets: Budgets | None = None, size: int = 4, **given: Any) -> RoundMaker:
    asker = Asker(engine, encode, eos_ids=[EOS], logprobs=lambda step: True, forcing=Forcing(spell, ((END,),), (END,)))
    settings = RoundSettings(groups=3, size=size)
    rewards = given.pop("rewards", [Correct()])
    budgets = budgets or Budgets(Constant(40), extra=extra_of(given.get("edits", ())))
    return RoundMaker(PROBLEMS, rewards, budgets, ExactMatch(), asker, decode, settings, thoughts=thoughts, **given)
