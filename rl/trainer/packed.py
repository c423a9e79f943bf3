"""TRL's updates, through the model as `rl.updates` packs them. The gradient is the plain loop's.

TRL keeps its losses, and is called once a packed micro-batch; the loss of each is scaled so that an update's losses add
up to what TRL's own micro-batches would have given (`packed_round.loss_scale`). All of an update's work is done in the
last of its gradient-accumulation steps; those before it do nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from accelerate.utils import DistributedType, gather_object
from torch import Tensor, nn
from transformers import PretrainedConfig
from trl import GRPOTrainer

from rewards import Rollout
from rewards.compact import Compact, token_ids
from rewards.types import Prompt
from rl.errors import UserError
from rl.recipe.config import LengthGRPOConfig
from rl.rounds.round import Round
from rl.trainer.lora import trainable
from rl.trainer.plain import Theirs
from rl.updates import correction, padding_free, varlen
from rl.updates.cost import cost_of
from rl.updates.metrics import OneRank, finished, imbalance, join
from rl.updates.packed_round import Example, PackedRound
from rl.updates.packer import Packer
from rl.updates.packing import PADDED
from rl.updates.sequence import ALONE, join_groups, require_heads

UNSHARDED = (DistributedType.MULTI_CPU, DistributedType.MULTI_GPU)
"""Launches in which ranks wait for each other only in an update's last micro-batch."""


def require_packable(settings: PretrainedConfig, config: LengthGRPOConfig) -> None:
    """Refuse to pack for a model whose loss depends on what is in a micro-batch. Errors: UserError."""
    text, coefficient = settings.get_text_config(), config.router_aux_loss_coef
    if coefficient is None:
        coefficient = getattr(text, "router_aux_loss_coef", 0.0)
    if hasattr(text, "output_router_logits") and coefficient != 0:
        raise UserError(
            "tokens_per_micro_batch would change the router's auxiliary loss, which depends on what is in a "
            "micro-batch; set trainer.router_aux_loss_coef to 0 or leave tokens_per_micro_batch out"
        )


def require_sequence_ranks(settings: PretrainedConfig, config: LengthGRPOConfig) -> None:
    """Refuse a model that `sequence_ranks` cannot share out. Errors: UserError."""
    if config.sequence_ranks == 1:
        return
    require_heads(settings, config.sequence_ranks)
    if config.sequence_chunk is None and not varlen.is_proven(settings):
        raise UserError(
            f"trainer.sequence_ranks is proven on {', '.join(varlen.PROVEN)} without dropout in attention, not on this "
            f"{settings.model_type}; set it to 1"
        )


def require_shareable_attention(model: Any, config: LengthGRPOConfig) -> None:
    """Refuse an attention of which ranks cannot have some heads each. Errors: UserError."""
    if config.sequence_ranks > 1 and config.sequence_chunk is None and not padding_free.is_ours(model):
        raise UserError(
            f"the model attends by {padding_free.attention_of(model)}, which ranks cannot share: "
            "trainer.sequence_ranks needs that of rows end to end (rl.updates.varlen), which runs on CPUs and on GPUs "
            "from Ampere on; set it to 1, or load the model without an attention of your choice"
        )


def attend_without_padding(model: Any, config: LengthGRPOConfig) -> None:
    """Have packed rows lie end to end where that is proven, unless the user chose an attention or chunks."""
    chosen = "attn_implementation" in (config.model_init_kwargs or {}) or config.sequence_chunk is not None
    if config.tokens_per_micro_batch is None or chosen or not hasattr(model, "config"):
        return
    if varlen.is_default(model.config, config.device):
        varlen.use(model)


