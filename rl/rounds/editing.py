"""Between judging and scoring: edits keep, cut and branch the rollouts of judged groups, the same on every rank.

What is cut is judged again, what branches is asked and judged, each by one rank.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rewards import Group, History, Problem, Rollout
from rewards.compact import log_probs, token_ids
from rewards.edits import Branch, Branching, Change, Cut, Edit, Keep, Resizing
from rewards.thinking import MARKS
from rewards.types import Spans
from rl.errors import UserError
from rl.plugins import guarded
from rl.ranks import gathered, launched
from rl.rollouts import Ask, Completion, stable_seed
from rl.rounds.ahead import Row, part
from rl.rounds.asking import Asker
from rl.rounds.budgets import Budgets
from rl.rounds.judging import Judging, Made

KIND = "edit"


@dataclass(frozen=True)
class _New:
    """A rollout that an edit makes."""

    group: int
    change: Cut | Branch
    seed: int


def sizes(edits: Sequence[Edit], size: int) -> list[int]:
    """How many rollouts go into each edit, and the `size` that train. Errors: UserError for a size that cannot be."""
    found = [size]
    for edit in reversed(edits):
        with guarded(edit, KIND):
            found.append(edit.sampled(found[-1]) if isinstance(edit, Resizing) else found[-1])
    return found[::-1]


def extra_of(edits: Sequence[Edit]) -> int:
    """Tokens that edits may add to a rollout beyond its budget."""
    return sum(edit.extra for edit in edits if isinstance(edit, Branching))


def require_sizes(edits: Sequence[Edit], budgets: Budgets, size: int) -> None:
    """Refuse, before anything is loaded, a group of `size` that the edits or the asking cannot make."""
    nobody = Problem("nobody", "", "")
    budgets.variants(0, nobody, sizes(edits, size)[0])


class Editing:
    """A run's edits, one after the other; `most` is the tokens that no rollout exceeds."""

    def __init__(self, edits: Sequence[Edit], asker: Asker, judging: Judging, most: int) -> None:
        self.edits, self.asker, self.judging, self.most = list(edits), asker, judging, most
        self.tokens = 0
        """Sampled for branches by this rank, in all."""

    def edited(self, groups: Sequence[Group], history: History, step: int, seed: int, size: int) -> list[Group]:
        """Groups as they were judged to those that train, `size` rollouts each."""
        groups = list(groups)
        for number, (edit, wanted) in enumerate(zip(self.edits, sizes(self.edits, size)[1:], strict=True)):
            groups = self._by_one(edit, groups, history, step, stable_seed(seed, number, 1), wanted)
        return groups

    def _by_one(
        self, edit: Edit, groups: list[Group], history: History, step: int, seed: int, size: int
    ) -> list[Group]:
        plans = [self._plan(edit, group, history, size, stable_seed(seed, i)) for i, group in enumerate(groups)]
        new = [
            _New(i, change, stable_seed(seed, i, place))
            for i, plan in enumerate(plans)
            for place, change in enumerate(plan)
            if not isinstance(change, Keep)
        ]
        made = iter(self._made(new, groups, step) if new else [])
        return [
            Group(group.problem, _placed([_kept(group, change) or next(made) for change in plan], plan))
            for group, plan in zip(groups, plans, strict=True)
        ]

    def _plan(self, edit: Edit, group: Group, history: History, size: int, seed: int) -> list[Change]:
        with guarded(edit, KIND):
            plan = list(edit.plan(group, history, size, seed))
        if len(plan) != size:
            raise UserError(f"edit {edit.name!r} gave {len(plan)} rollouts for a group of {size}")
        for change in plan:
            _require_possible(edit, change, group)
            if (
                isinstance(change, Branch)
                and (length := change.at + len(self._text(change)) + change.tokens) > self.most
            ):
                raise UserError(
                    f"edit {edit.name!r} asks for a branch of up to {length} tokens, and no rollout may have more than "
                    f"{self.most}; have it say by `extra` how many more its branches may have, or raise the budget"
                )
        return plan

    def _text(self, change: Branch) -> Sequence[int]:
        return self.asker.forcing.encode(change.text) if change.text else ()

    def _made(self, new: Sequence[_New], groups: Sequence[Group], step: int) -> list[Rollout]:
        """The new rollouts, each made by one rank, in the order of `new`."""
        state = launched()
        own = new[part(len(new), state.process_index, state.num_processes)]
        branches = [each for each in own if isinstance(each.change, Branch)]
        asks = self._asks(branches, groups, step)
        answers = self.asker.answered(asks) if _any_branches(new) else []
        grown = iter(zip(asks, answers, strict=True))
        made = []
        for each in own:
            group, change = groups[each.group], each.change
            root = group.rollouts[change.rollout]
            if isinstance(change, Cut):
                made.append(_cut(group.problem, root, change))
                continue
            ask, answer = next(grown)
            made.append(_grown(group.problem, root, change, ask, answer))
            self.tokens += len(answer.token_ids) - len(ask.prefix)
        pairs = zip(self.judging.rollouts(made), own, strict=True)
        return gathered([_as_asked(each, groups[n.group].rollouts[n.change.rollout]) for each, n in pairs])

    def _asks(self, branches: Sequence[_New], groups: Sequence[Group], step: int) -> list[Ask]:
        roots = [groups[each.group].rollouts[each.change.rollout] for each in branches]
        asked = [root.prompt or groups[each.group].problem.prompt for each, root in zip(branches, roots, strict=True)]
        prompts = self.asker.encode(asked) if asked else []
        asks = []
        for each, root, prompt in zip(branches, roots, prompts, strict=True):
            assert isinstance(each.change, Branch)
            change = each.change
            prefix = (*root.token_ids[: change.at], *self._text(change))
            asks.append(self.asker.ask(prompt, len(prefix) + change.tokens, each.seed, step, prefix))
        return asks


