"""verl: a reward manager in which the rollouts of a prompt wait for one another. Written against 0.9.1.

    reward.num_workers=1 reward.reward_manager.source=importlib reward.reward_manager.name=RewardManager
    reward.reward_manager.module.path=pkg://rl.elsewhere.trainers.verl

verl hands rollouts over one by one, each to any of its reward workers: so there must be one worker. `verl_advantage.py`
has the estimator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from verl import DataProto  # type: ignore[import-not-found]
from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase  # type: ignore[import-not-found]

from rl.elsewhere.groups.barrier import Barrier
from rl.elsewhere.groups.host import Host
from rl.elsewhere.groups.method import read_method
from rl.elsewhere.groups.scorer import GroupScorer
from rl.elsewhere.groups.told import Result, Said, Told
from rl.errors import UserError
from rl.problems.paths import value_at

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

HOST = Host("verl", "0.9.1", steps=True, advantages=True, evaluation=True, logs=True)
HELD_OUT = {"test", "val", "valid", "validation", "eval", "dev"}
"""What `extra_info.split` says in the rows of verl's validation sets: verl itself does not say when it validates."""
ANSWER = "reward_model.ground_truth"
LARGE = {"raw_prompt", "tool_extra_fields", "multi_modal_data"}
"""Not for rewards, which get copies of columns."""


@dataclass(frozen=True)
class Member:
    """One rollout of a prompt."""

    said: Said
    prompt: Any
    prompt_ids: list[int]
    columns: Mapping[str, Any]
    step: int | None
    training: bool


class RewardManager(RewardManagerBase):  # type: ignore[misc]
    """Rewards of whole groups; the method is the one that `LENGTHWISE_METHOD` names.

    Errors: UserError for more than one reward worker, and for a method that verl's hook cannot do.
    """

    def __init__(
        self,
        config: Any,
        tokenizer: PreTrainedTokenizerBase,
        compute_score: Any = None,
        reward_router_address: str | None = None,
        reward_model_tokenizer: Any = None,
    ) -> None:
        super().__init__(config, tokenizer, compute_score)
        if config.reward.num_workers != 1:
            raise UserError(
                f"verl hands the rollouts of a prompt to any of its {config.reward.num_workers} reward workers, and "
                "they must meet in one: set reward.num_workers=1"
            )
        self.method = read_method()
        self.scorer = GroupScorer(self.method, HOST, tokenizer)
        rollout = config.actor_rollout_ref.rollout
        self.sizes = {True: int(rollout.n), False: int(rollout.val_kwargs.n)}
        """Rollouts of a prompt, by whether it trains."""
        self.barrier: Barrier[Member, Result] = Barrier(self._score, self.method.patience)

    async def run_single(self, data: DataProto) -> dict[str, Any]:
        """One rollout's reward, once those of its prompt are there."""
        with HOST.told():
            key, member = self._member(data)
        async with self.barrier.place((key, member.training), self.sizes[member.training]) as join:
            result = await join(member)
        return {
            "reward_score": result.reward,
            "reward_extra_info": {
                "acc": result.correct,
                "length": float(result.length),
                "judged": float(result.judged),
                "missing": float(self.barrier.missing),
            },
        }

    def _member(self, data: DataProto) -> tuple[str, Member]:
        """A rollout after what it has in common with its siblings."""
        row = data[-1:][0]  # of a rollout of several outputs, the last, as verl's own managers
        fields = row.non_tensor_batch
        prompt_ids, response_ids = _tokens(row)
        member = Member(
            Said(response_ids, self.scorer.ended(response_ids)),
            _prompt(fields, self.tokenizer, prompt_ids),
            prompt_ids,
            {name: value for name, value in fields.items() if name not in LARGE},
            _step(fields),
            not _held_out(fields.get("extra_info")),
        )
        return str(fields["uid"] if "uid" in fields else (tuple(prompt_ids), member.step)), member

    def _score(self, members: Sequence[Member], first: bool) -> list[Result]:
        one = members[0]
        answer = value_at(one.columns, self.method.answer or ANSWER)
        told = Told(one.prompt, answer, [each.said for each in members], one.columns, one.prompt_ids)
        (scored,) = self.scorer.score([told], one.step, training=one.training and first)
        return scored.results


def _tokens(row: Any) -> tuple[list[int], list[int]]:
    """The ids of a row's prompt and response, padding left out."""
    width = row.batch["prompts"].shape[-1]
    mask = row.batch["attention_mask"].bool()
    return row.batch["prompts"][mask[:width]].tolist(), row.batch["responses"][mask[width:]].tolist()


def _prompt(fields: Mapping[str, Any], tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> Any:
    """The turns of a prompt as they stand in the data, or else its text."""
    turns = fields.get("raw_prompt")
    return str(tokenizer.decode(list(ids))) if turns is None else [dict(turn) for turn in turns]


def _step(fields: Mapping[str, Any]) -> int | None:
    return int(fields["global_steps"]) if "global_steps" in fields else None


def _held_out(extra: Any) -> bool:
    return isinstance(extra, Mapping) and str(extra.get("split")) in HELD_OUT
