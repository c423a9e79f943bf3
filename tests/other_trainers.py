"""What other trainers' packages look like where our adapters touch them, as recorded: for tests without the packages.

`put_in_place` makes modules of a trainer importable, unless `LENGTHWISE_REAL` names it: then the package itself is used,
which `tests/rl/elsewhere/trainers/test_conformance.py` installs.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch


def real() -> str:
    """The trainer whose package is to be used itself."""
    return os.environ.get("LENGTHWISE_REAL", "")


def put_in_place(trainer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a trainer's modules importable; ours, which import them, are imported anew."""
    for name in [name for name in sys.modules if name.startswith("rl.elsewhere.trainers.")]:
        monkeypatch.delitem(sys.modules, name)
    if real() == trainer:
        return
    for name, names in MODULES[trainer].items():
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            path = ".".join(parts[:end])
            if path not in sys.modules or end == len(parts):
                module = ModuleType(path)
                module.__path__ = []
                monkeypatch.setitem(sys.modules, path, module)
        for key, value in names.items():
            setattr(sys.modules[name], key, value)


# verl ----------------------------------------------------------------------------------------------


class DataProto:
    def __init__(self, batch: Mapping[str, torch.Tensor], non_tensor_batch: Mapping[str, Any]) -> None:
        self.batch, self.non_tensor_batch = batch, non_tensor_batch

    @classmethod
    def from_dict(cls, tensors: Mapping[str, torch.Tensor], non_tensors: Mapping[str, Any]) -> DataProto:
        return cls(tensors, non_tensors)

    def __getitem__(self, place: int | slice) -> DataProto:
        return DataProto(
            {name: value[place] for name, value in self.batch.items()},
            {name: value[place] for name, value in self.non_tensor_batch.items()},
        )


class RewardManagerBase:
    def __init__(self, config: Any, tokenizer: Any, compute_score: Any) -> None:
        self.config, self.tokenizer, self.compute_score = config, tokenizer, compute_score


ESTIMATORS: dict[str, Any] = {}


def register_adv_est(name: str) -> Any:
    return lambda function: ESTIMATORS.setdefault(name, function)


def get_adv_estimator_fn(name: str) -> Any:
    return ESTIMATORS[name]


# OpenRLHF ------------------------------------------------------------------------------------------


class SingleTurnAgentExecutor:
    def __init__(self, remote_rm_url: Any = None) -> None:
        self.reward_endpoints = remote_rm_url or []

    async def execute(
        self, prompt: Any, label: Any, sampling_params: Any, max_length: int, hf_tokenizer: Any, llm_engine: Any,
        images: Any = None,
    ) -> dict[str, Any]:  # fmt: skip
        asked = hf_tokenizer(text=prompt, add_special_tokens=False, return_tensors="pt")["input_ids"][0].tolist()
        made = (await llm_engine.generate(asked, sampling_params, multi_modal_data=None)).outputs[0]
        return {
            "prompt": prompt,
            "label": label,
            "images": images,
            "mm_train_inputs": None,
            "observation_tokens": asked + made.token_ids,
            "action_ranges": [(len(asked), len(asked) + len(made.token_ids))],
            "rollout_log_probs": None,
            "truncated": made.finish_reason == "length",
            "reward": None,
            "scores": None,
            "extra_logs": {},
        }


# SkyRL, AReaL, verifiers -----------------------------------------------------------------------------


class SkyRLGymGenerator:
    """With rollouts that a test wrote beforehand."""

    def __init__(
        self, tokenizer: Any, made: Sequence[Sequence[int]] = (), prompts: Sequence[Sequence[int]] = ()
    ) -> None:
        self.tokenizer, self.made, self.asked = tokenizer, made, prompts

    async def generate(self, input_batch: Mapping[str, Any], disable_tqdm: bool = False) -> dict[str, Any]:
        return {
            "prompt_token_ids": [list(ids) for ids in self.asked],
            "response_ids": [list(ids) for ids in self.made],
            "rewards": [0.0] * len(self.made),
            "loss_masks": [[1] * len(ids) for ids in self.made],
            "stop_reasons": ["stop" if ids[-1] == self.tokenizer.eos_token_id else "length" for ids in self.made],
            "rollout_metrics": {"generate/avg": 1.0},
            "rollout_logprobs": None,
            "is_last_step": None,
        }


