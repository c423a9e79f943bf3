"""What a round costs the first of 16 ranks in Python, besides sampling, judging and the model.

    python experiments/benchmarks/host_seconds.py
    python experiments/benchmarks/host_seconds.py --one 2048x4096   # one size, in this process

The trainer makes a whole round with an engine that answers with random tokens and log-probs it had ready, and a
verifier that knows the verdicts; both, and what decodes for the verifier, are left out of the time. It holds all
rollouts of the round, a sixteenth of them pickled and all of them read as ranks gather them, and trains on a sixteenth,
packed. What it carries from one micro-batch to another to correct by log-probs is left out: that takes the model.

A checkpoint is its own state with half a batch left over, made, sealed and written. Seconds are the main thread's own
processor time; rollouts are written by another, whose time stands beside it. Memory is what the process holds more than
before, at its most, a token of the round. Each size has a process of its own, which has made a small round before.
Writes results/host_seconds.json and results/host_seconds.md.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from torch.distributed.distributed_c10d import _object_to_tensor, _tensor_to_object

from curricula import Constant
from experiments.benchmarks._shared import surroundings, write
from rewards import Problem, Verdict
from rewards.compact import log_probs, token_ids
from rewards.length.truncation import Truncation
from rl import ranks
from rl.folders import checkpoints
from rl.folders.run import RunFolder
from rl.models import load_model, load_tokenizer, resolve_model
from rl.recipe.config import LengthGRPOConfig
from rl.rollouts import Ask, Completion, Health
from rl.run.writing import Writer
from rl.trainer.trainer import LengthGRPOTrainer

SIZES = [(512, 4096), (512, 8192), (2048, 4096), (2048, 8192), (8192, 4096), (8192, 8192)]
"""Rollouts of a round, and their tokens on average."""
RANKS, GROUP = 16, 16
VOCABULARY = 400


class Clock:
    """Seconds of the main thread's processor time, by what they went into; `aside` counts for nothing."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._aside = 0.0

    @contextmanager
    def of(self, part: str) -> Iterator[None]:
        started, aside = time.thread_time(), self._aside
        yield
        self.seconds[part] += time.thread_time() - started - (self._aside - aside)

    def aside(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            started = time.thread_time()
            try:
                return call(*args, **kwargs)
            finally:
                self._aside += time.thread_time() - started

        return timed


class Ready:
    """An engine that had its answers ready."""

    def __init__(self, count: int, tokens: int) -> None:
        draw = np.random.default_rng(0)
        self.answers = []
        for length in draw.integers(tokens // 2, tokens * 3 // 2, count):
            ids = draw.integers(3, VOCABULARY, length, dtype=np.int32)
            logps = -draw.random(length, dtype=np.float32)
            self.answers.append(Completion(token_ids(ids.tobytes()), "eos", log_probs(logps.tobytes())))

    def generate(self, asks: Sequence[Ask]) -> list[Completion]:
        return self.answers[: len(asks)]

    def load_weights(self, weights: Any, version: int) -> None: ...

    def rest(self) -> None: ...

    def health(self) -> Health:
        return Health(True, 0)

    def copies(self) -> Sequence[Any]:
        return ()

    def close(self) -> None: ...


class Knows:
    """A verifier that pays every other answer."""

    def judge(self, golds: Sequence[Any], texts: Sequence[str]) -> list[Verdict]:
        return [(Verdict.CORRECT, Verdict.WRONG)[place % 2] for place in range(len(texts))]

    def readable(self, answers: Sequence[str]) -> list[bool]:
        return [True] * len(answers)


class FirstOfMany(LengthGRPOTrainer):
    """Trains on the first rank's share."""

    def _local(self, rows: Any) -> Any:
        return rows[: len(rows) // RANKS]


def gather_object(clock: Clock, whole: list[Sequence[Any]]) -> list[Any]:
    """Parts of a whole that come from each rank, as torch gathers objects; what others send is made ready aside."""

    def sent(part: Sequence[Any]) -> Any:
        return _object_to_tensor(part, torch.device("cpu"), None)  # type: ignore[no-untyped-call]

    (rows,) = whole
    cuts = [len(rows) * rank // RANKS for rank in range(RANKS + 1)]
    parts = [rows[start:end] for start, end in pairwise(cuts)]
    come = [sent(parts[0]), *clock.aside(lambda: [sent(part) for part in parts[1:]])()]
    return [[each for one in come for each in _tensor_to_object(*one, None)]]  # type: ignore[no-untyped-call, call-arg]


def trainer_of(count: int, tokens: int, folder: Path, clock: Clock) -> tuple[FirstOfMany, Writer]:
    """One that is about to make its first round."""
    args = LengthGRPOConfig(
        output_dir=str(folder / "checkpoints"),
        per_device_train_batch_size=count,
        num_generations=GROUP,
        max_steps=10,
        tokens_per_micro_batch=2 * tokens,
        report_to=[],
        use_cpu=True,
        bf16=False,
        logging_steps=1,
    )
    problems = [Problem(str(place), f"What is {place} + 1?", str(place + 1)) for place in range(count // GROUP)]
    run = RunFolder(folder / "run")
    run.path.mkdir()
    writer, model = Writer(run), resolve_model("demo")
    trainer = FirstOfMany(
        load_model(model),
        args,
        problems,
        [Truncation()],
        Constant(2 * tokens),
        Knows(),
        processing_class=load_tokenizer(model),
        on_round=writer.write_round,
        callbacks=[writer],
        engine=Ready(count, tokens),
    )
    trainer.updates.packer = replace(trainer.updates.packer, ranks=RANKS)  # type: ignore[union-attr]
    trainer.engine.generate = clock.aside(trainer.engine.generate)  # type: ignore[method-assign]
    ranks.gather_object = partial(gather_object, clock)  # type: ignore[attr-defined]
    trainer.rounds.judging.decode = lambda completions: [""] * len(completions)
    return trainer, writer


class Memory(threading.Thread):
    """The most that the process held, looked at every few milliseconds."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most, self._done = 0, threading.Event()

    def run(self) -> None:
        while not self._done.wait(0.005):
            self.most = max(self.most, psutil.Process().memory_info().rss)

    def end(self) -> int:
        self._done.set()
        self.join()
        return self.most


def measure(count: int, tokens: int) -> dict[str, float]:
    """Seconds by part, and bytes a token."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as name:
        trainer, writer = trainer_of(count, tokens, Path(name), clock)
        trainer.model.train()
        before, memory = psutil.Process().memory_info().rss, Memory()
        memory.start()
        whole = time.process_time()
        with clock.of("round"):
            trainer._generate_and_score_completions([{"prompt": ""}] * (count // RANKS))
        with clock.of("waiting for the file"):
            writer._flush()
        round_ = trainer._round
        assert round_ is not None
        trainer.rounds.sampling.leftover = [scored.sampled for scored in round_.batch[: len(round_.batch) // 2]]
        state = Path(name, "state")
        state.mkdir()
        with clock.of("checkpoint"):
            checkpoints.write(state, trainer.rounds.state_dict())
        total = sum(r.length for r in round_.rollouts())
        seconds = dict(clock.seconds)
        held = (memory.end() - before) / total
        file = next((Path(name) / "run/rollouts").iterdir()).stat().st_size / total
    other = time.process_time() - whole - sum(seconds.values()) - clock._aside
    return {**seconds, "other threads": other, "tokens": total, "bytes held a token": held, "bytes written": file}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--one", metavar="ROLLOUTSxTOKENS")
    one = parser.parse_args().one
    if one is not None:
        measure(RANKS * GROUP, 256)  # what a run pays once: imports, and going over all that they left
        gc.collect()
        print(json.dumps(measure(*map(int, one.split("x")))))
        return
    found = {}
    for count, tokens in SIZES:
        size = f"{count}x{tokens}"
        said = subprocess.run([sys.executable, __file__, "--one", size], check=True, stdout=subprocess.PIPE).stdout
        found[size] = json.loads(said.splitlines()[-1])
    lines = [
        f"Python of the first of {RANKS} ranks a round; memory is that over what the engine answered with.",
        "",
        "| rollouts x tokens | seconds a round | of a checkpoint | a 1,000 rollouts | other threads | bytes a token |",
        "|---|---|---|---|---|---|",
    ]
    for size, row in found.items():
        seconds, kept = row["round"] + row["waiting for the file"], row["checkpoint"]
        each = 1_000 * (seconds + kept) / int(size.split("x")[0])
        lines.append(
            f"| {size} | {seconds:.2f} | {kept:.2f} | {each:.2f} | {row['other threads']:.1f} "
            f"| {row['bytes held a token']:.1f} |"
        )
    lines += ["", "Made by `python experiments/benchmarks/host_seconds.py`."]
    write("host_seconds", {"sizes": found, **surroundings()}, lines)


if __name__ == "__main__":
    main()
