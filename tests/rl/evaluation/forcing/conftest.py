"""The embedded model that thinks, asked small problems."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rewards import Problem
from rewards.verifier import MathVerifier
from rl.evaluation.sampling import Answerer, end_ids
from rl.models import load_model, load_tokenizer, resolve_model
from rl.problems.data import load_problems
from rl.recipe.parts import PromptPart, SourcePart
from rl.rollouts import Ask, Completion, TransformersEngine

MODES = resolve_model("modes-demo")


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerBase:
    return load_tokenizer(MODES)


@pytest.fixture(scope="session")
def model() -> PreTrainedModel:
    return load_model(MODES)


@pytest.fixture(scope="session")
def problems(verifier: MathVerifier) -> list[Problem]:
    """As a chat model is asked them."""
    return load_problems(SourcePart("demo", options={"split": "test", "n": 8}), PromptPart(), verifier).problems


class Killed(Exception):
    pass


class Watched:
    """The transformers engine, and what it was asked for; it dies where a call is the last one."""

    killed = Killed

    def __init__(self, model: PreTrainedModel, last: int = 99) -> None:
        self.engine = TransformersEngine(model)
        self.last = last
        self.calls: list[list[Ask]] = []

    @property
    def asks(self) -> list[Ask]:
        return [ask for call in self.calls for ask in call]

    def generate(self, asks: Sequence[Ask]) -> list[Completion]:
        if len(self.calls) == self.last:
            raise Killed
        self.calls.append(list(asks))
        return self.engine.generate(asks)


@pytest.fixture
def watched(model: PreTrainedModel) -> Watched:
    return Watched(model)


@pytest.fixture
def answerer(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, watched: Watched) -> Answerer:
    return Answerer(watched, tokenizer, end_ids(model, tokenizer), "modes-demo")  # type: ignore[arg-type]
