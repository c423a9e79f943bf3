"""The embedded models of sums: rebuilt at small scale, and as good as RL needs them to be."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from curricula import Constant
from rewards.verifier import MathVerifier
from rl.demo.modes_warmstart import MODES
from rl.demo.supervised import build_model
from rl.demo.warmstart import Demonstrator, warm_start
from rl.evaluation import Protocol
from rl.evaluation.sampling import Answerer, end_ids, evaluate
from rl.models import load_model, load_tokenizer, resolve_model
from rl.problems.data import load_problems
from rl.recipe.parts import PromptPart, SourcePart
from rl.rollouts import TransformersEngine
from rl.rounds.budgets import Budgets

SHIPPED = Path(resolve_model("demo"))


def shipped() -> Answerer:
    model, tokenizer = load_model(str(SHIPPED)), load_tokenizer(str(SHIPPED))
    return Answerer(TransformersEngine(model, 256), tokenizer, end_ids(model, tokenizer))


@pytest.mark.parametrize(
    ("name", "demonstrator", "best"),
    [("demo", Demonstrator(), 0.3), ("modes-demo", MODES, 0.4)],
)
@pytest.mark.slow
def test_a_small_rebuild_gives_the_shipped_tokenizer_and_shape_and_learns(
    name: str, demonstrator: Demonstrator, best: float, tmp_path: Path
) -> None:
    folder = Path(resolve_model(name))
    warm_start(tmp_path, examples=960, demonstrator=demonstrator)
    assert (tmp_path / "tokenizer.json").read_bytes() == (folder / "tokenizer.json").read_bytes()
    rebuilt, shipped = AutoModelForCausalLM.from_pretrained(tmp_path), load_model(str(folder))
    assert {k: v.shape for k, v in rebuilt.state_dict().items()} == {
        k: v.shape for k, v in shipped.state_dict().items()
    }
    assert rebuilt.config.to_diff_dict() == shipped.config.to_diff_dict()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    pairs = [
        (
            tokenizer.apply_chat_template(t["prompt"], add_generation_prompt=True, return_dict=False),
            tokenizer(t["completion"][0]["content"])["input_ids"],
        )
        for t in demonstrator.traces(32, seed=99)
    ]

    def loss(model: torch.nn.Module) -> float:
        with torch.no_grad():
            losses = [model(torch.tensor([p + c]), labels=torch.tensor([[-100] * len(p) + c])).loss for p, c in pairs]
        return float(torch.stack(losses).mean())

    untrained = loss(build_model(tokenizer))
    assert loss(shipped) < best < loss(rebuilt) < 0.75 * untrained


def test_the_shipped_model_is_small_and_overthinks_and_its_checks_pay() -> None:
    assert sum(f.stat().st_size for f in SHIPPED.iterdir()) < 2_000_000
    verifier = MathVerifier()
    source = SourcePart("demo", options={"split": "validation", "n": 384})
    problems = load_problems(source, PromptPart(), verifier).problems
    rows = evaluate(shipped(), problems, verifier, Protocol(cap=320)).rows
    checked = [
        row
        for row in rows
        if "Let me" in row["completion"] or "once more" in row["completion"] or "let me" in row["completion"]
    ]
    unchecked = [row for row in rows if row not in checked]

    def mean(column: str, some: list[dict[str, float]]) -> float:
        return sum(row[column] for row in some) / len(some)

    assert 0.7 < mean("correct", rows) < 0.88
    assert 90 < mean("length", rows) < 117
    assert mean("correct", checked) > mean("correct", unchecked) + 0.15
    by_difficulty = [mean("length", [r for r in rows if r["difficulty"] == d]) for d in "345"]
    assert by_difficulty == sorted(by_difficulty)


def test_a_stated_number_of_tokens_neither_helps_nor_disturbs_the_shipped_model() -> None:
    verifier = MathVerifier()
    source = SourcePart("demo", options={"split": "validation", "n": 256})
    problems = load_problems(source, PromptPart(), verifier).problems
    budgets = Budgets(Constant(30), in_prompt="{prompt} ({budget} tokens)")
    stated = [budgets.written(problem, 30) for problem in problems]
    plain, told = (evaluate(shipped(), p, verifier, Protocol(cap=320)) for p in (problems, stated))
    assert abs(told.accuracy.mean - plain.accuracy.mean) < 0.1
    assert abs(told.tokens.mean - plain.tokens.mean) < 15
