"""Answer held-out problems: one sampled completion each, with a cap of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from accelerate import PartialState
from accelerate.utils import gather_object
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rewards import Problem, Rollout
from rewards.verifier import Verifier
from rl.checkpoints import sync
from rl.data import load_problems
from rl.judging import judge_problems, texts_of
from rl.judging import rollouts as as_rollouts
from rl.models import load_model, load_tokenizer, quieten_libraries, resolve_model
from rl.recipe import EvaluationPart, PromptPart, SourcePart
from rl.rollouts import Sampling, generate, stable_seed
from rl.statistics import Estimate, bootstrap_mean


@dataclass(frozen=True)
class Evaluation:
    """What a model answered: one row a problem, in the order of the problems."""

    rows: list[dict[str, Any]]

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        pq.write_table(pa.Table.from_pylist(self.rows), temporary)
        sync(temporary)
        temporary.rename(path)

    @staticmethod
    def load(path: Path) -> Evaluation:
        return Evaluation(pq.read_table(path).to_pylist())

    def judged(self) -> list[dict[str, Any]]:
        """The rows that the verifier could judge: a crash of ours counts neither way."""
        return [row for row in self.rows if row["correct"] is not None]

    def accuracy(self) -> Estimate:
        return bootstrap_mean([row["correct"] for row in self.judged()])

    def tokens(self) -> Estimate:
        return bootstrap_mean([row["length"] for row in self.rows])

    def truncated(self) -> Estimate:
        return bootstrap_mean([float(row["stop"] == "length") for row in self.rows])

    def summary(self) -> dict[str, Any]:
        """Means with 95 % bootstrap intervals over problems; accuracy and truncated are fractions."""
        accuracy, tokens, truncated = self.accuracy(), self.tokens(), self.truncated()
        return {
            "accuracy": accuracy.mean,
            "accuracy_interval": [accuracy.low, accuracy.high],
            "mean_tokens": tokens.mean,
            "mean_tokens_interval": [tokens.low, tokens.high],
            "truncated": truncated.mean,
            "unjudged": len(self.rows) - len(self.judged()),
            "n": len(self.rows),
        }


def evaluate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    problems: Sequence[Problem],
    verifier: Verifier,
    part: EvaluationPart,
    seed: int = 0,
    chat_options: Mapping[str, Any] | None = None,
) -> Evaluation:
    """Sample and judge one completion a problem; the ranks of a launch share the problems.

    `chat_options` go to the chat template, as the trainer's `chat_template_kwargs` do.

    A truncated completion counts by what the verifier says of its text. The same seed, model and
    problems give the same completions, on any number of ranks.
    """
    state = PartialState()
    share = math.ceil(len(problems) / state.num_processes)
    start = share * state.process_index
    local = list(problems[start : start + share])
    rollouts: list[Rollout] = []
    if local:
        completions = generate(
            model,
            encode_prompts(tokenizer, local, chat_options),
            [part.budget] * len(local),
            Sampling(part.temperature, part.top_p),
            eos_ids=end_ids(model, tokenizer),
            seeds=[stable_seed(seed, start + place) for place in range(len(local))],
            batch_size=part.batch_size,
        )
        texts = texts_of(tokenizer, completions)
        verdicts = judge_problems(verifier, local, texts)
        rollouts = as_rollouts(local, completions, texts, [part.budget] * len(local), verdicts, [], "judge")
    gathered = gather_object(rollouts)
    return Evaluation([_row(p, r) for p, r in zip(problems, gathered, strict=True)])


def evaluate_model(
    model: str, data: str, part: EvaluationPart, verifier: Verifier, limit: int | None, seed: int
) -> Evaluation:
    """Evaluate a model by name on problems by name; `demo` problems are the embedded test split."""
    quieten_libraries()
    path = resolve_model(model)
    tokenizer = load_tokenizer(path)
    source = SourcePart(data, options={"split": "test"} if data == "demo" else {})
    chat = tokenizer.chat_template is not None
    problems = load_problems(source, PromptPart(), verifier, chat).problems[:limit]
    dtype = "auto" if torch.cuda.is_available() else "float32"
    return evaluate(load_model(path, dtype=dtype), tokenizer, problems, verifier, part, seed)


def _row(problem: Problem, rollout: Rollout) -> dict[str, Any]:
    return {
        "problem_id": problem.id,
        "prompt": problem.prompt if isinstance(problem.prompt, str) else problem.prompt[-1]["content"],
        "answer": problem.answer,
        "difficulty": str(problem.columns.get("difficulty", problem.columns.get("level", ""))),
        "completion": rollout.text,
        "length": rollout.length,
        "stop": rollout.stop,
        "verdict": str(rollout.verdict),
        "correct": rollout.raw_reward,
    }


def encode_prompts(
    tokenizer: PreTrainedTokenizerBase, problems: Sequence[Problem], chat_options: Mapping[str, Any] | None = None
) -> list[list[int]]:
    """Prompt token ids, as the trainer makes them: the chat template where the prompt is a chat."""
    encoded: list[list[int]] = []
    for problem in problems:
        if isinstance(problem.prompt, str):
            encoded.append(tokenizer(problem.prompt)["input_ids"])
        else:
            encoded.append(
                tokenizer.apply_chat_template(
                    problem.prompt,
                    add_generation_prompt=True,
                    tokenize=True,
                    return_dict=False,
                    **(chat_options or {}),
                )
            )
    return encoded


def end_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Every id that ends a completion: those the model declares, and the tokenizer's own."""
    declared = model.generation_config.eos_token_id if model.generation_config else None
    ids = [declared] if isinstance(declared, int) else list(declared or [])
    return ids if tokenizer.eos_token_id in ids else [tokenizer.eos_token_id, *ids]
