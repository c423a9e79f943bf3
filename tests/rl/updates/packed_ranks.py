"""Run under torchrun: gradients of packed updates on fixed rounds, for the settings in a JSON file; rank 0 writes them.

Beside them, how many prompts each rank has tokenised for each.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

sys.path.append(str(Path(__file__).parents[2]))

import fixed_rounds
from accelerate.utils import gather_object
from trl import GRPOTrainer

from rewards.correct import Correct
from rewards.verifier import MathVerifier
from rl.models import load_model, load_tokenizer, resolve_model
from rl.plugins import load_budget
from rl.problems.data import load_problems
from rl.recipe.config import LengthGRPOConfig
from rl.recipe.parts import PromptPart, SourcePart
from rl.trainer.trainer import LengthGRPOTrainer


def run(fixed: str, settings: dict[str, Any], folder: Path) -> list[dict[str, torch.Tensor]]:
    """Each update's gradients, the weights in double precision; `end_to_end`: rows share prompts whatever it saves."""
    settings = dict(settings)
    end_to_end = settings.pop("end_to_end", False)
    demo = resolve_model("demo")
    problems = load_problems(SourcePart("demo", options={"split": "train", "n": 64}), PromptPart(), MathVerifier())
    trainer = LengthGRPOTrainer(
        model=load_model(demo).double(),
        args=LengthGRPOConfig(
            str(folder), max_completion_length=48, lr_scheduler_type="constant", gradient_checkpointing=False,
            bf16=False, use_cpu=True, report_to=[], save_strategy="no", disable_tqdm=True,
            **{**fixed_rounds.SETTINGS, **settings},
        ),
        problems=problems.problems,
        rewards=[Correct()],
        budget=load_budget("constant", {"tokens": 48}),
        verifier=MathVerifier(),
        processing_class=load_tokenizer(demo),
    )  # fmt: skip
    if end_to_end:
        trainer.updates.packer = replace(trainer.updates.packer, padded=False)
    gradients = fixed_rounds.gradients(trainer, problems.problems, getattr(fixed_rounds, fixed))
    return [{name.removeprefix("module."): values for name, values in step.items()} for step in gradients]


class Counting:
    """Stands before TRL's way to tokenise prompts."""

    def __init__(self) -> None:
        self.theirs, self.prompts = GRPOTrainer._tokenize_prompts, 0

    def __call__(self, trainer: Any, prompts: list[Any]) -> Any:
        self.prompts += len(prompts)
        return self.theirs(trainer, prompts)


def counted(fixed: str, settings: dict[str, Any], folder: Path) -> tuple[list[dict[str, torch.Tensor]], list[int]]:
    """What `run` gives, and how many prompts each rank has tokenised."""
    counting = Counting()
    GRPOTrainer._tokenize_prompts = lambda self, prompts: counting(self, prompts)
    try:
        return run(fixed, settings, folder), gather_object([counting.prompts])
    finally:
        GRPOTrainer._tokenize_prompts = counting.theirs


if __name__ == "__main__":
    cases, out = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    found = [counted(fixed, settings, out.parent) for fixed, settings in cases]
    if torch.distributed.get_rank() == 0:
        assert torch.distributed.get_world_size() == 2
        torch.save(found, out)
