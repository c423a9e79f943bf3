"""A run that has lost all its rollout workers: it says so, saves itself, waits for one, and ends if none comes."""

from __future__ import annotations

import pickle
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from accelerate.utils import broadcast_object_list, gather_object
from transformers import PreTrainedModel

from rewards import History
from rl.errors import UserError
from rl.folders import checkpoints
from rl.problems.sampler import ProblemSampler
from rl.rollouts import Completion, Engine
from rl.rollouts.workers.engine import NoWorkers, Pending, WorkersEngine
from rl.rounds.ahead import Ahead, Planned
from rl.rounds.sampling import RoundSampling
from rl.trainer.signals import Signals
from rl.updates.packed import PackedGRPOTrainer

GLANCE = 2.0
"""Seconds between two looks, while no worker serves, at whether the run was told to end."""


@dataclass(frozen=True)
class Moment:
    """What the making of a round changes before it is made."""

    sampler: dict[str, int]
    acceptance: tuple[float, float]
    history: bytes
    planned: list[Planned]


class WaitingTrainer(PackedGRPOTrainer):
    """Waits for rollouts so that all ranks do the same about it."""

    engine: Engine
    history: History
    sampler: ProblemSampler
    sampling: RoundSampling
    ahead: Ahead
    signals: Signals

    def weights_to_send(self) -> AbstractContextManager[PreTrainedModel]:
        raise NotImplementedError

    def _wait(self, pending: Pending) -> list[Completion]:
        """This rank's completions, once every rank has its own. Errors: UserError on all of them, if on one."""
        engine = self.engine
        assert isinstance(engine, WorkersEngine)
        completions, trouble = self._try(pending, engine.patience)
        if trouble is not None:
            saved = self._save_as_round_began()
            engine.offer_files(self.weights_to_send)
            self._say(f"{trouble}; {saved}; the run waits for one for {engine.minutes:g} minutes")
            patience, most = engine.patience, 60 * engine.minutes
            while trouble is not None and patience < most:
                patience = min(patience + GLANCE, most)
                completions, trouble = self._try(pending, patience)
                if trouble is not None:
                    self.signals.end_if_told()
            if trouble is not None:
                raise UserError(
                    f"{trouble}, for {engine.minutes:g} minutes; {saved}; start workers, and the same command again"
                )
        return completions

    def _try(self, pending: Pending, patience: float) -> tuple[list[Completion], str | None]:
        """This rank's completions, or why one rank does not have its own: the same on all ranks."""
        completions: list[Completion] = []
        wrong, missing = None, None
        try:
            completions = self.engine.finish(pending, patience)  # type: ignore[attr-defined]
        except NoWorkers as error:
            missing = str(error)
        except UserError as error:
            wrong = str(error)
        ranks = gather_object([(wrong, missing)])
        if first := next((each for each, _ in ranks if each), None):
            raise UserError(first)
        return completions, next((each for _, each in ranks if each), None)

    def _say(self, line: str) -> None:
        if self.accelerator.is_main_process:
            print(line, file=sys.stderr, flush=True)

    def _mark_round(self) -> None:
        """To be called before a round is made: a checkpoint while it is being made is of the run as it is now."""
        self._began = self._moment()

    def _moment(self) -> Moment:
        acceptance = self.sampling.acceptance
        return Moment(
            self.sampler.state_dict(),
            (acceptance.useful, acceptance.drawn),
            pickle.dumps(self.history.state_dict()),
            list(self.ahead.planned),
        )

    def _put_back(self, moment: Moment) -> None:
        self.sampler.load_state_dict(moment.sampler)
        self.sampling.acceptance.useful, self.sampling.acceptance.drawn = moment.acceptance
        self.history.load_state_dict(pickle.loads(moment.history))
        self.ahead.planned.clear()
        self.ahead.planned.extend(moment.planned)

    def _save_as_round_began(self) -> str:
        """Save a checkpoint of the run before its current round; say in words what came of it."""
        step = self.state.global_step
        if step == 0:
            return "nothing is trained yet"
        place = Path(self._get_output_dir(trial=None)) / f"checkpoint-{step}"
        whole = [checkpoints.fault(place) is None]
        broadcast_object_list(whole)
        if not whole[0]:
            now = self._moment()
            self._put_back(self._began)
            try:
                self._save_checkpoint(self.model, None)
            finally:
                self._put_back(now)
        return f"the run is saved as {place}"
