"""TRL's `GRPOTrainer` with rounds of our own: the one subclass, which hands over to its parts.

| part | what it does |
|---|---|
| `rounds` (`rl.rounds.maker`) | makes a round: asks, judges, scores, samples again, estimates |
| `weights` (`weights.py`) | brings what is trained to the engine that samples |
| `updates` (`plain.py`, `packed.py`) | has TRL make its updates as they are, or over packed micro-batches |
| `teller` (`telling.py`) | logs a round, warns of what seems wrong, hands it on |
| `divergence` | ends a run before a checkpoint holds numbers that are none |
| `writing`, `unlogged` | checkpoints that are there whole; what is not logged yet when one is taken |
| `signals` | saves and ends when told to |

TRL keeps what it does well: prompts to tokens, padding, log-probs, losses, optimiser, checkpoints. An override of one
of its methods is a few lines that call a part, and TRL's own. They stand in the order of a training step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback
from trl import GRPOTrainer

from curricula import BudgetSchedule, ProblemOrder
from rewards import LengthReward, Problem
from rewards.credit import TokenCredit
from rewards.edits import Edit
from rewards.types import Prompt
from rewards.verifier import Isolated, Verifier
from rl.folders import checkpoints
from rl.prompts import Known
from rl.recipe.config import LengthGRPOConfig
from rl.recipe.refusals import taken_over
from rl.rollouts import Engine, TransformersEngine
from rl.rollouts.rows import shifts
from rl.rounds.budgets import Budgets
from rl.rounds.editing import extra_of
from rl.rounds.round import Round
from rl.trainer.divergence import Divergence
from rl.trainer.gathered import copy_start
from rl.trainer.lora import all_adapters
from rl.trainer.packed import PackedUpdates, attend_without_padding
from rl.trainer.parts import round_maker
from rl.trainer.plain import PlainUpdates
from rl.trainer.signals import Signals
from rl.trainer.telling import Teller
from rl.trainer.unlogged import Unlogged
from rl.trainer.weights import TrainedWeights
from rl.trainer.writing import CheckpointWriting
from rl.updates import by_token
from rl.updates.chunked import chunk_sequence
from rl.updates.host import in_host_memory
from rl.updates.kl_cov import KlCov
from rl.updates.right_padded import right_padded


class LengthGRPOTrainer(GRPOTrainer):
    """GRPO with rewards over whole groups, a token budget, per-problem history and dynamic sampling.

    `problems` replaces TRL's `train_dataset`, in the given `order`; `rewards` are group rewards, weighted by
    `args.reward_weights`; `budget` caps every rollout; `monitor` problems set the controllers of rewards that have
    one; finished rounds go to `on_round`, if given; `engine` samples, by default from the trainer's own model. `edits`
    change judged groups, `credit` says which tokens earned an advantage. The state of all parts is part of each
    checkpoint.
    """

    _name = "Lengthwise GRPO"
    args: LengthGRPOConfig

    def __init__(
        self,
        model: str | PreTrainedModel,
        args: LengthGRPOConfig,
        problems: Sequence[Problem],
        rewards: Sequence[LengthReward],
        budget: BudgetSchedule | Budgets,
        verifier: Verifier,
        processing_class: PreTrainedTokenizerBase | None = None,
        order: ProblemOrder | None = None,
        monitor: Sequence[Problem] = (),
        on_round: Callable[[Round], None] | None = None,
        callbacks: list[TrainerCallback] | None = None,
        engine: Engine | None = None,
        edits: Sequence[Edit] = (),
        credit: TokenCredit | None = None,
        **kwargs: Any,
    ) -> None:
        args.require_problems(len(problems), "train")
        budgets = budget if isinstance(budget, Budgets) else Budgets(budget)
        budgets = replace(budgets, extra=max(budgets.extra, extra_of(edits)))
        # Dr. GRPO's loss divides by it: the most there may ever be, so the scale stays as the budget moves.
        args.max_completion_length = budgets.maximum
        if isinstance(verifier, Isolated):
            verifier.start()
        self.problems, self.engine = list(problems), engine or TransformersEngine(batch_size=args.rollout_batch_size)
        self.signals, self.writing, self.unlogged = Signals(args.round_steps), CheckpointWriting(self), Unlogged(self)
        self.divergence, self.known = Divergence(self), Known()
        attend_without_padding(model, args)
        self._round: Round | None = None
        with taken_over(args):
            super().__init__(
                model=model,
                args=args,
                reward_funcs=list(rewards),
                train_dataset=Dataset.from_list([{"prompt": p.prompt} for p in problems]),
                processing_class=processing_class,
                callbacks=[*(callbacks or ()), self.divergence, self.signals],
                **kwargs,
            )
        if self.ref_model is not None:
            copy_start(self.model, self.ref_model, self.accelerator.is_main_process)
        self.reward_func_names = [reward.name for reward in rewards]
        # TRL's name for "the rollouts come with the log-probs of who sampled them": its correction asks for it.
        self.use_vllm = args.correct_rollouts
        self.kl_cov = None if args.kl_cov is None else KlCov(args.kl_cov, args.kl_cov_coef)
        if self.kl_cov is not None:
            self.epsilon_low = self.epsilon_high = math.inf
        self.weights = TrainedWeights(self, self.engine, args.rollout_check_steps)
        self.rounds = round_maker(self, rewards, budgets, verifier, order, monitor, edits, credit)
        self.teller = Teller(self, args, on_round)
        packs = args.tokens_per_micro_batch is not None
        self.updates: PlainUpdates | PackedUpdates = PackedUpdates(self) if packs else PlainUpdates()
        if args.sequence_chunk is not None:
            for each in filter(None, (self.model, self.ref_model)):
                chunk_sequence(each, args.sequence_chunk, args.sequence_chunk_share)

    def encode(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        """Prompts to token ids, as TRL does it."""
        return self._tokenize_prompts(list(prompts))[0]  # type: ignore[no-any-return]

    def _tokenize_prompts(self, prompts: list[Any]) -> Any:
        """Each prompt once, however many rollouts have it, and parts of a step ask for it."""
        theirs, further = super()._tokenize_prompts, False

        def encode(new: list[Prompt]) -> list[list[int]]:
            nonlocal further
            ids, images, fields = theirs(new)
            further = bool(images or fields)
            return ids  # type: ignore[no-any-return]

        found = self.known.of(prompts, encode)
        if not further:
            return found, None, {}
        self.known.forget()  # what a tokenizer gives beside ids is for these rows
        return theirs(prompts)

    # A step begins: a round ----------------------------------------------------------------------

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Tensor:
        loss = self.updates.step(super().training_step, model, inputs, num_items_in_batch)
        self.teller.tell_update()
        return self.divergence.see_loss(loss)

    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:
        norm = super()._get_grad_norm(model, grad_norm=grad_norm)
        self.divergence.see_gradient(norm)
        return norm

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        return self.updates.prepare(super()._prepare_inputs, generation_batch)

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        if not self.model.training:
            raise RuntimeError("evaluate with rl.evaluation: in-training evaluation would sample like a round")
        step = self.state.global_step
        self.weights.bring(step)
        hooks = {"trainer_state": self.state, "log_metric": self._log_metric}
        with self.divergence.in_sampling():
            self._round = round_ = self.rounds.make(step, self.state.max_steps, hooks)
        self.engine.rest()
        self.updates.begin(round_)
        output: dict[str, Any] = super()._generate_and_score_completions(
            [{"prompt": prompt} for prompt in self._local(round_.prompts())]
        )
        advantages, credits = self._local(round_.advantages.to(output["advantages"])), self._local(round_.each_credit())
        output["advantages"] = by_token.advantages(advantages, credits, output["completion_ids"].size(1))
        self.teller.tell(round_, self.updates.end(output))
        return output

    def _generate(self, prompts: list[Any]) -> Any:
        """TRL decodes completions for its table of them only, and is told which tokens are not in the loss."""
        assert self._round is not None
        with nullcontext() if self.log_completions else _undecoded(self.processing_class):
            ids, completions, mask, *others = super()._generate(prompts)
        rollouts = self._round.rollouts()
        if any(rollout.masked for rollout in rollouts):
            mask = [by_token.trained(rollout.length, rollout.masked) for rollout in self._local(rollouts)]
        return ids, completions, mask, *others

    def _generate_single_turn(
        self, prompt_ids: Any, *args: Any, **kwargs: Any
    ) -> tuple[list[Any], list[list[float]] | None]:
        """The round's rollouts, which TRL takes for its own; token ids as arrays of the type that it makes of them."""
        assert self._round is not None
        own = self._local(self._round.rollouts())
        # Without log-probs, of another engine's rollout say, TRL takes a ratio of 1.
        logprobs = [list(r.logprobs) or [math.nan] * r.length for r in own] if self.corrects else None
        return [np.asarray(r.token_ids, dtype=np.int64) for r in own], logprobs

    def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any) -> Tensor:
        assert self._round is not None
        return torch.cat([scored.terms for scored in self._round.batch]).to(self.accelerator.device)

    def _local(self, rows: Any) -> Any:
        """This rank's slice of rows that all ranks hold."""
        size = len(rows) // self.accelerator.num_processes
        start = size * self.accelerator.process_index
        return rows[start : start + size]

    @property
    def corrects(self) -> bool:
        """Whether TRL corrects for what lies between the weights that sampled a rollout and those that train."""
        return bool(self.use_vllm and self.vllm_importance_sampling_correction)

    def wants_logprobs(self, step: int) -> bool:
        """Whether the engine's log-probs are wanted: to correct by, or while alarms watch if it draws from those."""
        whole = self.top_p == 1.0 and not self.top_k and self.min_p is None
        return self.corrects or (self.teller.alarms.watch(step) and whole and self.args.round_steps > 1)

    # Its updates ---------------------------------------------------------------------------------

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        theirs = super()._compute_loss
        with in_host_memory(model) if self.args.offload_activations else nullcontext():
            return self.updates.loss(
                theirs if self.kl_cov is None else partial(self.kl_cov.loss, theirs), model, inputs
            )

    def _get_per_token_logps_and_entropies(self, model: Any, *args: Any, **kwargs: Any) -> Any:
        theirs = super()._get_per_token_logps_and_entropies
        if shifts(self.model.config):
            theirs = partial(right_padded, theirs)
        found = self.updates.log_probs(theirs, model, *args, **kwargs)
        if self.kl_cov is not None:
            self.kl_cov.see(found[0])
        return found

    # Its checkpoint, and going on from one -------------------------------------------------------

    def run_state(self) -> dict[str, Any]:
        """What a checkpoint holds beside TRL's files, by part: plain JSON."""
        return self.rounds.state_dict() | {
            "alarms": self.teller.alarms.state_dict(),
            "unlogged": self.unlogged.state_dict(),
            "groups_per_round": self.args.groups_per_round,
        }

    def _get_output_dir(self, trial: Any) -> str:
        return self.writing.folder(super()._get_output_dir(trial))

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        theirs = super()._save_checkpoint
        self.writing.save(self._get_output_dir(trial=trial), lambda: theirs(model, trial))

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        self.writing.save_optimizer(output_dir, super()._save_optimizer_and_scheduler)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        theirs = partial(super()._load_from_checkpoint, resume_from_checkpoint, model)
        with all_adapters(self.model, Path(resume_from_checkpoint)):
            self.writing.load_weights(Path(resume_from_checkpoint), self.model if model is None else model, theirs)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None:
            state = checkpoints.read(Path(checkpoint))
            self.rounds.load_state_dict(state)
            self.teller.alarms.load_state_dict(state["alarms"])
            self.unlogged.load_state_dict(state["unlogged"])

    def _run_epoch(self, *args: Any, **kwargs: Any) -> None:
        self.unlogged.put_back()
        # From a checkpoint of the last step, transformers would make one more.
        if self.state.global_step < self.state.max_steps:
            super()._run_epoch(*args, **kwargs)


@contextmanager
def _undecoded(tokenizer: Any) -> Iterator[None]:
    """While the context lasts, a batch of completions is decoded to empty texts."""
    tokenizer.batch_decode = lambda completions, **_: [""] * len(completions)
    try:
        yield
    finally:
        del tokenizer.batch_decode
