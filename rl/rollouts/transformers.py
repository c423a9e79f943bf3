"""The engine that needs nothing but the model: batched sampling with a budget for each rollout.

A row leaves the batch, and the key-value cache, once it has ended, and the next prompt takes its place;
nobody waits on the longest. Each rollout has a random stream of its own, so what is drawn for it does
not depend on what runs beside it: batch size, thinning and the number of ranks change no rollout,
rounding of batched kernels apart.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import Cache, PreTrainedModel
from transformers.generation.logits_process import (
    LogitsProcessorList,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from rewards.compact import log_probs, token_ids
from rl.rollouts.ask import Ask, Begun, Completion, NotFinite, Sampling
from rl.rollouts.course import whole
from rl.rollouts.partial import Enough, PartialRollout, Told, advance
from rl.rollouts.room import shared_keys
from rl.rollouts.rows import can_join, choose, empty, join, keeps_tokens, require_rows, stateful
from rl.rollouts.streams import uniform

THIN_AT = 7 / 8
"""Thinning the batch copies the cache, so it waits until this share of its rows, or less, still runs."""


def generate(model: PreTrainedModel, asks: Sequence[Ask], batch_size: int | None = None) -> list[Completion]:
    """Sample one completion an ask: at most `batch_size` rows side by side (all by default), largest budgets first.

    Asks that are to be sampled alike run together, one such set after the other; rollouts of several pieces go on
    together once all have come to the end of the same piece.
    """
    with _sampling(model):
        return whole(asks, lambda pieces: _sampled(model, pieces, batch_size))


def go_on(
    model: PreTrainedModel,
    rollouts: Sequence[PartialRollout],
    enough: Enough,
    batch_size: int | None = None,
    version: int | None = None,
) -> None:
    """Go on with rollouts, those that were paused first, until `enough`; a token is drawn for all of them at a time."""
    with _sampling(model):
        advance(rollouts, lambda pieces, told: _sampled_until(model, pieces, batch_size, version, told), enough)


@contextmanager
def _sampling(model: PreTrainedModel) -> Iterator[None]:
    was_training = model.training
    model.eval()
    try:
        with shared_keys(model):
            yield
    finally:
        model.train(was_training)


def _sampled(model: PreTrainedModel, asks: Sequence[Ask], batch_size: int | None) -> list[Completion]:
    """For asks without prefix and thinking."""
    found: dict[int, Completion] = {}
    for places in _alike(asks):
        engine = _Engine(model, [asks[place] for place in places])
        engine.run(batch_size or len(places))
        found |= zip(places, engine.completions(), strict=True)
    return [found[place] for place in range(len(asks))]


def _sampled_until(
    model: PreTrainedModel, asks: Sequence[Ask], batch_size: int | None, version: int | None, told: Told
) -> list[Begun | None]:
    """The same until `told` says that it is enough: of those that have not ended, what there is."""
    found: list[Begun | None] = [Begun()] * len(asks)
    for places in _alike(asks):
        engine = _Engine(model, [asks[place] for place in places])
        known: set[int] = set()

        def enough(engine: _Engine = engine, places: Sequence[int] = places, known: set[int] = known) -> bool:
            found = [row for row in engine.over().nonzero().flatten().tolist() if row not in known]
            known.update(found)
            ended = zip(found, engine.completions(found), strict=True)
            said = [told(places[row], replace(each, weight_version=version)) for row, each in ended]
            return any(said)

        stopped = engine.run(batch_size or len(places), enough)
        for row, (place, each) in enumerate(zip(places, engine.completions(), strict=True)):
            begun = Begun(each.token_ids, each.logprobs, ((version, len(each.token_ids)),))
            found[place] = None if row in known else begun
        if stopped:
            break
    return found


def _alike(asks: Sequence[Ask]) -> Iterable[list[int]]:
    """The places of those that are to be sampled alike."""
    alike: dict[tuple[Sampling, tuple[int, ...], bool], list[int]] = {}
    for place, ask in enumerate(asks):
        alike.setdefault((ask.sampling, tuple(ask.eos_ids), ask.logprobs), []).append(place)
    return alike.values()


@dataclass
class _Batch:
    """Rows that run side by side, left-padded to one width W."""

    rows: Tensor
    """(B,) which prompt each is."""
    ids: Tensor
    """(B, new) what the model sees next."""
    mask: Tensor
    """(B, W) 1 for what is no padding, the new ids included."""
    positions: Tensor
    """(B, new)."""
    past: dict[str, Cache]
    """What the model keeps, by the name that it takes it by."""
    alive: Tensor
    """(B,) False for a row that has ended and not yet left."""

    @property
    def cache(self) -> Cache:
        return next(iter(self.past.values()))

    def keep(self, rows: Tensor) -> None:
        """Let the other rows go."""
        choose(self.cache, rows)
        self.rows, self.ids, self.mask = self.rows[rows], self.ids[rows], self.mask[rows]
        self.positions, self.alive = self.positions[rows], self.alive[rows]

    def join(self, other: _Batch) -> None:
        """Take in the rows of another batch: both are about to see one token a row."""
        unused = min(int(self.mask.argmax(1).min()), self.mask.size(1) - 1)
        self.mask = self.mask[:, unused:]
        short = self.mask.size(1) - other.mask.size(1)
        join(self.cache, other.cache, unused, short)
        self.mask = torch.cat([pad(self.mask, (max(0, -short), 0)), pad(other.mask, (max(0, short), 0))])
        for name in ("rows", "ids", "positions", "alive"):
            setattr(self, name, torch.cat([getattr(self, name), getattr(other, name)]))


class _Engine:
    """Asks that are sampled alike, at least one."""

    def __init__(self, model: PreTrainedModel, asks: Sequence[Ask]) -> None:
        first, device = asks[0], model.device
        self.model, self.sampling, self.logprobs = model, first.sampling, first.logprobs
        require_rows(model.config, model.config.name_or_path)
        self.even = stateful(model.config)
        self.prompts = [ask.prompt for ask in asks]
        self.warpers = _warpers(self.sampling)
        self.budgets = torch.tensor([ask.budget for ask in asks], device=device)
        self.eos_ids = torch.tensor(list(first.eos_ids), device=device)
        self.seeds = torch.tensor([ask.seed for ask in asks], device=device)
        self.places = torch.tensor([ask.place for ask in asks], device=device)
        self.lengths = torch.zeros_like(self.budgets)
        self.spoiled = torch.zeros((), dtype=torch.bool, device=device)
        """Whether a distribution was none; looked at in the end, as each look waits for the device."""
        self.ended = torch.zeros_like(self.budgets, dtype=torch.bool)
        self.sampled = self.budgets.new_zeros((len(asks), int(self.budgets.max())))
        self.logps = torch.zeros(self.sampled.shape if self.logprobs else (len(asks), 0), device=device)

    @torch.no_grad()
    def run(self, size: int, enough: Callable[[], bool] | None = None) -> bool:
        """At most `size` rows side by side, until all have ended, or it is `enough`; whether it was.

        Largest budgets first; where it may be enough before all have ended, those that were paused before them.
        """
        places = self.places.tolist() if enough else [0] * len(self.prompts)
        waiting = deque(sorted(range(len(self.prompts)), key=lambda i: (not places[i], -int(self.budgets[i]))))
        batch: _Batch | None = None
        while waiting or batch is not None:
            running = 0 if batch is None else len(batch.rows)
            if waiting and running <= THIN_AT * size and (batch is None or can_join(batch.cache)):
                new = self._advance(self._begin(self._next(waiting, size - running)))
                if batch is None or new is None:
                    batch = batch or new
                else:
                    batch.join(new)
            if batch is not None:
                batch = self._advance(batch)
            if enough is not None and enough():
                return True
        return False

    def over(self) -> Tensor:
        """(rows,) whether each has ended, or used up its budget."""
        return self.ended | (self.lengths >= self.budgets)

    def _next(self, waiting: deque[int], most: int) -> list[int]:
        """The prompts that begin together, out of those that wait: of one length where padding leaves a mark."""
        length = len(self.prompts[waiting[0]])
        fit = (i for i in waiting if not self.even or len(self.prompts[i]) == length)
        found = list(islice(fit, most))
        for i in found:
            waiting.remove(i)
        return found

    def _begin(self, rows: Sequence[int]) -> _Batch:
        ids, mask = _left_pad([self.prompts[i] for i in rows], self.model.device)
        index = torch.tensor(rows, device=self.model.device)
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        return _Batch(index, ids, mask, positions, empty(self.model.config), torch.ones_like(index, dtype=torch.bool))

    def _advance(self, batch: _Batch) -> _Batch | None:
        """One token more for every row; None once all have ended."""
        logits = self.model(
            input_ids=batch.ids,
            attention_mask=batch.mask if keeps_tokens(batch.cache) else None,
            position_ids=batch.positions,
            **batch.past,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
        scores = self.warpers(batch.ids, logits.float())
        drawn = self._draw(scores, batch.rows)
        self._write(batch, drawn, scores)
        running = int(batch.alive.sum())
        if running == 0:
            return None
        batch.mask = torch.cat([batch.mask, batch.mask.new_ones((len(batch.rows), 1))], dim=1)
        batch.ids, batch.positions = drawn.unsqueeze(1), batch.positions[:, -1:] + 1
        if running <= THIN_AT * len(batch.rows):
            batch.keep(batch.alive.nonzero().squeeze(1))
        return batch

    def _draw(self, scores: Tensor, rows: Tensor) -> Tensor:
        """(B,) token ids: where the row's next uniform number falls among the cumulated probabilities."""
        if self.sampling.temperature == 0.0:
            self.spoiled |= (~(scores < math.inf)).any()
            return scores.argmax(-1)
        cumulated = scores.softmax(-1).cumsum(-1)
        total = cumulated[:, -1]
        self.spoiled |= total.isnan().any()
        point = (uniform(self.seeds[rows], self.places[rows] + self.lengths[rows]) * total.double()).to(total)
        # Rounded up to the total, it would fall beyond the last token.
        point = torch.minimum(point, torch.nextafter(total, torch.zeros_like(total)))
        place = torch.searchsorted(cumulated, point.unsqueeze(1), right=True).squeeze(1)
        return place.clamp(max=scores.shape[-1] - 1)  # beyond the last where there is no distribution

    def _write(self, batch: _Batch, drawn: Tensor, scores: Tensor) -> None:
        rows, tokens = batch.rows[batch.alive], drawn[batch.alive]
        at = self.lengths[rows]
        self.sampled[rows, at] = tokens
        if self.logprobs:
            logps = scores[batch.alive].log_softmax(-1)
            self.logps[rows, at] = logps.gather(1, tokens.unsqueeze(1)).squeeze(1)
        self.lengths[rows] = at + 1
        self.ended[rows] = torch.isin(tokens, self.eos_ids)
        batch.alive = batch.alive & ~self.ended[batch.rows] & (self.budgets > self.lengths)[batch.rows]

    def completions(self, rows: Sequence[int] | None = None) -> list[Completion]:
        """Of all rows, or of some; of one that has not ended, what there is."""
        if bool(self.spoiled):
            raise NotFinite("the model's logits are not finite: nothing can be sampled from it")
        chosen = slice(None) if rows is None else list(rows)
        sampled, logps = (column[chosen].cpu().numpy() for column in (self.sampled.int(), self.logps.float()))
        ends = zip(self.lengths[chosen].tolist(), self.ended[chosen].tolist(), strict=True)
        return [
            Completion(
                token_ids(sampled[row, :length].tobytes()),
                "eos" if ended else "length",
                log_probs(logps[row, :length].tobytes()),
            )
            for row, (length, ended) in enumerate(ends)
        ]


def _left_pad(prompts: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    width = max(len(p) for p in prompts)
    ids = torch.tensor([[0] * (width - len(p)) + list(p) for p in prompts], device=device)
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=device)
    return ids, mask


def _warpers(sampling: Sampling) -> LogitsProcessorList:
    warpers = LogitsProcessorList()
    if sampling.temperature not in (0.0, 1.0):
        warpers.append(TemperatureLogitsWarper(sampling.temperature))
    if sampling.top_k > 0:
        warpers.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1.0:
        warpers.append(TopPLogitsWarper(sampling.top_p))
    if sampling.min_p is not None:
        warpers.append(MinPLogitsWarper(sampling.min_p))
    return warpers
