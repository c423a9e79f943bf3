"""`sequence_chunk` in training: the same gradients for every loss, on one rank and on two; what is refused."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import refused
from peft import LoraConfig, get_peft_model
from places import ROOT
from processes import PATIENCE
from slowly import some
from torch import Tensor
from transformers import MixtralConfig, PreTrainedTokenizerBase, TrainerCallback

from rewards import Problem
from rewards.correct import Correct
from rewards.verifier import MathVerifier
from rl.models import load_model, resolve_model
from rl.plugins import load_budget
from rl.recipe.config import LengthGRPOConfig
from rl.trainer.trainer import LengthGRPOTrainer

SCRIPT = Path(__file__).with_name("chunked_two_ranks.py")


class Gradients(TrainerCallback):
    """Keeps the gradient of every optimiser step."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Tensor]] = []

    def on_pre_optimizer_step(self, *_: Any, model: Any, **__: Any) -> None:
        self.seen.append({n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None})


def gradients(trainer: LengthGRPOTrainer) -> list[dict[str, Tensor]]:
    kept = Gradients()
    trainer.add_callback(kept)
    trainer.train()
    return kept.seen


def assert_same(ours: list[dict[str, Tensor]], theirs: list[dict[str, Tensor]]) -> None:
    assert len(ours) == len(theirs) == 2
    for a, b in zip(ours, theirs, strict=True):
        assert a.keys() == b.keys()
        floor = 1e-3 * max(g.norm().item() for g in b.values())
        assert floor > 0
        assert max(((a[n] - b[n]).norm() / b[n].norm().clamp(min=floor)).item() for n in b) < 1e-5


LOSSES: list[dict[str, Any]] = [
    *({"loss_type": name} for name in ("grpo", "bnpo", "dr_grpo", "dapo", "cispo", "sapo", "vespo")),
    {"loss_type": "luspo", "importance_sampling_level": "sequence"},
    {"loss_type": "dapo", "beta": 0.05, "epsilon_high": 0.28},
    {"loss_type": "grpo", "entropy_coef": 0.1},
    {"loss_type": "dapo", "top_entropy_quantile": 0.5},
]


@pytest.mark.parametrize(
    "loss", some(LOSSES, [LOSSES[n] for n in (0, 1, 7, 8)]), ids=lambda loss: ", ".join(map(str, loss.values()))
)
def test_two_updates_of_a_round_have_the_same_gradients_with_and_without(
    make_trainer: Any, loss: dict[str, Any]
) -> None:
    # Plain gradient steps, since Adam would blow the rounding of small gradients up.
    settings = {"optim": "sgd", "learning_rate": 0.05, "gradient_checkpointing": True, **loss}
    ours = gradients(make_trainer(sequence_chunk=13, **settings))
    assert_same(ours, gradients(make_trainer(**settings)))


def test_lora_trains_with_the_same_gradients(
    tokenizer: PreTrainedTokenizerBase, problems: list[Problem], tmp_path: Path
) -> None:
    def train(chunk: int | None) -> list[dict[str, Tensor]]:
        torch.manual_seed(0)
        model = get_peft_model(load_model(resolve_model("demo")), LoraConfig(r=4, target_modules="all-linear"))
        for name, parameter in model.named_parameters():  # not at the start, where half of LoRA's gradients are 0
            if "lora_B" in name:
                parameter.data += 0.01 * torch.randn_like(parameter)
        trainer = LengthGRPOTrainer(
            model,
            LengthGRPOConfig(
                str(tmp_path), per_device_train_batch_size=8, num_generations=4, steps_per_generation=2, max_steps=2,
                optim="sgd", learning_rate=0.05, beta=0.05, sequence_chunk=chunk, max_completion_length=80,
                bf16=False, use_cpu=True, report_to=[], save_strategy="no", disable_tqdm=True,
            ),
            problems, [Correct()], load_budget("constant", {"tokens": 80}), MathVerifier(), tokenizer,
        )  # fmt: skip
        return gradients(trainer)

    assert_same(train(13), train(None))


@pytest.mark.slow
def test_two_ranks_average_the_ordinary_gradients(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(SCRIPT)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    subprocess.run([*command, str(tmp_path / "error")], env=environment, check=True, timeout=PATIENCE)
    ranks, parameters, error = (tmp_path / "error").read_text().split()
    assert (ranks, parameters) == ("2", "21")
    assert float(error) < 1e-5


def test_it_takes_the_place_of_checkpointing() -> None:
    config = LengthGRPOConfig("unused", use_cpu=True, bf16=False, sequence_chunk=64, gradient_checkpointing=True)
    assert not config.gradient_checkpointing


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("trainer.parallelism_config.cp_size=2", "context parallelism (cp_size 2)"),
        ("trainer.parallelism_config.sp_sze=2", "sp_sze"),
        ("trainer.sequence_chunk=0", "at least 1 token"),
        ("model=mixtral", "proven on cohere"),
    ],
)
def test_a_run_is_refused_in_one_line(
    override: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    MixtralConfig().save_pretrained("mixtral")
    assert said in refused(capsys, "train", "demo-grpo", "trainer.sequence_chunk=64", override)
