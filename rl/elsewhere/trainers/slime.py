"""slime: rewards and advantages of a step's groups in one function. Written against commit 624b824.

    --custom-reward-post-process-path rl.elsewhere.trainers.slime.post_process --rm-type math

The hook takes the place of slime's own normalisation, so what it returns are advantages. slime calls it in training
alone.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from typing import Any

from rl.elsewhere.groups.advantages import Advantages
from rl.elsewhere.groups.host import Host
from rl.elsewhere.groups.method import VARIABLE, read_method
from rl.elsewhere.groups.scorer import GroupScorer
from rl.elsewhere.groups.told import Said, Told
from rl.errors import UserError
from rl.models import load_tokenizer
from rl.problems.paths import value_at

HOST = Host("slime", "commit 624b824", batch=True, advantages=True, evaluation=True)
ENDED, FAILED = {"completed"}, {"aborted", "failed"}
"""By the value of a sample's status."""


@cache
def _parts(path: str | None, checkpoint: str) -> tuple[GroupScorer, Advantages]:
    """Of the method in a file, which slime reads once; what rewards remember is in them."""
    method = read_method(path)
    return GroupScorer(method, HOST, load_tokenizer(checkpoint)), Advantages(method)


def post_process(args: Any, samples: Sequence[Any]) -> tuple[list[float], list[float]]:
    """Whether each sample is correct, for slime's logs, and its advantage.

    Errors: UserError for a method that cannot be.
    """
    scorer, advantages = _parts(os.environ.get(VARIABLE), args.hf_checkpoint)
    groups: dict[Any, list[int]] = {}
    with HOST.told():
        for place, sample in enumerate(samples):
            if sample.group_index is None:
                raise UserError("slime told no group_index, so nobody knows which rollouts are of one problem")
            groups.setdefault(sample.group_index, []).append(place)
        told = [_told([samples[p] for p in places], scorer) for places in groups.values()]
    scored = scorer.score(told)
    raw, shaped = [0.0] * len(samples), [0.0] * len(samples)
    for places, each, own in zip(groups.values(), scored, advantages.of(scored), strict=True):
        for place, correct, advantage in zip(places, each.correct, own, strict=True):
            raw[place], shaped[place] = correct, advantage
    return raw, shaped


def _told(samples: Sequence[Any], scorer: GroupScorer) -> Told:
    first = samples[0]
    columns = {**(first.metadata or {}), "label": first.label}
    answer = value_at(columns, scorer.method.answer or "label")
    begin = len(first.tokens) - first.response_length
    return Told(first.prompt, answer, [_said(sample) for sample in samples], columns, list(first.tokens[:begin]))


def _said(sample: Any) -> Said:
    """The sample's own tokens, by its loss mask where there is one: in several turns that leaves out the answers."""
    ids = list(sample.tokens[len(sample.tokens) - sample.response_length :])
    mask = sample.loss_mask
    if mask is not None and len(mask) != len(ids):
        raise UserError(f"slime's loss_mask has {len(mask)} places for the {len(ids)} tokens of a response")
    own = [id for id, kept in zip(ids, mask, strict=True) if kept] if mask is not None else ids
    return Said(own, sample.status.value in ENDED, failed=sample.status.value in FAILED)
