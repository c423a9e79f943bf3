"""ms-swift: a reward function that gathers whole groups over ranks. Written against 4.6.0.

    --external_plugins my_plugin.py --reward_funcs lengthwise      # orms["lengthwise"] = Lengthwise

The advantage is ms-swift's own, in which a reward of None would count as 0: it gets the mean of its group's judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from rl.elsewhere.groups.host import Host
from rl.elsewhere.groups.method import read_method
from rl.elsewhere.groups.scorer import GroupScorer
from rl.elsewhere.groups.told import Said, Told
from rl.errors import UserError
from rl.problems.paths import value_at

HOST = Host("ms-swift", "4.6.0", batch=True, steps=True, evaluation=True)
ANSWER = "solution"
NEEDED = ("prompt_id", "messages", "response_token_ids", "is_truncated")


class Lengthwise:
    """Called with the completions of this rank; every rank must call it, as in a launch every rank does.

    Rows whose column `evaluation` is true are scored, not remembered: ms-swift does not say that it evaluates.
    Errors: UserError for a method that ms-swift's hook cannot do.
    """

    def __init__(self, args: Any = None, **_: Any) -> None:
        self.args = args
        self.method = read_method()
        self.scorer = GroupScorer(self.method, HOST)

    def __call__(self, completions: Sequence[str], trainer_state: Any = None, **columns: Any) -> list[float]:
        from accelerate.utils import broadcast_object_list, gather_object  # torch

        missing = [name for name in NEEDED if columns.get(name) is None or None in columns[name]]
        if missing:
            raise UserError(f"ms-swift hands over no {', '.join(missing)}; the lengths of rollouts are not known")
        rows = {name: values for name, values in columns.items() if _one_each(values, len(completions))}
        own = [{name: values[place] for name, values in rows.items()} for place in range(len(completions))]
        mine = [(str(row["prompt_id"]), text, row) for text, row in zip(completions, own, strict=True)]
        counts = gather_object([len(mine)])
        every = list(chain(gather_object(mine)))
        rank = _rank()
        found: list[Any] = [self._values(every, trainer_state) if rank == 0 else None]
        broadcast_object_list(found)  # judged and remembered once, by one process
        (values,) = found
        if isinstance(values, str):
            raise UserError(values)
        start = sum(counts[:rank])
        return list(values[start : start + len(mine)])

    def _values(self, every: Sequence[tuple[str, str, Mapping[str, Any]]], trainer_state: Any) -> list[float] | str:
        """One reward a rollout of all ranks, or an error in words, which all ranks then raise."""
        groups: dict[str, list[int]] = {}
        for place, (prompt_id, _, _) in enumerate(every):
            groups.setdefault(prompt_id, []).append(place)
        training = not any(row.get("evaluation") for _, _, row in every)
        try:
            with HOST.told():
                told = [self._told([every[place][1:] for place in places]) for places in groups.values()]
                step = int(trainer_state.global_step) if trainer_state else None
            scored = self.scorer.score(told, step, training)
        except UserError as error:
            return str(error)
        values = [0.0] * len(every)
        for places, each in zip(groups.values(), scored, strict=True):
            for place, value in zip(places, each.filled, strict=True):
                values[place] = value
        return values

    def _told(self, members: Sequence[tuple[str, Mapping[str, Any]]]) -> Told:
        _, first = members[0]
        prompt = [{"role": turn["role"], "content": turn["content"]} for turn in first["messages"][:-1]]
        said = [Said(_flat(row["response_token_ids"]), not row["is_truncated"], text) for text, row in members]
        return Told(prompt, value_at(first, self.method.answer or ANSWER), said, first)


def _flat(ids: Sequence[Any]) -> list[int]:
    """Token ids, which come turn by turn, or of one turn as they are. Errors: UserError where there are none."""
    if not ids:
        raise UserError("ms-swift hands over a rollout without its token ids: let vLLM sample (--use_vllm true)")
    return list(chain.from_iterable(each if isinstance(each, list | tuple) else [each] for each in ids))


def _rank() -> int:
    from rl.ranks import launched

    return int(launched().process_index)


def _one_each(values: Any, rows: int) -> bool:
    return isinstance(values, list | tuple) and len(values) == rows
