"""Answer held-out problems: so many sampled completions each, with a cap of their own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from accelerate.utils import gather_object
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rewards import Problem
from rewards.verifier import Verifier
from rl.evaluation.forcing.ids import Ids, prefixes
from rl.evaluation.forcing.longer import lengthened
from rl.evaluation.parts import Parts
from rl.evaluation.protocol import Protocol
from rl.evaluation.rows import Evaluation, Row, row_of
from rl.prompts import encode_prompts
from rl.ranks import found_by_main, is_main_process, launched
from rl.rollouts import Ask, Completion, Engine, Sampling, stable_seed
from rl.rounds.ahead import Row as Asked
from rl.rounds.judging import Judging
from rl.thinking import leads, texts

Generate = Callable[[Sequence[Ask]], list[Completion]]


@dataclass(frozen=True)
class Answerer:
    """A model that can be asked: an engine, its tokenizer, and the ids that end a completion."""

    engine: Engine
    tokenizer: PreTrainedTokenizerBase
    eos_ids: Sequence[int]
    name: str = ""
    """Of the model, as the rows' file keeps it."""


@dataclass(frozen=True)
class Question:
    """One completion to sample."""

    place: int
    """Of its problem in the data."""
    sample: int
    prompt: Sequence[int]
    budget: int
    """Tokens, those of the prefix counted."""
    prefix: Sequence[int] = ()
    closed: bool = False
    """Whether its thinking was closed by force, in the prefix."""

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
    told: Callable[[list[Row]], None] | None = None,
) -> Evaluation:
    """Sample and judge the protocol's completions of each problem; the ranks of a launch share them.

    The longest prompts go first, together with their like. With `parts`, every `batch` completions (all by
    default) are written as they are done, and those that are there are not sampled again. The same seed, model
    and problems give the same completions, whatever the batches and on any number of ranks. `told` gets
    the rows of each batch.
    """
    prompts = encode_prompts(answerer.tokenizer, problems, protocol.chat_options)
    begun = prefixes(answerer.tokenizer, protocol, prompts)
    asked = [
        Question(i, sample, prompts[i], protocol.cap, begun[i])
        for i in range(len(problems))
        for sample in range(protocol.samples)
    ]
    return Evaluation(
        answered(answerer, asked, problems, verifier, protocol, parts, batch, told), protocol, answerer.name
    )


def answered(
    answerer: Answerer,
    asked: Sequence[Question],
    problems: Sequence[Problem],
    verifier: Verifier,
    protocol: Protocol,
    parts: Parts | None = None,
    batch: int | None = None,
    told: Callable[[list[Row]], None] | None = None,
) -> list[Row]:
    """The rows of questions to `problems`, in their order; sampled, judged and kept as `evaluate` says."""
    order = sorted(range(len(asked)), key=lambda i: -len(asked[i].prompt))
    found: dict[int, Row] = {}
    for number, places in enumerate(_chunks(order, batch or max(1, len(order)))):
        rows = found_by_main(partial(parts.load, number)) if parts else None
        if rows is None:
            rows = _answer(answerer, [asked[i] for i in places], problems, verifier, protocol)
            if parts and is_main_process():
                parts.save(number, rows)
        found.update(zip(places, rows, strict=True))
        if told is not None:
            told(rows)
    return [found[i] for i in range(len(asked))]


def _chunks(order: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _sample(answerer: Answerer, protocol: Protocol, closed: bool) -> Generate:
    """What samples; thinking that was closed by force is over."""
    generate, longer = answerer.engine.generate, protocol.longer
    if longer is None or closed:
        return generate
    ids = Ids.of(answerer.tokenizer, protocol)
    return lambda asks: lengthened(generate, asks, longer, ids)


def _answer(
    answerer: Answerer, chunk: Sequence[Question], problems: Sequence[Problem], verifier: Verifier, protocol: Protocol
) -> list[Row]:
    """The rows of a chunk, on every rank."""
    state = launched()
    share = math.ceil(len(chunk) / state.num_processes)
    local = chunk[share * state.process_index :][:share]
    sampling = Sampling(protocol.temperature, protocol.top_p)
    # Asked without prompts, too: gathering sharded weights takes every rank.
    completions = _sample(answerer, protocol, chunk[0].closed)(
        [
            Ask(one.prompt, one.budget, one.seed(protocol.seed), sampling, answerer.eos_ids, prefix=one.prefix)
            for one in local
        ]
    )
    completions = [
        replace(each, stop="closed") if one.closed and each.stop == "eos" else each
        for one, each in zip(local, completions, strict=True)
    ]
    own = [problems[one.place] for one in local]
    prompts = {id(problem.prompt): one.prompt for problem, one in zip(own, local, strict=True)}
    judging = Judging(
        verifier,
        rewards=(),
        decode=lambda completions: texts(answerer.tokenizer, [each.token_ids for each in completions]),
        leads=lambda given: leads(answerer.tokenizer, [prompts[id(prompt)] for prompt in given]),
        truncated=protocol.truncated,
    )
    asked = [Asked(problem, one.budget, one.budget, 0) for problem, one in zip(own, local, strict=True)]
    rollouts = judging.sampled(asked, completions)
    gathered = gather_object(rollouts)
    return [row_of(problems[one.place], one.sample, r) for one, r in zip(chunk, gathered, strict=True)]


def end_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Every id that ends a completion: those the model declares, and the tokenizer's own."""
    declared = model.generation_config.eos_token_id if model.generation_config else None
    ids = [declared] if isinstance(declared, int) else list(declared or [])
    return ids if tokenizer.eos_token_id in ids else [tokenizer.eos_token_id, *ids]
