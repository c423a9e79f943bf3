"""What the trainer asks of its rollout engine: weights in, groups out, now or a round ahead of its turn.

`rl.trainer.waiting` says what becomes of a run that has lost all its workers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from accelerate.utils import gather_object
from transformers import PreTrainedModel
from trl.models import unwrap_model_for_generation

from rewards import Group, LengthReward, Problem, Rollout
from rewards.verifier import Verifier
from rl.errors import UserError
from rl.rollouts import Completion, Sampling, stable_seed
from rl.rollouts.check import WeightCheck
from rl.rollouts.weights import is_adapter
from rl.rollouts.workers.engine import NoWorkers, Pending, WorkersEngine
from rl.rounds import ahead
from rl.rounds.ahead import Draw, Planned
from rl.rounds.budgets import Budgets
from rl.rounds.judging import judge_problems, texts_of
from rl.rounds.judging import rollouts as as_rollouts
from rl.rounds.round import Round, Sampled
from rl.trainer.gathered import is_sharded, whole_copy
from rl.trainer.waiting import WaitingTrainer


class RollingTrainer(WaitingTrainer):
    """Samples and judges groups. What is under way for later rounds is part of a checkpoint."""

    budgets: Budgets
    verifier: Verifier
    rewards: list[LengthReward]
    problems: list[Problem]
    _weight_check: WeightCheck
    _judging: float
    """Seconds in the verifier, in this round."""

    def _asks_logprobs(self, step: int) -> bool:
        raise NotImplementedError

    def _pass_rate(self, index: int) -> float | None:
        raise NotImplementedError

    def _bring_weights(self, step: int) -> None:
        """Have the engine sample from this step's weights, and from time to time see that it does."""
        if self.ahead.most and not isinstance(self.engine, WorkersEngine):
            raise UserError(
                "rollouts.max_staleness samples a round while another trains, which only rollouts.engine: workers can; "
                "set it to 0, or use workers"
            )
        self.engine.load_weights(self.weights_to_send, step)
        if self._weight_check.due(step):
            prompts = self._tokenize_prompts([problem.prompt for problem in self.problems[: WeightCheck.PROMPTS]])[0]
            self._weight_check(self.engine, self._weights_to_compare, prompts, self.eos_token_ids, step)

    # Groups ------------------------------------------------------------------------------------

    def _roll(self, problems: Sequence[Problem], step: int, seed: int) -> list[Sampled]:
        """Steps 2 to 4: each rank samples and judges its share; every rank gets all whole groups."""
        draw = self._draw(problems, step, seed)
        return self._groups(draw, self._complete(draw), step)

    def _next_groups(self, count: int, step: int, attempt: int) -> list[Sampled]:
        """Groups of the round that begins with `step`: what was asked for it ahead, or `count` fresh ones."""
        planned = self.ahead.take(step) if attempt == 0 else None
        if planned is None:
            problems = [self.problems[i] for i in self.sampler.take(count, self._pass_rate)]
            return self._roll(problems, step, stable_seed(self.args.seed, step, attempt))
        if planned.completions is None:
            pending = planned.pending or self._begin(planned.draw)
            planned.completions = self._wait(pending)
        return self._groups(planned.draw, planned.completions, planned.version)

    def _roll_ahead(self, step: int) -> None:
        """Ask for the first draws of the rounds after this one, by its weights. Nothing here waits for another rank."""
        for later in self.ahead.missing(step, self.args.round_steps, self.state.max_steps):
            missing = self.sampling.wanted - len(self.sampling.leftover)
            count = self.sampling.acceptance.groups_for(missing, self.sampling.wanted)
            problems = [self.problems[i] for i in self.sampler.take(count, self._pass_rate)]
            self.ahead.planned.append(Planned(self._draw(problems, later, stable_seed(self.args.seed, later, 0)), step))
        for planned in self.ahead.planned:
            if planned.pending is None and planned.completions is None:
                planned.version, planned.pending = step, self._begin(planned.draw)

    def _draw(self, problems: Sequence[Problem], step: int, seed: int) -> Draw:
        budgets = [self.budgets.of(step, problem) for problem in problems]
        asked = [self.budgets.written(p, budget) for p, budget in zip(problems, budgets, strict=True)]
        return Draw(list(problems), asked, budgets, step, seed, self.num_generations)

    def _complete(self, draw: Draw) -> list[Completion]:
        """This rank's completions. A rank without rows asks too: an engine may need every rank."""
        if isinstance(self.engine, WorkersEngine):
            return self._wait(self._begin(draw))
        return self.engine.generate(**self._request(draw))

    def _begin(self, draw: Draw) -> Pending:
        assert isinstance(self.engine, WorkersEngine)
        return self.engine.begin(**self._request(draw))

    def _request(self, draw: Draw) -> dict[str, Any]:
        """Arguments of an engine's `generate`."""
        rows = draw.rows()[self._share(draw)]
        return {
            "prompts": self._tokenize_prompts([problem.prompt for problem, _, _ in rows])[0] if rows else [],
            "budgets": [self.budgets.cap_of(budget) for _, budget, _ in rows],
            "sampling": Sampling(self.temperature, self.top_p, self.top_k, self.min_p),
            "eos_ids": self.eos_token_ids,
            "seeds": [seed for _, _, seed in rows],
            "logprobs": self._asks_logprobs(draw.step),
        }

    def _share(self, draw: Draw) -> slice:
        return draw.share(self.accelerator.process_index, self.accelerator.num_processes)

    def _groups(self, draw: Draw, completions: Sequence[Completion], version: int) -> list[Sampled]:
        """All ranks' completions, judged, as groups."""
        rows = draw.rows()[self._share(draw)]
        problems, budgets = [problem for problem, _, _ in rows], [budget for _, budget, _ in rows]
        texts = texts_of(self.processing_class, completions)
        hooks = {"trainer_state": self.state, "log_metric": self._log_metric}
        started = time.perf_counter()
        verdicts = judge_problems(self.verifier, problems, texts)
        self._judging += time.perf_counter() - started
        truncated = self.args.truncated
        own = as_rollouts(problems, completions, texts, budgets, verdicts, self.rewards, truncated, hooks)
        gathered: list[Rollout] = gather_object(own)
        size = draw.size
        groups = [Group(problem, tuple(gathered[i * size : (i + 1) * size])) for i, problem in enumerate(draw.asked)]
        return [Sampled(group, budget, version) for group, budget in zip(groups, draw.budgets, strict=True)]

    @contextmanager
    def whole_model(self) -> Iterator[PreTrainedModel]:
        """The model, unwrapped and with whole weights on every rank, to sample from without gradient."""
        if is_sharded(self.model_wrapped):
            with whole_copy(self.model_wrapped, self.accelerator.device, self._computes_in) as copy, torch.no_grad():
                yield copy
            return
        with (
            unwrap_model_for_generation(
                self.model_wrapped,
                self.accelerator,
                gather_deepspeed3_params=self.args.ds3_gather_for_generation,
                gradient_checkpointing_kwargs=self.args.gradient_checkpointing_kwargs,
            ) as model,
            torch.no_grad(),
        ):
            yield model

    @property
    def _computes_in(self) -> torch.dtype | None:
        """Half precision, where layers compute in it."""
        return torch.bfloat16 if self.args.bf16 else torch.float16 if self.args.fp16 else None

    @contextmanager
    def weights_to_send(self) -> Iterator[PreTrainedModel]:
        """The same for the engine. Only the first rank sends shards to workers, so only it holds the whole of them."""
        if not (is_sharded(self.model_wrapped) and isinstance(self.engine, WorkersEngine)):
            with self.whole_model() as model:
                yield model
            return
        device, main = self.accelerator.device, self.accelerator.is_main_process
        to, frozen = torch.device("cpu") if self.engine.channels is None else device, not is_adapter(self.model)
        with whole_copy(self.model_wrapped, device, self._computes_in, to, main, frozen) as copy, torch.no_grad():
            yield copy

    @contextmanager
    def _weights_to_compare(self) -> Iterator[PreTrainedModel]:
        """The same for a few forward passes, equally many on every rank, which shards can make in step."""
        if is_sharded(self.model_wrapped) and isinstance(self.engine, WorkersEngine):
            with torch.no_grad():
                yield self.model_wrapped
            return
        with self.whole_model() as model:
            yield model

    def _engine_metrics(self, round_: Round) -> dict[str, float]:
        """What befell the workers since the round before, and how many rounds old its rollouts are."""
        if not isinstance(self.engine, WorkersEngine):
            return {}
        ranks = gather_object([self.engine.counts()])
        ages = [round_.step - r.weight_version for r in round_.rollouts() if r.weight_version is not None]
        return {
            "rollouts/workers": min(each["workers"] for each in ranks),
            "rollouts/worker_failures": max(each["worker_failures"] for each in ranks),
            "rollouts/retried": sum(each["retried"] for each in ranks),
            "rollouts/stale_answers": sum(each["stale_answers"] for each in ranks),
            "rollouts/staleness": sum(ages) / len(ages) / self.args.round_steps if ages else 0.0,
        }

    # Checkpoints -------------------------------------------------------------------------------

    def _ahead_state(self) -> list[dict[str, Any]]:
        """What is under way for later rounds: waited for, or, where nobody serves, to be sampled again."""
        found = []
        for planned in self.ahead.planned:
            own = planned.completions
            if own is None and planned.pending is not None:
                try:
                    own = self.engine.finish(planned.pending, self.engine.patience)  # type: ignore[attr-defined]
                except NoWorkers:
                    own = None
            ranks = gather_object([own])
            everyone = None if any(each is None for each in ranks) else [c for each in ranks for c in each]
            found.append(ahead.plain(planned, everyone))
        return found

    def _load_ahead(self, states: Sequence[dict[str, Any]]) -> None:
        self.ahead.planned.clear()
        for state in states if self.ahead.most else ():
            draw = self._draw(ahead.problems_of(state, self.problems), state["step"], state["seed"])
            completions = ahead.completions_of(state)
            own = None if completions is None else completions[self._share(draw)]
            self.ahead.planned.append(Planned(draw, state["version"], completions=own))
