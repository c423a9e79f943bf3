"""What `LengthGRPOTrainer` adds to TRL's configuration."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, get_type_hints

from accelerate import ParallelismConfig
from trl import GRPOConfig

from rl.credit.calling.estimator import Estimator
from rl.errors import UserError
from rl.ranks import PATIENCE
from rl.recipe import refusals


@dataclass
class LengthGRPOConfig(GRPOConfig):
    """TRL's `GRPOConfig` with the settings of length control.

    A *round* is one generation batch and the updates made from it: `round_steps` optimiser steps.
    Checkpoints fall on round ends, so `save_steps` is rounded up to a multiple of that.
    """

    ddp_timeout: int = field(
        default=PATIENCE, metadata={"help": "Seconds that the ranks of a launch wait for one another."}
    )
    advantage: str = field(
        default="group", metadata={"help": "Advantage estimator: a name of rl.credit, file.py:name or module:name."}
    )
    advantage_options: dict[str, Any] = field(default_factory=dict, metadata={"help": "Options of the estimator."})
    dynamic_sampling: bool = field(
        default=False, metadata={"help": "Replace groups whose reward does not vary by fresh ones."}
    )
    max_sampling_rounds: int = field(default=4, metadata={"help": "Generation rounds a batch may take."})
    filter_on: str = field(default="raw", metadata={"help": "Which reward must vary: raw or shaped."})
    truncated: str = field(
        default="wrong", metadata={"help": "Raw reward of a truncated rollout: wrong (0), or judge its text."}
    )
    max_staleness: int = field(
        default=0,
        metadata={
            "help": "Rounds that generation may run ahead of training, and so how many weight versions old a rollout "
            "may be. 0: every round is sampled by the weights it trains."
        },
    )
    oversample: float = field(
        default=1.0,
        metadata={
            "help": "How many times as many groups as a round needs are begun for it; those that it closes without go "
            "on in later rounds, of at most max_staleness. 1: none are left over."
        },
    )
    correct_rollouts: bool = field(
        default=False,
        metadata={
            "help": "Weigh each token by what lies between the weights and the engine that sampled it and those that "
            "train, by TRL's vllm_importance_sampling_* settings. False: not even if those say so."
        },
    )
    vllm_importance_sampling_mode: str = field(
        default="token_truncate",
        metadata={"help": "TRL's setting. Per token here: its sequence modes drop long rollouts first."},
    )
    rollout_batch_size: int | None = field(default=None, metadata={"help": "Rollouts side by side on a rank."})
    rollout_check_steps: int = field(
        default=20, metadata={"help": "Steps between comparisons of an engine's weights with the trainer's."}
    )
    keep_steps: int | None = field(
        default=None,
        metadata={"help": "Checkpoints at multiples of so many steps stay, beside the newest save_total_limit ones."},
    )
    sequence_chunk: int | None = field(
        default=None,
        metadata={
            "help": "Train on long completions this many tokens at a time (rl.updates.chunked): exact, in less memory "
            "than gradient_checkpointing, which it takes the place of."
        },
    )
    sequence_chunk_share: float = field(
        default=1.0,
        metadata={
            "help": "The chance of each chunk of sequence_chunk that gradients go through it; the gradient is exact in "
            "the mean (rl.updates.chunked.sparse). 1: all of them, and exact."
        },
    )
    offload_activations: bool = field(
        default=False,
        metadata={
            "help": "Keep what gradient_checkpointing or sequence_chunk keeps of each layer in host memory until the "
            "backward pass (rl.updates.host)."
        },
    )
    tokens_per_micro_batch: int | None = field(
        default=None,
        metadata={
            "help": "Leave out rollouts without gradient and pack the others into micro-batches of at most so many "
            "tokens, padding counted. None: TRL's own loop, over all rollouts padded to the longest."
        },
    )
    sequence_ranks: int = field(
        default=1,
        metadata={
            "help": "Ranks that may share a packed micro-batch, each with a part of its tokens (rl.updates.sequence): "
            "each rollout is on as few as hold it, a rank holding its part of tokens_per_micro_batch. Must divide the "
            "ranks of the launch and the model's attention heads."
        },
    )
    kl_cov: float | None = field(
        default=None,
        metadata={
            "help": "The share of a micro-batch's tokens, those that cost most entropy, that get KL-Cov's penalty "
            "(rl.updates.kl_cov). No ratio is clipped then, so epsilon and epsilon_high are without effect, and the "
            "penalty is 0 in a round's first update. None: none."
        },
    )
    kl_cov_coef: float = field(
        default=1.0, metadata={"help": "Weight of that penalty, the distance of the log-prob from the old one."}
    )

    def __post_init__(self) -> None:
        given: Any = vars(self)["parallelism_config"]
        if isinstance(given, dict):  # as a recipe gives it
            self.parallelism_config = given = ParallelismConfig(**given)
        self._take_over(given)
        if refusals.fully_sharded(self) and self.accelerator_config is None:
            # Each rank would keep the whole gradient from one micro-batch to the next.
            self.accelerator_config: Any = {"gradient_accumulation_kwargs": {"sync_each_batch": True}}
        super().__post_init__()
        if self.sequence_chunk is not None:
            _require_at_least(1, "token", sequence_chunk=self.sequence_chunk)
            self.gradient_checkpointing = False
            self.activation_checkpointing = False  # its name from transformers 5.24 on
        _require_at_least(0, "rounds", max_staleness=self.max_staleness)
        refusals.require_partial(self)
        self.correct_rollouts = self.correct_rollouts and self.vllm_importance_sampling_correction
        if self.correct_rollouts:
            refusals.require_correctable(self)
        Estimator(self.advantage, self.advantage_options)
        _require_at_least(1, "optimiser step", rollout_check_steps=self.rollout_check_steps)
        _require_at_least(1, "", max_sampling_rounds=self.max_sampling_rounds)
        refusals.require_whole_weights(self)
        refusals.refuse_repetition_penalty(self)
        refusals.require_whole_steps(self)
        refusals.require_resumable(self)
        if self.tokens_per_micro_batch is not None:
            _require_at_least(1, "", tokens_per_micro_batch=self.tokens_per_micro_batch)
            refusals.require_packable(self)
        _require_at_least(1, "rank", sequence_ranks=self.sequence_ranks)
        if self.sequence_ranks > 1:
            refusals.require_shareable(self)
        refusals.require_kept(self)
        if self.kl_cov is not None:
            refusals.require_unclipped(self, self.kl_cov)
        if self.save_strategy == "steps":
            every: float = self.save_steps
            if every < 1:
                raise UserError(f"save_steps must be a whole number of optimiser steps, not {every}")
            self.save_steps: float = -(-int(every) // self.round_steps) * self.round_steps
            if self.keep_steps is not None and self.keep_steps % self.save_steps:
                raise UserError(
                    f"keep_steps ({self.keep_steps}) is no multiple of save_steps ({self.save_steps}, whole rounds): "
                    "most of what it is to keep would never be written; change either"
                )

    def _take_over(self, given: ParallelismConfig | None) -> None:
        """What accelerate would split sequences by is `sequence_ranks`."""
        ranks = refusals.sequence_ranks_of(given)
        if ranks == 1:
            return
        if self.sequence_ranks not in (1, ranks):
            raise UserError(
                f"trainer.sequence_ranks {self.sequence_ranks} and accelerate's sp_size {ranks} differ; give one"
            )
        self.sequence_ranks = ranks
        self.parallelism_config = None

    def require_problems(self, count: int, source: str) -> None:
        """Refuse a set of problems that cannot fill one round."""
        if count < self.groups_per_round:
            raise UserError(
                f"{source}: {count} problems cannot fill a round of {self.groups_per_round} groups; "
                "give more problems or a smaller generation batch"
            )

    @property
    def round_steps(self) -> int:
        """Optimiser steps made from one generation batch."""
        return int(self.steps_per_generation * self.num_iterations // self.gradient_accumulation_steps)

    @property
    def round_updates(self) -> int:
        """Optimiser steps that go once over all of a generation batch."""
        return int(self.steps_per_generation // self.gradient_accumulation_steps)

    @property
    def groups_per_round(self) -> int:
        """Groups in one generation batch, over all ranks."""
        return int(self.generation_batch_size // self.num_generations)


def field_types() -> dict[str, Any]:
    """The type of each setting by its name."""
    hints = get_type_hints(LengthGRPOConfig)
    return {each.name: hints[each.name] for each in fields(LengthGRPOConfig) if each.init}


def _require_at_least(least: int, unit: str, **setting: int) -> None:
    for name, value in setting.items():
        if value < least:
            raise UserError(f"{name} must be at least {f'{least} {unit}'.rstrip()}, not {value}")
