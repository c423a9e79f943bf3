"""The engine that samples by any number of servers over HTTP."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, FIRST_EXCEPTION, Future, wait
from pathlib import Path

from accelerate.utils import broadcast_object_list
from transformers import PreTrainedModel

from rl.errors import UserError
from rl.ranks import is_main_process, launched
from rl.rollouts.ask import Ask, Completion
from rl.rollouts.engine import Engine, Health, Weights
from rl.rollouts.partial import Enough, PartialRollout
from rl.rollouts.weights import checkpoint_tensors, clear_weights, folder_of, is_adapter, write_weights
from rl.rollouts.workers.channels import Channels
from rl.rollouts.workers.pool import Pool
from rl.rollouts.workers.spread import Limits
from rl.rollouts.workers.worker import Source, Timing, Worker
from rl.scratch import Scratch
from rl.terminal import say

PATIENCE = 5.0
POLL = 0.2
"""Seconds between two looks at whether anybody serves."""
KEPT = 2
"""Folders of weights: the current ones, and those before, which a slow worker may still be reading."""

Pending = Sequence[Future[Completion]]
"""Rollouts that were asked for, in the order of their asks."""


class NoWorkers(UserError):
    """No worker serves, and none has for longer than one is willing to wait."""


class WorkersEngine:
    """`workers` shared by all ranks of a run. `folder` is where their weights are written; all of them may see it.

    With `channels` rank 0 sends the weights of a whole model itself, and files are for workers that come back to a
    run that has no other; else such a worker waits for the next weights.

    Errors of `generate`: NoWorkers once no worker has served for `minutes`.
    """

    def __init__(
        self,
        workers: Sequence[Worker],
        folder: Path,
        minutes: float = 30.0,
        limits: Limits | None = None,
        timing: Timing | None = None,
        channels: Channels | None = None,
        scratch: Scratch | None = None,
        between_tokens: bool = False,
    ) -> None:
        """`scratch`: what `folder` is, if nobody else deletes it.

        `between_tokens`: workers take in a whole model at once, and go on with what they have under way.
        """
        self.between_tokens = between_tokens
        state = launched()
        self.workers, self.folder, self.minutes, self.channels = list(workers), folder, minutes, channels
        self.pool = Pool(workers, limits, state.process_index, timing, _say)
        nonce = [secrets.randbits(30)]
        broadcast_object_list(nonce)
        self._nonce = nonce[0]
        self._written: list[Path] = []
        self._scratch = scratch
        if state.is_main_process:
            clear_weights(folder)  # a process that was killed may have left some

    def generate(self, asks: Sequence[Ask]) -> list[Completion]:
        pending = self.begin(asks)
        try:
            return self.finish(pending, self.patience)
        except NoWorkers as error:
            _say(f"{error}; waiting for one for {self.minutes:g} minutes")
            return self.finish(pending, 60 * self.minutes)

    @property
    def patience(self) -> float:
        """Seconds without any worker that are worth no word."""
        return min(PATIENCE, 60 * self.minutes)

    def begin(self, asks: Sequence[Ask]) -> Pending:
        """Ask for what `generate` gives, and do not wait for it."""
        if self.pool.source is None:
            raise RuntimeError("load_weights comes before generate")
        return self.pool.submit(asks, self.pool.source.version)

    def finish(self, pending: Pending, patience: float) -> list[Completion]:
        """Wait for rollouts. Errors: NoWorkers, once nobody has served for `patience` seconds; they stay asked for."""
        left = set(pending)
        while left:
            done, left = wait(left, POLL, FIRST_EXCEPTION)
            failed = next((error for future in done if (error := future.exception())), None)
            if failed is not None:
                self.pool.withdraw(pending)
                raise failed
            if left and self.pool.deserted() > patience:
                raise NoWorkers(f"no rollout worker serves ({self.pool.reasons()})")
        return [future.result() for future in pending]

    def advance(
        self, rollouts: Sequence[PartialRollout], enough: Enough, patience: float | None = None
    ) -> list[Completion]:
        """Wait until it is `enough`; what has not ended stays asked for. The completions that there are.

        Errors: NoWorkers, as of `finish`.
        """
        new = [each for each in rollouts if each.completion is None and each.pending is None]
        for rollout, future in zip(new, self.begin([each.asked() for each in new]), strict=True):
            rollout.pending = future
        waiting = {each.pending: each for each in rollouts if each.pending is not None}
        while waiting and not enough():
            done, _ = wait(waiting, POLL, FIRST_COMPLETED)
            if not done and self.pool.deserted() > (self.patience if patience is None else patience):
                raise NoWorkers(f"no rollout worker serves ({self.pool.reasons()})")
            for future in done:
                if future.exception() is not None:
                    self.pool.withdraw(list(waiting))
                rollout = waiting.pop(future)
                rollout.completion, rollout.pending = future.result(), None
        return [each.completion for each in rollouts if each.completion is not None]

    def load_weights(self, weights: Weights, version: int) -> None:
        """Bring every worker these weights: by channels now, or written once by rank 0, whose pool has them loaded."""
        with weights() as model:
            # The first ones go as files: workers may still be starting.
            if self.channels is None or is_adapter(model) or self.pool.source is None:
                self.pool.publish(self._write(model, version))
            else:
                source = Source(version, self._nonce, None)
                self._send(model, source)
                self.pool.publish(source)

    def offer_files(self, weights: Weights) -> None:
        """Where weights go by channels: have workers that come back find the current ones as files."""
        source = self.pool.source
        if source is not None and source.folder is None:
            with weights() as model:
                self.pool.publish(self._write(model, source.version))

    def _write(self, model: PreTrainedModel, version: int) -> Source:
        folder = folder_of(self.folder, version)
        self._written.append(folder)
        if is_main_process():
            write_weights(model, folder)
            for old in self._written[:-KEPT]:
                shutil.rmtree(old, ignore_errors=True)
        self._written = self._written[-KEPT:]
        return Source(version, self._nonce, folder, self.between_tokens and not is_adapter(model))

    def _send(self, model: PreTrainedModel, source: Source) -> None:
        """While no rank has anything under way; a worker that does not take them is left out."""
        assert self.channels is not None
        state = launched()
        self.pool.hold()
        state.wait_for_everyone()
        if state.is_main_process:
            tensors = checkpoint_tensors(model)
            for place in range(len(self.workers)):
                if self.pool.answers(place):
                    try:
                        self.channels.of(place, self.pool.failures[place]).send(tensors, source.id)
                    except Exception as error:  # TRL's, vLLM's or torch's
                        self.pool.leave_out(place, f"it did not take its weights: {' '.join(str(error).split())}")
        state.wait_for_everyone()

    def rest(self) -> None:
        """Its memory is the workers'."""

    def health(self) -> Health:
        source, serving = self.pool.source, self.pool.serving()
        return Health(serving > 0, source.version if source else None, "" if serving else self.pool.reasons())

    def copies(self) -> Sequence[Engine]:
        return [OneWorker(self, place) for place in range(len(self.workers))]

    def counts(self) -> dict[str, float]:
        """What happened since the last call, by name, and the workers that serve now."""
        counts = {
            name: float(self.pool.counts.pop(name, 0)) for name in ("worker_failures", "retried", "stale_answers")
        }
        return {**counts, "workers": float(self.pool.serving())}

    def close(self) -> None:
        """End the pool's thread and delete the weights."""
        self.pool.close()
        if self.channels is not None:
            self.channels.close()
        if is_main_process():
            clear_weights(self.folder)
        if self._scratch is not None:
            self._scratch.close()


class OneWorker:
    """One of an engine's workers, to compare its weights; where it does not serve, the others stand in for it."""

    def __init__(self, whole: WorkersEngine, place: int) -> None:
        self.whole, self.place = whole, place

    def generate(self, asks: Sequence[Ask]) -> list[Completion]:
        found = self.whole.pool.ask_one(self.place, asks)
        return self.whole.generate(asks) if found is None else found

    def load_weights(self, weights: Weights, version: int) -> None:
        raise RuntimeError("weights are loaded by all workers together")

    def rest(self) -> None:
        """Its memory is the worker's."""

    def health(self) -> Health:
        standing, worker = self.whole.pool.standings[self.place], self.whole.workers[self.place]
        return Health(standing.serves, standing.version, standing.reason, worker.dtype)

    def copies(self) -> Sequence[Engine]:
        return ()

    def close(self) -> None:
        """The whole engine is closed, never one of its workers."""


def _say(line: str) -> None:
    state = launched()
    rank = f"rank {state.process_index}: " if state.num_processes > 1 else ""
    say(rank + line, error=True)
