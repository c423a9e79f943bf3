"""Half a minute of the real run on this machine: how fast it samples and trains, how long its rollouts are.

The rounds are the recipe's own, with its model, engine and batch, in a folder that is deleted after. Their updates
change nothing (learning rate 0), so lengths and kept groups are those of the model that the run will start from.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from rl.estimates import Rates, Shape
from rl.estimates.compute import Passes, training_flops
from rl.estimates.estimate import passes_of
from rl.estimates.rollouts import mean_cap
from rl.folders.run import RunFolder
from rl.rounds.round import Round
from rl.run.prepare import Prepared, prepare
from rl.run.probe import probed
from rl.run.room import fitted_here
from rl.run.train import build_trainer
from rl.scratch import Scratch

SECONDS = 30.0
"""After which no further round is begun; the first, which warms up, is not timed where there is a second."""


@dataclass(frozen=True)
class Timed:
    """One round and its updates."""

    sampling: float
    """Seconds until the round was there, judging and old log-probs included."""
    updates: float
    """Seconds in its updates."""
    lengths: list[int]
    """Of all rollouts sampled, as edits left them, in tokens."""
    tokens: int
    """That were sampled for them."""
    trained: list[int]
    """Of those that train."""
    kept: float
    """Share of the drawn groups that vary."""


@dataclass(frozen=True)
class Calibration:
    """What the rounds came to."""

    rates: Rates
    rounds: int
    mean_length: float

    def describe(self) -> str:
        rates = self.rates
        return (
            f"calibrated {self.rounds} round{'s' * (self.rounds > 1)} here: {rates.tokens_per_second:.0f} tokens/s "
            f"sampled, {rates.tflops:.3g} TFLOP/s trained, rollouts of {self.mean_length:.0f} tokens "
            f"({rates.length_share:.0%} of their budget), {rates.kept:.0%} of groups kept"
        )


@dataclass
class _Clock(TrainerCallback):  # type: ignore[misc]
    """Times rounds from step to step, and ends training when its time is up."""

    round_steps: int
    until: float
    rounds: list[Timed] = field(default_factory=list)
    began: float = 0.0
    sampled: float = 0.0
    updates: float = 0.0
    round: Round | None = None

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.began = time.perf_counter()

    def on_round(self, round_: Round) -> None:
        now = time.perf_counter()
        self.round, self.sampled, self.began = round_, now - self.began, now

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        now = time.perf_counter()
        self.updates += now - self.began
        if state.global_step % self.round_steps == 0 and self.round is not None:
            drawn = [rollout.length for scored in self.round.drawn for rollout in scored.group.rollouts]
            trained = [rollout.length for rollout in self.round.rollouts()]
            kept = self.round.varied / max(1, len(self.round.drawn))
            self.rounds.append(Timed(self.sampled, self.updates, drawn, self.round.tokens, trained, kept))
            self.updates = 0.0
            control.should_training_stop = now > self.until


def calibrate(prepared: Prepared, shape: Shape, prompt: float, seconds: float | None = None) -> Calibration:
    """Train for about so many seconds, at least one round; `prompt` is the mean prompt in tokens."""
    with Scratch("calibrate") as folder:
        settings = {**prepared.recipe.trainer, "save_strategy": "no", "report_to": [], "learning_rate": 1e-12}
        recipe = replace(prepared.recipe, trainer=settings)
        run = RunFolder(Path(folder) / "run")
        own = probed(fitted_here(prepare(recipe, run.path), anyway=True), run)
        trainer = build_trainer(own, run)
        clock = _Clock(own.config.round_steps, time.perf_counter() + (SECONDS if seconds is None else seconds))
        trainer.teller.on_round = clock.on_round
        trainer.add_callback(clock)
        try:
            trainer.train()
        finally:
            trainer.engine.close()
    return _calibration(clock.rounds, own, shape, passes_of(own.config), prompt)


def _calibration(rounds: list[Timed], own: Prepared, shape: Shape, passes: Passes, prompt: float) -> Calibration:
    timed = rounds[1:] or rounds
    lengths = [length for each in rounds for length in each.lengths]
    flops = sum(training_flops(shape, prompt, length, passes) for each in timed for length in each.trained)
    share = fmean(lengths) / mean_cap(own.budgets, 0)
    kept = fmean(each.kept for each in rounds)
    rates = Rates(
        tokens_per_second=sum(each.tokens for each in timed) / sum(each.sampling for each in timed),
        tflops=flops / sum(each.updates for each in timed) / 1e12,
        length_share=min(1.0, share),
        kept=max(kept, 1e-3),
    )
    return Calibration(rates, len(rounds), fmean(lengths))
