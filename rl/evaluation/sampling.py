"""Answer held-out problems: so many sampled completions each, with a cap of their own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from accelerate.utils import gather_object
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rewards import Problem
from rewards.verifier import Verifier
from rl.evaluation.parts import Parts
from rl.evaluation.protocol import Protocol
from rl.evaluation.rows import Evaluation, Row, row_of
from rl.prompts import encode_prompts
from rl.ranks import found_by_main, is_main_process, launched
from rl.rollouts import Ask, Engine, Sampling, stable_seed
from rl.rounds.ahead import Row as Asked
from rl.rounds.judging import Judging
from rl.thinking import leads, texts


@dataclass(frozen=True)
class Answerer:
    """A model that can be asked: an engine, its tokenizer, and the ids that end a completion."""

    engine: Engine
    tokenizer: PreTrainedTokenizerBase
    eos_ids: Sequence[int]
    name: str = ""
    """Of the model, as the rows' file keeps it."""


@dataclass(frozen=True)
class _Asked:
    """One completion to sample."""

    place: int
    """Of its problem in the data."""
    sample: int
    prompt: list[int]

    def seed(self, seed: int) -> int:
        """The first sample's stream is the one that an evaluation with a single sample draws from."""
        return stable_seed(seed, self.place, self.sample) if self.sample else stable_seed(seed, self.place)


def evaluate(
    answerer: Answerer,
    problems: Sequence[Problem],
    verifier: Verifier,
    protocol: Protocol,
    parts: Parts | None = None,
    batch: int | None = None,
) -> Evaluation:
    """Sample and judge the protocol's completions of each problem; the ranks of a launch share them.

    The longest prompts go first, together with their like. With `parts`, every `batch` completions (all by
    default) are written as they are done, and those that are there are not sampled again. The same seed, model
    and problems give the same completions, whatever the batches and on any number of ranks.
    """
    prompts = encode_prompts(answerer.tokenizer, problems, protocol.chat_options)
    order = sorted(range(len(problems)), key=lambda i: -len(prompts[i]))
    asked = [_Asked(i, sample, prompts[i]) for i in order for sample in range(protocol.samples)]
    found: dict[tuple[int, int], Row] = {}
    for number, chunk in enumerate(_chunks(asked, batch or max(1, len(asked)))):
        rows = found_by_main(partial(parts.load, number)) if parts else None
        if rows is None:
            rows = _answer(answerer, chunk, problems, verifier, protocol)
            if parts and is_main_process():
                parts.save(number, rows)
        found.update(((one.place, one.sample), row) for one, row in zip(chunk, rows, strict=True))
    return Evaluation([found[key] for key in sorted(found)], protocol, answerer.name)


def _chunks(asked: Sequence[_Asked], size: int) -> Iterator[Sequence[_Asked]]:
    for start in range(0, len(asked), size):
        yield asked[start : start + size]


def _answer(
    answerer: Answerer, chunk: Sequence[_Asked], problems: Sequence[Problem], verifier: Verifier, protocol: Protocol
) -> list[Row]:
    """The rows of a chunk, on every rank."""
    state = launched()
    share = math.ceil(len(chunk) / state.num_processes)
    local = chunk[share * state.process_index :][:share]
    sampling = Sampling(protocol.temperature, protocol.top_p)
    # Asked without prompts, too: gathering sharded weights takes every rank.
    completions = answerer.engine.generate(
        [Ask(one.prompt, protocol.cap, one.seed(protocol.seed), sampling, answerer.eos_ids) for one in local]
    )
    own = [problems[one.place] for one in local]
    ids = {id(problem.prompt): one.prompt for problem, one in zip(own, local, strict=True)}
    judging = Judging(
        verifier,
        rewards=(),
        decode=lambda completions: texts(answerer.tokenizer, [each.token_ids for each in completions]),
        leads=lambda prompts: leads(answerer.tokenizer, [ids[id(prompt)] for prompt in prompts]),
        truncated=protocol.truncated,
    )
    rollouts = judging.sampled([Asked(problem, protocol.cap, protocol.cap, 0) for problem in own], completions)
    gathered = gather_object(rollouts)
    return [row_of(problems[one.place], one.sample, r) for one, r in zip(chunk, gathered, strict=True)]


def end_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Every id that ends a completion: those the model declares, and the tokenizer's own."""
    declared = model.generation_config.eos_token_id if model.generation_config else None
    ids = [declared] if isinstance(declared, int) else list(declared or [])
    return ids if tokenizer.eos_token_id in ids else [tokenizer.eos_token_id, *ids]
