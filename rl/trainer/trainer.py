"""One training step, on TRL's `GRPOTrainer`: sample, judge, gather, score, filter, estimate, update.

TRL keeps what it does well: prompts to tokens, padding, log-probs, losses, optimiser, checkpoints.
This class supplies a round's rollouts and advantages, by four overrides that each call TRL's own:
`_generate_and_score_completions` (the round), `_generate_single_turn` and `_calculate_rewards` (hand
over what the round holds), and those that save, place and load a checkpoint and go on from it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object
from datasets import Dataset
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback

from curricula import Admission, BudgetSchedule, ProblemOrder
from curricula.order import AsGiven
from rewards import History, LengthReward, Monitor, Problem, Rollout
from rewards.verifier import Isolated, Verifier
from rl.credit.estimator import Estimator
from rl.folders import checkpoints
from rl.problems.sampler import PASS_RATE, ProblemSampler
from rl.recipe.config import LengthGRPOConfig
from rl.rollouts import Engine, TransformersEngine, stable_seed
from rl.rollouts.check import WeightCheck
from rl.rounds.ahead import Ahead
from rl.rounds.budgets import Budgets
from rl.rounds.round import (
    Round,
    ScoredGroup,
    look,
    observe,
    require_monitor,
    round_metrics,
    score,
    varies,
)
from rl.rounds.sampling import RoundSampling
from rl.trainer import unlogged
from rl.trainer.alarms import Alarms, distance
from rl.trainer.lora import REFERENCE
from rl.trainer.rolling import RollingTrainer
from rl.trainer.signals import Signals
from rl.updates.chunked import chunk_sequence
from rl.updates.packed_round import Example


class LengthGRPOTrainer(RollingTrainer):
    """GRPO with rewards over whole groups, a token budget, per-problem history and dynamic sampling.

    `problems` replaces TRL's `train_dataset`, in the given `order`; `rewards` are group rewards,
    weighted by `args.reward_weights`; `budget` caps every rollout; `monitor` problems set the
    controllers of rewards that have one; finished rounds go to `on_round`, if given; `engine` samples,
    by default from the trainer's own model. All of a run's
    own state (history, sampler position, groups left over, what estimator and alarms saw) is part of
    each checkpoint.
    """

    _name = "Lengthwise GRPO"

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
        on_round: Any = None,
        callbacks: list[TrainerCallback] | None = None,
        engine: Engine | None = None,
        **kwargs: Any,
    ) -> None:
        args.require_problems(len(problems), "train")
        self.problems = list(problems)
        self.rewards = list(rewards)
        self.budgets = budget if isinstance(budget, Budgets) else Budgets(budget)
        # Dr. GRPO's loss divides by it: the most there may ever be, so the scale stays as the budget moves.
        args.max_completion_length = self.budgets.maximum
        self.verifier = verifier
        if isinstance(verifier, Isolated):
            verifier.start()
        self._judging = 0.0
        self.alarms = Alarms(args, [reward.name for reward in self.rewards])
        self.history = History()
        order = order or (None if args.shuffle_dataset else AsGiven())
        self.sampler = ProblemSampler(self.problems, args.seed, order)
        self.sampling = RoundSampling(args.groups_per_round, args.max_sampling_rounds if args.dynamic_sampling else 1)
        self._saving = False
        self.estimator = Estimator(args.advantage, args.advantage_options, args.reward_weights or [1.0] * len(rewards))
        self.monitor = list(monitor)
        require_monitor(self.rewards, bool(self.monitor))
        self.on_round = on_round
        self.on_alarm: Callable[[int, str], None] | None = None
        self._round: Round | None = None
        self.engine = engine or TransformersEngine(batch_size=args.rollout_batch_size)
        self.ahead = Ahead(args.max_staleness)
        self._weight_check = WeightCheck(args.rollout_check_steps, half=args.bf16 or args.fp16)
        self._unlogged: dict[str, Any] | None = None
        self.signals = Signals(args.round_steps)
        super().__init__(
            model=model,
            args=args,
            reward_funcs=list(self.rewards),
            train_dataset=Dataset.from_list([{"prompt": p.prompt} for p in self.problems]),
            processing_class=processing_class,
            callbacks=[*(callbacks or ()), self.signals],
            **kwargs,
        )
        self.reward_func_names = [reward.name for reward in self.rewards]
        # TRL's name for "the rollouts come with the log-probs of who sampled them": its correction asks for it.
        self.use_vllm = args.correct_rollouts
        if args.sequence_chunk is not None:
            for each in filter(None, (self.model, self.ref_model)):
                chunk_sequence(each, args.sequence_chunk)

    # The round ---------------------------------------------------------------------------------

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        if not self.model.training:
            raise RuntimeError("evaluate with rl.evaluation: in-training evaluation would sample like a round")
        self._round = self._make_round()
        rows = [{"prompt": prompt} for prompt in self._local(self._round.prompts())]
        output: dict[str, Any] = super()._generate_and_score_completions(rows)
        advantages = self._round.advantages.to(output["advantages"])
        output["advantages"] = self._local(advantages)
        self._logs["advantages"].clear()
        self._logs["advantages"].extend(advantages.tolist())
        for name, value in (round_metrics(self._round, self.history) | self._engine_metrics(self._round)).items():
            self._metrics["train"][name].append(value)
        batches = [output] if self._packed is None else list(self._packed.batches())
        alarms = [*self.alarms.see(self._round), *self._compare_logprobs(batches)]
        if self.accelerator.is_main_process:
            for alarm in alarms:
                warnings.warn(alarm, stacklevel=1)
                if self.on_alarm is not None:
                    self.on_alarm(self._round.step, alarm)
            if self.on_round is not None:
                self.on_round(self._round)
        return output

    def _examples(self) -> list[Example]:
        assert self._round is not None
        masked = self.args.mask_truncated_completions
        rollouts, prompts = self._round.rollouts(), self._tokenize_prompts(list(self._round.prompts()))[0]
        return [
            Example(prompt, rollout.token_ids, advantage, not (masked and rollout.stop == "length"))
            for rollout, prompt, advantage in zip(rollouts, prompts, self._round.advantages.tolist(), strict=True)
        ]

    def _compare_logprobs(self, batches: Sequence[dict[str, Any]]) -> list[str]:
        """Alarms about the engine's log-probs and the old ones of this rank's batches, where both are there."""
        assert self._round is not None
        if not (self.alarms.watch(self._round.step) and self._asks_logprobs(self._round.step)):
            return []
        apart = gather_object([distance(self._round, (b for b in batches if "old_per_token_logps" in b))])
        return self.alarms.see_logprobs(sum(total for total, _ in apart), sum(tokens for _, tokens in apart))

    def _asks_logprobs(self, step: int) -> bool:
        """Whether the engine's log-probs are wanted: to correct by, or while alarms watch if it draws from those."""
        if self.corrects:
            return True
        whole = self.top_p == 1.0 and not self.top_k and self.min_p is None
        return self.alarms.watch(step) and whole and self.args.round_steps > 1

    def _make_round(self) -> Round:
        """Steps 1 to 6: a full batch of scored groups, the same on every rank."""
        step = self.state.global_step
        self._judging = 0.0
        self._mark_round()
        self._bring_weights(step)
        self._look(step)
        filled = self.sampling.fill(
            draw=lambda count, attempt: self._next_groups(count, step, attempt),
            score=lambda sampled: score(
                sampled, self.rewards, self.reward_weights, self.history, lambda g: self.budgets.rescored(g, step)
            ),
            useful=lambda scored: not self.args.dynamic_sampling or varies(scored, self.args.filter_on),
            in_force=lambda sampled: sampled.budget == self.budgets.of(step, sampled.group.problem),
            last=step + self.args.round_steps >= self.state.max_steps,
        )
        self.engine.rest()
        observe(filled.visited(), self.rewards, self.history)
        self._remember(filled.visited())
        self._roll_ahead(step)
        terms, totals = (torch.cat([getattr(scored, part) for scored in filled.batch]) for part in ("terms", "totals"))
        lengths = torch.tensor([r.length for s in filled.batch for r in s.group.rollouts], dtype=torch.float32)
        return Round(
            **vars(filled),
            step=step,
            number=step // self.args.round_steps,
            advantages=self.estimator(terms, totals, self.num_generations, lengths),
            reward_names=self.reward_func_names,
            judging=max(gather_object([self._judging])),
        )

    def _look(self, step: int) -> None:
        """Show the monitor set to every reward whose interval has passed since the round before."""
        due = [
            reward
            for reward in self.rewards
            if isinstance(reward, Monitor) and step % reward.interval < self.args.round_steps <= step
        ]
        if due:
            sampled = self._roll(self.monitor, step, stable_seed(self.args.seed, step, -1))
            look([self.budgets.rescored(each.group, step) for each in sampled], due, self.history)

    def _pass_rate(self, index: int) -> float | None:
        entry = self.history.get(PASS_RATE, self.problems[index].id)
        return entry["rate"] if entry else None

    def _remember(self, groups: Sequence[ScoredGroup]) -> None:
        """Write down each problem's accuracy, where the order goes by it."""
        for group in (scored.group for scored in groups if isinstance(self.sampler.order, Admission)):
            if (rate := group.accuracy()) is not None:
                self.history.put(PASS_RATE, group.problem.id, {"rate": rate})

    def _local(self, rows: Any) -> Any:
        """This rank's slice of rows that all ranks hold."""
        size = len(rows) // self.accelerator.num_processes
        start = size * self.accelerator.process_index
        return rows[start : start + size]

    # What TRL asks for while it builds the batch -------------------------------------------------

    def _generate_single_turn(
        self, prompt_ids: Any, *args: Any, **kwargs: Any
    ) -> tuple[list[list[int]], list[list[float]] | None]:
        assert self._round is not None
        own: list[Rollout] = self._local(self._round.rollouts())
        # Without log-probs, of another engine's rollout say, TRL takes a ratio of 1.
        logprobs = [list(r.logprobs) or [math.nan] * r.length for r in own] if self.corrects else None
        return [list(r.token_ids) for r in own], logprobs

    def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any) -> Tensor:
        assert self._round is not None
        return torch.cat([scored.terms for scored in self._round.batch]).to(self.accelerator.device)

    # Checkpoints ---------------------------------------------------------------------------------

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        root = Path(self._get_output_dir(trial=trial))
        self._saving = True
        try:
            super()._save_checkpoint(model, trial)
        finally:
            self._saving = False
        state = self.run_state()
        self.accelerator.wait_for_everyone()  # each rank writes its own random state
        if self.args.should_save:
            checkpoints.commit(root, f"checkpoint-{self.state.global_step}", state, self.args.save_total_limit)

    def _get_output_dir(self, trial: Any) -> str:
        """Where checkpoints lie; while one is being written, where unfinished ones do, so none there is deleted."""
        folder = super()._get_output_dir(trial)
        return str(Path(folder, checkpoints.WRITING)) if self._saving else folder

    def run_state(self) -> dict[str, Any]:
        """What a checkpoint holds beside TRL's files: plain JSON.

        Controllers keep what they know in the history; schedules are functions of the step.
        """
        return {
            "history": self.history.state_dict(),
            "sampler": self.sampler.state_dict(),
            "sampling": self.sampling.state_dict(),
            "estimator": self.estimator.state_dict(),
            "alarms": self.alarms.state_dict(),
            "ahead": self._ahead_state(),
            "unlogged": unlogged.collect(self),
        }

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Of adapters all, in the dtypes they train in.

        Beside a reference adapter, transformers reads that one only; and peft raises half precision,
        which TRL gives QLoRA's.
        """
        dtypes = {name: parameter.dtype for name, parameter in self.model.named_parameters()}
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        if Path(resume_from_checkpoint, REFERENCE).is_dir():
            self.model.load_adapter(resume_from_checkpoint, self.model.active_adapters[0], is_trainable=True)
        for name, parameter in self.model.named_parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.to(dtypes[name])

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None:
            state = checkpoints.read(Path(checkpoint))
            self.history.load_state_dict(state["history"])
            self.sampler.load_state_dict(state["sampler"])
            self.sampling.load_state_dict(state["sampling"], self.problems)
            self.estimator.load_state_dict(state["estimator"])
            self.alarms.load_state_dict(state["alarms"])
            self._load_ahead(state.get("ahead", ()))
            self._unlogged = state["unlogged"]

    def _run_epoch(self, *args: Any, **kwargs: Any) -> None:
        if self._unlogged is not None:
            unlogged.restore(self, self._unlogged)
            self._unlogged = None
        # From a checkpoint of the last step, transformers would make one more.
        if self.state.global_step < self.state.max_steps:
            super()._run_epoch(*args, **kwargs)