def _any_branches(new: Sequence[_New]) -> bool:
    """On any rank: then all of them ask."""
    return any(isinstance(each.change, Branch) for each in new)


def _require_possible(edit: Edit, change: Change, group: Group) -> None:
    """Errors: UserError for a change that no rollout of the group can have."""
    if not isinstance(change, Keep | Cut | Branch):
        raise UserError(f"edit {edit.name!r} gave {change!r}; an edit gives Keep, Cut and Branch of rewards.edits")
    if not 0 <= change.rollout < len(group.rollouts):
        raise UserError(f"edit {edit.name!r} names rollout {change.rollout} of a group of {len(group.rollouts)}")
    length = group.rollouts[change.rollout].length
    if isinstance(change, Cut):
        stop = length if change.stop is None else change.stop
        possible = 0 <= change.start < stop <= length and stop - change.start < length
    else:
        possible = isinstance(change, Keep) or (0 <= change.at <= length and change.tokens >= 1)
    if not possible:
        raise UserError(f"edit {edit.name!r} gave {change!r} for a rollout of {length} tokens")


def _kept(group: Group, change: Change) -> Rollout | None:
    """The rollout, where it stays as it is; None where it is made anew."""
    if not isinstance(change, Keep):
        return None
    found = group.rollouts[change.rollout]
    return found if change.trains else replace(found, masked=((0, found.length),))


def _placed(rollouts: Sequence[Rollout], plan: Sequence[Change]) -> tuple[Rollout, ...]:
    """Roots by their place in the new group; None where they are not in it."""
    places = {c.rollout: place for kind in (Cut, Keep) for place, c in enumerate(plan) if isinstance(c, kind)}
    return tuple(r if r.root is None else replace(r, root=places.get(r.root)) for r in rollouts)


def _row(problem: Problem, root: Rollout) -> Row:
    asked = problem if root.prompt is None else replace(problem, prompt=root.prompt)
    return Row(asked, root.budget or root.length, root.length, 0, variant=root.variant)


def _as_asked(made: Rollout, root: Rollout) -> Rollout:
    return replace(made, prompt=root.prompt, thinking_budget=root.thinking_budget)


def _cut(problem: Problem, root: Rollout, change: Cut) -> Made:
    """Without a tail the log-probs stay those of who sampled it; without a middle nobody sampled what follows."""
    stop = root.length if change.stop is None else change.stop
    ids = token_ids([*root.token_ids[: change.start], *root.token_ids[stop:]])
    drawn = list(root.logprobs[: change.start])
    logprobs = log_probs([*drawn, *[np.nan] * (len(ids) - len(drawn))]) if root.logprobs else ()
    forced, masked = (_without(spans, change.start, stop) for spans in (root.forced, root.masked))
    completion = Completion(ids, "edited", logprobs, root.weight_version, forced)
    gone = root.cut + stop - change.start
    return Made(_row(problem, root), completion, masked, root.root, min(root.branched, change.start), gone)


def _grown(problem: Problem, root: Rollout, change: Branch, ask: Ask, answer: Completion) -> Made:
    begun, at = len(ask.prefix), change.at
    drawn = root.logprobs[:at] if root.logprobs else [np.nan] * at
    logprobs = log_probs([*drawn, *answer.logprobs[at:]]) if answer.logprobs else ()
    shared = _without(root.forced, at, root.length)
    text = ((at, begun),) if begun > at else ()
    versions = [v for v in (root.weight_version, answer.weight_version) if v is not None]
    closed = answer.stop == "eos" and any(marks.end in change.text for marks in MARKS)
    completion = replace(
        answer,
        stop="closed" if closed else answer.stop,
        logprobs=logprobs,
        weight_version=min(versions, default=None),
        forced=_joined((*shared, *text)),
    )
    masked = _without(root.masked, at, root.length) if change.trains_shared else ((0, at),) * (at > 0)
    masked = masked if change.trains_text else (*masked, *text)
    return Made(_row(problem, root), completion, _joined(masked), change.rollout, at)


def _without(spans: Spans, start: int, stop: int) -> Spans:
    """Spans of a rollout as they are once its tokens from `start` to before `stop` are gone."""
    gone = stop - start

    def moved(place: int) -> int:
        return place if place <= start else max(start, place - gone)

    found = ((moved(begin), moved(end)) for begin, end in spans)
    return _joined(span for span in found if span[0] < span[1])


def _joined(spans: Iterable[tuple[int, int]]) -> Spans:
    """Rising spans, those that touch made one."""
    found: list[tuple[int, int]] = []
    for begin, end in spans:
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return tuple(found)
