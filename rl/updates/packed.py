"""TRL's trainer with updates that go through the model as `packing` plans them. The gradient is the plain loop's.

TRL keeps its losses, and is called once a packed micro-batch; the loss of each is scaled so that an update's losses add
up to what TRL's own micro-batches would have given (`packed_round.loss_scale`). All of an update's work is done in
the last of its gradient-accumulation steps; those before it do nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from accelerate.utils import DistributedType, broadcast_object_list
from torch import Tensor, nn
from trl import GRPOTrainer
from trl.trainer.utils import pad

from rl.errors import UserError
from rl.recipe.config import LengthGRPOConfig
from rl.rollouts import stable_seed
from rl.updates import correction, padding_free
from rl.updates.metrics import OneRank, join
from rl.updates.packed_round import Example, PackedRound, Update, loss_scale, token_share
from rl.updates.packing import Slot, members, plan_cells, plan_update


class PackedGRPOTrainer(GRPOTrainer):
    """`GRPOTrainer` that packs where `args.tokens_per_micro_batch` is set, and else is as it was."""

    args: LengthGRPOConfig
    accelerator: Any
    entropy_coef: float
    use_vllm: bool
    vllm_importance_sampling_correction: bool
    padding_free: bool
    """Whether a micro-batch goes through the model as one row without padding."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._packed: PackedRound | None = None
        super().__init__(*args, **kwargs)
        self.padding_free = self._packs and padding_free.supports(self.model, self.accelerator.device)
        if self._packs and self.aux_loss_enabled:
            raise UserError(
                "tokens_per_micro_batch would change the router's auxiliary loss, which depends on what is in a "
                "micro-batch; set router_aux_loss_coef to 0 or leave tokens_per_micro_batch out"
            )

    @property
    def _packs(self) -> bool:
        return self.args.tokens_per_micro_batch is not None

    def _examples(self) -> list[Example]:
        """All rollouts of the round in hand, in an order that is the same on every rank."""
        raise NotImplementedError

    # The round ---------------------------------------------------------------------------------

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        if not self._packs:
            return super()._generate_and_score_completions(inputs)  # type: ignore[no-any-return]
        self._packed = self._pack(self._examples())
        output: dict[str, Any] = super()._generate_and_score_completions(inputs)
        self._packed.close(output)
        if self.corrects:
            self._carry(self._packed, output)
        return output

    @property
    def corrects(self) -> bool:
        """Whether TRL corrects for what lies between the weights that sampled a rollout and those that train."""
        return bool(self.use_vllm and self.vllm_importance_sampling_correction)

    def _own_rows(self, packed: PackedRound) -> range:
        """The rows of the round that are this rank's in TRL's batch."""
        share = len(packed.examples) // self.accelerator.num_processes
        return range(share * self.accelerator.process_index, share * (self.accelerator.process_index + 1))

    def _carry(self, packed: PackedRound, output: dict[str, Any]) -> None:
        """Give the micro-batches the ratios that TRL made for its padded batch."""
        rank, own = self.accelerator.process_index, self._own_rows(packed)
        for name in correction.CARRIED:
            fill = float(name == "importance_sampling_ratio")
            values = correction.to_packed(packed, rank, output[name], own, fill)
            for batch, carried in zip(packed.batches(), values, strict=True):
                batch[name] = carried

    def _pack(self, examples: list[Example]) -> PackedRound:
        shortest = min(examples, key=lambda e: len(e.prompt_ids))
        blank = Example(shortest.prompt_ids, shortest.completion_ids[:1], 0.0, counts=False)
        packed = PackedRound(examples, [Update(rows, slots, []) for rows, slots in self._plan(examples)])
        for update in packed.updates:
            for slot in update.slots:
                own = slot[self.accelerator.process_index]
                scale = loss_scale(self.loss_type, own, packed.tokens, self.args.per_device_train_batch_size) or 1.0
                scales = {"loss_scale": scale, "entropy_scale": token_share(own, packed.tokens) / scale}
                update.batches.append({**self._tensors([examples[row] for row in own.rows] or [blank]), **scales})
        metrics = self._metrics["train"]
        metrics["packing/left"].append(packed.left)
        metrics["packing/padding"].append(0.0 if self.padding_free else packed.padding)
        metrics["packing/micro_batches"].append(sum(1 for _ in packed.batches()) / len(packed.updates))
        return packed

    def _plan(self, examples: list[Example]) -> list[tuple[list[int], list[Slot]]]:
        """Each update's rows and slots, the same on every rank."""
        args, ranks, padded = self.args, self.accelerator.num_processes, not self.padding_free
        limit = args.tokens_per_micro_batch
        assert limit is not None
        everyone = self.beta != 0.0 or self._entropy_bonus_enabled
        stays = [bool(e.tokens and (everyone or e.advantage)) for e in examples]
        (stays,) = broadcast_object_list([stays])  # another machine's rounding must not make another plan
        sizes = [e.size for e in examples]
        updates = members(len(examples), args.round_updates, stable_seed(args.seed, self.state.global_step))
        if self.loss_type == "bnpo" or self._entropy_bonus_enabled:
            cell = args.per_device_train_batch_size
            return [(rows, plan_cells(rows, sizes, stays, ranks, limit, cell, padded)) for rows in updates]
        return [(rows, plan_update(rows, sizes, stays, ranks, limit, padded)) for rows in updates]

    def _tensors(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        """Rows as `_compute_loss` takes them. A row that does not count has its completion masked."""
        prompts = [torch.tensor(e.prompt_ids) for e in examples]
        completions = [torch.tensor(e.completion_ids) for e in examples]
        masks = [torch.full_like(ids, e.counts) for ids, e in zip(completions, examples, strict=True)]
        fill, multiple = self._tokenizer.pad_token_id, self.pad_to_multiple_of
        tensors = {
            "prompt_ids": pad(prompts, fill, "left", multiple),
            "prompt_mask": pad([torch.ones_like(ids) for ids in prompts], 0, "left", multiple),
            "completion_ids": pad(completions, fill, "right", multiple),
            "completion_mask": pad(masks, 0, "right", multiple),
            "advantages": torch.tensor([e.advantage for e in examples], dtype=torch.float32),
        }
        return {name: tensor.to(self.accelerator.device) for name, tensor in tensors.items()}

    def _get_per_token_logps_and_entropies(
        self,
        model: nn.Module,
        input_ids: Tensor,
        attention_mask: Tensor,
        logits_to_keep: int,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        if self._packed is not None and self._packed.open:
            # TRL asks for its whole padded generation batch: give the answers to the packed micro-batches instead.
            logps = [self._logps(model, *_joined(batch))[0] for batch in self._packed.batches()]
            self._packed.passes.append(logps)
            if self.corrects and len(self._packed.passes) == 1:  # the old ones: TRL makes ratios of them
                rank, own = self.accelerator.process_index, self._own_rows(self._packed)
                return correction.to_padded(self._packed, rank, logps, own, logits_to_keep), None, None
            return input_ids.new_zeros((), dtype=torch.float32).expand(len(input_ids), logits_to_keep), None, None
        return self._logps(model, input_ids, attention_mask, logits_to_keep, *args, **kwargs)

    def _logps(self, model: nn.Module, ids: Tensor, mask: Tensor, keep: int, *args: Any, **kwargs: Any) -> Any:
        if not self.padding_free:
            return super()._get_per_token_logps_and_entropies(model, ids, mask, keep, *args, **kwargs)
        with self.accelerator.autocast():
            outputs = model(**padding_free.end_to_end(ids, mask, keep), fused_lm_head=True)
        entropy = padding_free.back_to_rows(outputs.entropy, mask, keep) if kwargs.get("compute_entropy") else None
        return padding_free.back_to_rows(outputs.log_probs, mask, keep), entropy, None

    # The update --------------------------------------------------------------------------------

    def training_step(self, model: nn.Module, inputs: Any, num_items_in_batch: Any = None) -> Tensor:
        if not self._packs:
            return super().training_step(model, inputs, num_items_in_batch)  # type: ignore[no-any-return]
        if not self.accelerator.sync_gradients:
            self._step += 1
            return torch.zeros((), device=self.args.device)
        started = time.perf_counter()
        place = self._step // self.args.gradient_accumulation_steps % self.args.round_steps
        if place == 0 or self._packed is None:
            model.train()
            self._generate_and_score_completions(inputs)
        assert self._packed is not None
        update = self._packed.updates[place % self.args.round_updates]
        before = {name: len(values) for name, values in self._metrics["train"].items()}
        loss = torch.zeros((), device=self.args.device)
        for batch in update.batches[:-1]:
            with self._accumulating(model):
                # Transformers' step under TRL's, which counts steps and the time of one.
                loss += super(GRPOTrainer, self).training_step(model, batch, num_items_in_batch)
        self._current_train_step_time += time.perf_counter() - started
        loss += super().training_step(model, update.batches[-1], num_items_in_batch)
        by_sequence = self.importance_sampling_level == "sequence"
        accumulation, rank = self.args.gradient_accumulation_steps, self.accelerator.process_index
        join(self._metrics["train"], before, update, self._packed.tokens, rank, accumulation, by_sequence)
        if self._entropy_bonus_enabled:
            self._metrics["train"]["entropy_coef"][-1] = self.entropy_coef
        return loss

    @contextmanager
    def _accumulating(self, model: nn.Module) -> Iterator[None]:
        """Backward without an exchange of gradients, as transformers' loop has it for all micro-steps but the last."""
        state = self.accelerator.gradient_state
        each = state.plugin_kwargs.get("sync_each_batch", False)
        deepspeed = self.accelerator.distributed_type == DistributedType.DEEPSPEED
        unsynced: AbstractContextManager[None] = nullcontext() if each or deepspeed else self.accelerator.no_sync(model)
        state._set_sync_gradients(False)
        try:
            with unsynced:
                yield
        finally:
            state._set_sync_gradients(True)

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        return generation_batch if self._packs else super()._prepare_inputs(generation_batch)

    def _compute_loss(self, model: nn.Module, inputs: dict[str, Any]) -> Tensor:
        if not self._packs:
            return super()._compute_loss(model, inputs)  # type: ignore[no-any-return]
        accelerator, coefficient = self.accelerator, self.entropy_coef
        self.accelerator = OneRank(accelerator)
        self.entropy_coef *= inputs["entropy_scale"]
        try:
            return super()._compute_loss(model, inputs) * inputs["loss_scale"]  # type: ignore[no-any-return]
        finally:
            self.accelerator, self.entropy_coef = accelerator, coefficient


def _joined(batch: dict[str, Any]) -> tuple[Tensor, Tensor, int]:
    """Token ids, mask and completion width, as TRL's log-probs take them."""
    ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1)
    mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1)
    return ids, mask, batch["completion_ids"].size(1)
