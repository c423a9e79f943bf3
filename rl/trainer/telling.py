"""What a trainer says of a round: its figures to the log, alarms to whoever watches, the round to its run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from statistics import fmean
from typing import Any

import numpy as np

from rl.recipe.config import LengthGRPOConfig
from rl.rounds.metrics import partial_metrics, round_metrics, worker_metrics
from rl.rounds.round import Round
from rl.terminal import say
from rl.trainer.alarms import Alarms
from rl.updates import by_token


def print_alarm(step: int, alarm: str) -> None:
    """A line on standard error."""
    say(f"alarm: {alarm}", error=True)


class Teller:
    """`on_round` gets every round and `on_alarm` every alarm with its step, on the main process.

    Without another `on_alarm`, alarms are printed.
    """

    def __init__(self, trainer: Any, args: LengthGRPOConfig, on_round: Callable[[Round], None] | None) -> None:
        self.trainer, self.on_round = trainer, on_round
        self.on_alarm: Callable[[int, str], None] = print_alarm
        self.alarms = Alarms(args, trainer.reward_func_names)

    def tell(self, round_: Round, batches: Iterable[dict[str, Any]]) -> None:
        """`batches` are what this rank trains on, with TRL's old log-probs where it made some."""
        trainer = self.trainer
        figures = round_metrics(round_, trainer.rounds.history)
        figures |= worker_metrics(round_, trainer.engine, trainer.args.round_steps)
        under_way = trainer.rounds.under_way
        figures |= partial_metrics(round_, under_way, trainer.args.round_steps)
        figures |= credit_metrics(round_)
        for name, value in figures.items():
            trainer._metrics["train"][name].append(value)
        trainer._logs["advantages"].clear()
        trainer._logs["advantages"].extend(round_.advantages.tolist())
        alarms = self.alarms.see(round_)
        if under_way is not None:
            alarms += self.alarms.see_lengths(under_way.lengths.gap(), figures["rollouts/abandoned"])
        if trainer.wants_logprobs(round_.step):
            alarms += self.alarms.compare(round_, batches)
        if not trainer.accelerator.is_main_process:
            return
        self._say(round_.step, alarms)
        if self.on_round is not None:
            self.on_round(round_)

    def tell_update(self) -> None:
        """An update's losses are there; the first one's KL term is of weights that have not moved."""
        trainer = self.trainer
        kl = trainer._metrics["train"].get("kl")
        if kl and trainer.state.global_step == 0 and trainer.accelerator.sync_gradients:
            alarms = self.alarms.see_kl(fmean(kl))
            if trainer.accelerator.is_main_process:
                self._say(0, alarms)

    def _say(self, step: int, alarms: Iterable[str]) -> None:
        for alarm in alarms:
            self.on_alarm(step, alarm)


def credit_metrics(round_: Round) -> dict[str, float]:
    """The share of the tokens in the loss that have another advantage than their rollout; none without credit."""
    if round_.credits is None:
        return {}
    tokens, other = 0, 0
    for rollout, own, credit in zip(round_.rollouts(), round_.advantages.tolist(), round_.credits, strict=True):
        trained = by_token.trained(rollout.length, rollout.masked)
        tokens += trained.sum()
        if credit is not None:
            other += trained[np.asarray(credit, dtype=np.float32) != np.float32(own)].sum()
    return {"credit/tokens": float(other / tokens) if tokens else math.nan}
