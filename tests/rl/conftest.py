from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import small_runs
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from curricula import ProblemOrder
from rewards import LengthReward, Problem
from rewards.correct import Correct
from rewards.verifier import MathVerifier, Verifier
from rl.models import load_model, load_tokenizer, resolve_model
from rl.plugins import load_budget
from rl.problems.data import load_problems
from rl.recipe.config import LengthGRPOConfig
from rl.recipe.parts import PromptPart, SourcePart
from rl.rollouts import Engine
from rl.rounds.budgets import Budgets
from rl.trainer.trainer import LengthGRPOTrainer

DEMO = resolve_model("demo")


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerBase:
    return load_tokenizer(DEMO)


@pytest.fixture
def model() -> PreTrainedModel:
    return load_model(DEMO)


@pytest.fixture(scope="session")
def verifier() -> Iterator[MathVerifier]:
    """One for all trainers: each of its own would start processes of its own."""
    shared = MathVerifier()
    yield shared
    shared.close()


@pytest.fixture(scope="session")
def problems(verifier: MathVerifier) -> list[Problem]:
    source = SourcePart("demo", options={"split": "train", "n": 64, "seed": 5})
    return load_problems(source, PromptPart(), verifier).problems


@pytest.fixture(scope="session")
def evaluated_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all: a test that changes it takes a copy."""
    return small_runs.evaluated_run(tmp_path_factory.mktemp("evaluated"))


TrainerMaker = Callable[..., LengthGRPOTrainer]


@pytest.fixture
def make_trainer(
    tmp_path: Path, tokenizer: PreTrainedTokenizerBase, problems: list[Problem], verifier: MathVerifier
) -> TrainerMaker:
    """A trainer of the demo model, or another, small enough for a test: 4 groups of 4, two updates a round."""

    def make(
        rewards: list[LengthReward] | None = None,
        tokens: int = 60,
        problems_: list[Problem] | None = None,
        on_round: Any = None,
        budget: Budgets | None = None,
        order: ProblemOrder | None = None,
        monitor: Sequence[Problem] = (),
        verifier: Verifier = verifier,
        peft_config: Any = None,
        engine: Engine | None = None,
        processing_class: PreTrainedTokenizerBase = tokenizer,
        model: PreTrainedModel | None = None,
        **settings: Any,
    ) -> LengthGRPOTrainer:
        config = {
            "output_dir": str(tmp_path / "checkpoints"),
            "per_device_train_batch_size": 8,
            "num_generations": 4,
            "steps_per_generation": 2,
            "max_completion_length": tokens,
            "learning_rate": 1e-4,
            "lr_scheduler_type": "constant",
            "max_steps": 2,
            "logging_steps": 1,
            "gradient_checkpointing": False,
            "bf16": False,
            "use_cpu": True,
            "report_to": [],
            "save_strategy": "no",
            "disable_tqdm": True,
            **settings,
        }
        return LengthGRPOTrainer(
            model=model or load_model(DEMO),
            args=LengthGRPOConfig(**config),
            problems=problems_ or problems,
            rewards=rewards or [Correct()],
            budget=budget or load_budget("constant", {"tokens": tokens}),
            verifier=verifier,
            processing_class=processing_class,
            order=order,
            monitor=monitor,
            on_round=on_round,
            peft_config=peft_config,
            engine=engine,
        )

    return make
