"""Run under torchrun: gradients of packed updates on fixed rounds, for the settings in a JSON file; rank 0 writes them.

Beside them, how many prompts each rank has tokenised for each.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import fixed_rounds
import torch
from accelerate.utils import gather_object
from peft import LoraConfig
from places import ROOT
from processes import PATIENCE
from transformers import LlamaConfig, LlamaForCausalLM
from trl import GRPOTrainer

from rewards.correct import Correct
from rewards.verifier import MathVerifier
from rl.models import load_model, load_tokenizer, resolve_model
from rl.plugins import load_budget
from rl.problems.data import load_problems
from rl.recipe.config import LengthGRPOConfig
from rl.recipe.parts import PromptPart, SourcePart
from rl.trainer.trainer import LengthGRPOTrainer

Case = tuple[str, dict[str, Any]]
"""The round, and the settings."""
LORA = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)


def grouped_model(folder: Path) -> str:
    """A model of the demo's words whose 8 query heads share 2 key-value heads."""
    config = LlamaConfig(
        vocab_size=416, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=8,
        num_key_value_heads=2, eos_token_id=2, pad_token_id=0, tie_word_embeddings=True, initializer_range=0.1,
    )  # fmt: skip
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)
    return str(folder)


def run(
    fixed: str, settings: dict[str, Any], folder: Path, prepare: Callable[[LengthGRPOTrainer], None] = lambda _: None
) -> list[dict[str, torch.Tensor]]:
    """Each update's gradients, the weights in double precision.

    `end_to_end`: rows share prompts whatever it saves; `lora`: an adapter is trained; `model`: by default, the demo's.
    """
    settings = dict(settings)
    end_to_end, lora = settings.pop("end_to_end", False), settings.pop("lora", False)
    torch.manual_seed(0)  # an adapter's weights
    demo, model = resolve_model("demo"), settings.pop("model", resolve_model("demo"))
    problems = load_problems(SourcePart("demo", options={"split": "train", "n": 64}), PromptPart(), MathVerifier())
    trainer = LengthGRPOTrainer(
        model=load_model(model).double(),
        args=LengthGRPOConfig(
            str(folder), max_completion_length=48, lr_scheduler_type="constant",
            bf16=False, use_cpu=True, report_to=[], save_strategy="no", disable_tqdm=True,
            **{"gradient_checkpointing": False, **fixed_rounds.SETTINGS, **settings},
        ),
        problems=problems.problems,
        rewards=[Correct()],
        budget=load_budget("constant", {"tokens": 48}),
        verifier=MathVerifier(),
        processing_class=load_tokenizer(demo),
        peft_config=LORA if lora else None,
    )  # fmt: skip
    for each in filter(None, (trainer.model, trainer.ref_model)):
        each.double()
    prepare(trainer)
    if end_to_end:
        trainer.updates.packer = replace(trainer.updates.packer, padded=False)
    make_round = getattr(fixed_rounds, fixed)
    if fixed.startswith("stale"):
        make_round = partial(make_round, near=str(model))
    gradients = fixed_rounds.gradients(trainer, problems.problems, make_round)
    return [{name.removeprefix("module."): values for name, values in step.items()} for step in gradients]


def on_ranks(cases: Sequence[Case], ranks: int, folder: Path) -> list[tuple[list[dict[str, torch.Tensor]], list[int]]]:
    """What `counted` gives for each, on so many ranks."""
    (folder / "cases.json").write_text(json.dumps(cases))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(ranks), __file__]
    result = subprocess.run(
        [*command, str(folder / "cases.json"), str(folder / "gradients.pt"), str(ranks)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    return torch.load(folder / "gradients.pt")  # type: ignore[no-any-return]


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
    cases, out, ranks = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]), int(sys.argv[3])
    found = [counted(fixed, settings, out.parent) for fixed, settings in cases]
    if torch.distributed.get_rank() == 0:
        assert torch.distributed.get_world_size() == ranks
        torch.save(found, out)