class RLVRWorkflow:
    def __init__(self, reward_fn: Any, gconfig: Any, tokenizer: Any) -> None:
        self.reward_fn, self.gconfig, self.tokenizer = reward_fn, gconfig, tokenizer

    async def arun_episode(self, engine: Any, data: Mapping[str, Any]) -> dict[str, torch.Tensor]:
        asked, made = await engine.agenerate(data)
        reward = self.reward_fn("", "", asked, made, **data)
        return {
            "input_ids": torch.tensor([asked + made], dtype=torch.int32),
            "loss_mask": torch.tensor([[0] * len(asked) + [1] * len(made)], dtype=torch.int32),
            "rewards": torch.tensor([reward], dtype=torch.float32),
        }


@dataclass
class Reward:
    score: float
    weight: float


@dataclass
class Trace:
    nodes: list[Any]
    is_truncated: bool = False
    ok: bool = True
    rewards: dict[str, Reward | None] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)

    def record_reward(self, name: str, value: float, weight: float = 1.0) -> None:
        self.rewards[name] = Reward(float(value), float(weight))

    def record_metric(self, name: str, value: float) -> None:
        self.metrics[name] = value

    @property
    def reward(self) -> float:
        return sum(r.score * r.weight for r in self.rewards.values() if r is not None)


class BestOfNEnv:
    async def finalize(self, task: Any, episode: Any) -> None:
        top = max(trace.reward for trace in episode.traces)
        for trace in episode.traces:
            trace.record_metric("best", float(trace.reward == top))


@dataclass(frozen=True)
class ProblemGroupBuilder:
    env_thunk: Any
    num_envs: int

    async def compute_group_rewards(
        self, trajectory_group: list[Any], env_group: Sequence[Any]
    ) -> list[tuple[float, dict[str, float]]]:
        return [(0.0, {}) for _ in trajectory_group]


# Engines of theirs -----------------------------------------------------------------------------------


class Engine:
    """An engine of OpenRLHF's or AReaL's kind, with completions that a test wrote; they end in another order."""

    def __init__(self, made: Sequence[Sequence[int]], eos: int, prompt: Sequence[int] = (), version: int = 0) -> None:
        self.made, self.eos, self.prompt, self.version = [list(ids) for ids in made], eos, list(prompt), version

    async def _next(self) -> list[int]:
        ids = self.made.pop(0)
        for _ in range(len(self.made) + 1):  # the first comes last
            await asyncio.sleep(0)
        return ids

    async def generate(self, prompt: Any, sampling_params: Any, multi_modal_data: Any = None) -> Any:
        ids = await self._next()
        reason = "stop" if ids[-1] == self.eos else "length"
        return SimpleNamespace(outputs=[SimpleNamespace(token_ids=ids, finish_reason=reason, logprobs=None, text="")])

    async def agenerate(self, data: Mapping[str, Any]) -> tuple[list[int], list[int]]:
        return self.prompt, await self._next()

    def get_version(self) -> int:
        return self.version


MODULES: dict[str, dict[str, dict[str, Any]]] = {
    "verl": {
        "verl": {"DataProto": DataProto},
        "verl.experimental.reward_loop.reward_manager.base": {"RewardManagerBase": RewardManagerBase},
        "verl.trainer.ppo.core_algos": {
            "register_adv_est": register_adv_est,
            "get_adv_estimator_fn": get_adv_estimator_fn,
        },
    },
    "openrlhf": {"openrlhf.utils.agent": {"SingleTurnAgentExecutor": SingleTurnAgentExecutor}},
    "ms-swift": {"swift.rewards": {"orms": dict[str, Any]()}},
    "slime": {},
    "skyrl": {"skyrl.train.generators.skyrl_gym_generator": {"SkyRLGymGenerator": SkyRLGymGenerator}},
    "areal": {"areal.workflow.rlvr": {"RLVRWorkflow": RLVRWorkflow}},
    "verifiers": {"verifiers.v1.envs.best_of_n": {"BestOfNEnv": BestOfNEnv}},
    "nemo-rl": {},
    "tinker": {"tinker_cookbook.rl.problem_env": {"ProblemGroupBuilder": ProblemGroupBuilder}},
}


def objects(*values: Any) -> Any:
    """An array of objects, as verl holds what is no tensor."""
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found