class PackedUpdates:
    """What packing does where `trainer` would have TRL make its updates; the methods are those of `PlainUpdates`."""

    def __init__(self, trainer: Any) -> None:
        self.trainer = trainer
        self.round: PackedRound | None = None
        require_packable(trainer.model.config, trainer.args)
        args, accelerator = trainer.args, trainer.accelerator
        require_sequence_ranks(trainer.model.config, args)
        require_shareable_attention(trainer.model, args)
        self.groups = join_groups(args.sequence_ranks, args.sequence_chunk, args.ddp_timeout)
        self.group = ALONE
        _, parameters = trainable(trainer.model)
        self.packer = Packer(
            limit=args.tokens_per_micro_batch,
            updates=args.round_updates,
            seed=args.seed,
            loss_type=trainer.loss_type,
            per_device=args.per_device_train_batch_size,
            by_cell=trainer.loss_type == "bnpo" or trainer._entropy_bonus_enabled,
            everyone=trainer.beta != 0.0 or trainer._entropy_bonus_enabled or args.kl_cov is not None,
            padded=args.sequence_ranks == 1 and not padding_free.supports(trainer.model, accelerator.device),
            shares=padding_free.is_ours(trainer.model) or args.sequence_chunk is not None,
            parameters=parameters,
            each=cost_of(trainer.model.config, parameters),
            pad_id=trainer._tokenizer.pad_token_id,
            multiple=trainer.pad_to_multiple_of,
            device=accelerator.device,
            rank=accelerator.process_index,
            ranks=accelerator.num_processes,
            together=args.sequence_ranks,
        )

    # While TRL builds a round --------------------------------------------------------------------

    def begin(self, round_: Round) -> None:
        """Pack all rollouts of a round, which TRL is about to build."""
        rollouts, prompts = round_.rollouts(), self._tokenised(round_.prompts())
        columns = zip(rollouts, prompts, round_.advantages.tolist(), round_.each_credit(), strict=True)
        examples = [
            Example(prompt, rollout.token_ids, advantage, self._counts(rollout), rollout.masked, credit)
            for rollout, prompt, advantage, credit in columns
        ]
        self.round = packed = self.packer.pack(examples, round_.step)
        metrics = self.trainer._metrics["train"]
        metrics["packing/left"].append(packed.left)
        metrics["packing/padding"].append(packed.padding)
        metrics["packing/shared"].append(packed.shared)
        metrics["packing/imbalance"].append(packed.imbalance)
        metrics["packing/micro_batches"].append(sum(1 for _ in packed.batches()) / len(packed.updates))

    def _tokenised(self, prompts: Sequence[Prompt]) -> list[Compact[int]]:
        """Token ids of each; equal ones are one object. A rank tokenises those of its own rows, which TRL wants too."""
        own = self.trainer.encode(self.trainer._local(prompts))
        each = {id(ids): token_ids(ids) for ids in own}
        ranks: list[list[Compact[int]]] = gather_object([[each[id(ids)] for ids in own]])
        same: dict[bytes, Compact[int]] = {}
        return [same.setdefault(bytes(ids.memory), ids) for rank in ranks for ids in rank]

    def _counts(self, rollout: Rollout) -> bool:
        """Whether it is in the loss, by TRL's rule: `mask_truncated_completions` takes out what ends with no EOS."""
        trainer = self.trainer
        ends = (*trainer.eos_token_ids, trainer._tokenizer.pad_token_id)
        return not trainer.args.mask_truncated_completions or rollout.token_ids[-1] in ends

    def end(self, output: dict[str, Any]) -> list[dict[str, Any]]:
        """Give the micro-batches what TRL made of the round, ratios of its correction among it."""
        assert self.round is not None
        self.round.close(output)
        for name in correction.CARRIED if self.trainer.corrects else ():
            fill = float(name == "importance_sampling_ratio")
            values = correction.to_packed(self.round, self.packer.rank, output[name], self._own_rows(), fill)
            for batch, carried in zip(self.round.batches(), values, strict=True):
                batch[name] = carried
        return list(self.round.batches())

    def _own_rows(self) -> range:
        """The rows of the round that are this rank's in TRL's batch."""
        assert self.round is not None
        return self.trainer._local(range(len(self.round.examples)))  # type: ignore[no-any-return]

    def log_probs(
        self, theirs: Theirs, model: nn.Module, ids: Tensor, mask: Tensor, keep: int, *args: Any, **kwargs: Any
    ) -> Any:
        """TRL's `_get_per_token_logps_and_entropies`.

        While it builds a round, TRL asks for its whole padded batch: the answers are given to the packed micro-batches.
        """
        packed = self.round
        if packed is None or not packed.open:
            return self._log_probs(theirs, model, ids, mask, keep, *args, **kwargs)
        logps = []
        for batch in packed.batches():
            with self._shared_by(batch["ranks"]):
                logps.append(self._log_probs(theirs, model, *_joined(batch))[0])
        packed.passes.append(logps)
        if self.trainer.corrects and len(packed.passes) == 1:  # the old ones: TRL makes ratios of them
            return correction.to_padded(packed, self.packer.rank, logps, self._own_rows(), keep), None, None
        return ids.new_zeros((), dtype=torch.float32).expand(len(ids), keep), None, None

    def _log_probs(
        self, theirs: Theirs, model: nn.Module, ids: Tensor, mask: Tensor, keep: int, *args: Any, **kwargs: Any
    ) -> Any:
        layout = PADDED if self.round is None else self.round.layout
        if layout.padded:
            return theirs(model, ids, mask, keep, *args, **kwargs)
        row = padding_free.end_to_end(ids, mask, keep, shared=layout.prompts is not None)
        with self.trainer.accelerator.autocast():
            chunked = self.trainer.args.sequence_chunk is not None
            outputs = model(**padding_free.inputs_of(model, row, chunked, self.group), fused_lm_head=True)
        entropy = row.back(self.group.gathered(outputs.entropy)) if kwargs.get("compute_entropy") else None
        return row.back(self.group.gathered(outputs.log_probs)), entropy, None

    @contextmanager
    def _shared_by(self, ranks: int) -> Iterator[None]:
        """What goes through the model meanwhile is a micro-batch that so many ranks share."""
        self.group = self.groups[ranks]
        try:
            yield
        finally:
            self.group = ALONE

    # The update --------------------------------------------------------------------------------

    def prepare(self, theirs: Theirs, batch: Any) -> Any:
        """TRL's `_prepare_inputs`: micro-batches come prepared."""
        return batch

    def step(self, theirs: Theirs, model: nn.Module, inputs: Any, num_items_in_batch: Any) -> Tensor:
        """TRL's `training_step`: an update at the last of its gradient-accumulation steps, nothing before it."""
        trainer = self.trainer
        args, metrics = trainer.args, trainer._metrics["train"]
        if not trainer.accelerator.sync_gradients:
            trainer._step += 1
            return torch.zeros((), device=args.device)
        started = time.perf_counter()
        place = trainer._step // args.gradient_accumulation_steps % args.round_steps
        if place == 0 or self.round is None:
            model.train()
            trainer._generate_and_score_completions(inputs)
        assert self.round is not None
        update = self.round.updates[place % args.round_updates]
        before = {name: len(values) for name, values in metrics.items()}
        loss, alone = self._before_the_last(model, update.batches[:-1], num_items_in_batch)
        trainer._current_train_step_time += time.perf_counter() - started
        loss += theirs(model, update.batches[-1], num_items_in_batch) / update.batches[-1]["ranks"]
        by_sequence = trainer.importance_sampling_level == "sequence"
        accumulation = args.gradient_accumulation_steps
        join(metrics, before, update, self.round.tokens, self.packer.rank, accumulation, by_sequence)
        if len(update.batches) > 1 and trainer.accelerator.distributed_type in UNSHARDED:
            metrics["packing/imbalance_measured"].append(imbalance(alone))
        if trainer._entropy_bonus_enabled:
            metrics["entropy_coef"][-1] = trainer.entropy_coef
        return loss

    def _before_the_last(self, model: nn.Module, batches: Sequence[Any], num_items: Any) -> tuple[Tensor, float]:
        """The loss of an update's first micro-batches, in which no gradient is exchanged, and the seconds they took."""
        trainer, started = self.trainer, time.perf_counter()
        device = trainer.args.device
        loss = torch.zeros((), device=device)
        for batch in batches:
            with self._accumulating(model):
                # Transformers' step under TRL's, which counts steps and the time of one.
                own = super(GRPOTrainer, trainer).training_step(model, batch, num_items)  # type: ignore[misc]
                loss += own / batch["ranks"]  # all who share it have the whole of its loss
        if batches and trainer.accelerator.distributed_type in UNSHARDED:
            finished(device)
        return loss, time.perf_counter() - started

    @contextmanager
    def _accumulating(self, model: nn.Module) -> Iterator[None]:
        """Backward without an exchange of gradients, as transformers' loop has it for all micro-steps but the last."""
        accelerator = self.trainer.accelerator
        state = accelerator.gradient_state
        each = state.plugin_kwargs.get("sync_each_batch", False)
        deepspeed = accelerator.distributed_type == DistributedType.DEEPSPEED
        unsynced: AbstractContextManager[None] = nullcontext() if each or deepspeed else accelerator.no_sync(model)
        state._set_sync_gradients(False)
        try:
            with unsynced:
                yield
        finally:
            state._set_sync_gradients(True)

    def loss(self, theirs: Theirs, model: nn.Module, inputs: dict[str, Any]) -> Tensor:
        """TRL's `_compute_loss` of one micro-batch, scaled to its part of the update."""
        trainer = self.trainer
        accelerator, coefficient = trainer.accelerator, trainer.entropy_coef
        trainer.accelerator = OneRank(accelerator)
        trainer.entropy_coef *= inputs["entropy_scale"]
        try:
            with self._shared_by(inputs["ranks"]):
                scaled: Tensor = theirs(model, inputs) * inputs["loss_scale"]
        finally:
            trainer.accelerator, trainer.entropy_coef = accelerator, coefficient
        return scaled


def _joined(batch: dict[str, Any]) -> tuple[Tensor, Tensor, int]:
    """Token ids, mask and completion width, as TRL's log-probs take them."""
    ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1)
    mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1)
    return ids, mask, batch["completion_ids"].size(1)
