"""The model of a dial: it has read that a number means a length, and knows what to do without one."""

from pathlib import Path

import pytest

from curricula import Constant
from rewards.verifier import MathVerifier
from rl.demo.dial_warmstart import traces, warm_start
from rl.evaluation import Evaluation, Protocol
from rl.evaluation.figures.curve import rank_correlation
from rl.evaluation.sampling import Answerer, end_ids, evaluate
from rl.models import load_model, load_tokenizer, resolve_model
from rl.problems.data import load_problems
from rl.recipe.parts import PromptPart, SourcePart
from rl.rollouts import TransformersEngine
from rl.rounds.budgets import Budgets

SHIPPED = Path(resolve_model("dial-demo"))


def test_it_is_small_and_thinks_for_about_as_long_as_asked_and_answers_unasked() -> None:
    assert sum(f.stat().st_size for f in SHIPPED.iterdir()) < 700_000
    verifier = MathVerifier()
    source = SourcePart("demo", options={"split": "validation", "n": 96})
    problems = load_problems(source, PromptPart(), verifier).problems
    model, tokenizer = load_model(str(SHIPPED)), load_tokenizer(str(SHIPPED))
    answerer = Answerer(TransformersEngine(model, 256), tokenizer, end_ids(model, tokenizer))

    def answers(budget: int | None) -> Evaluation:
        stated = Budgets(Constant(budget or 1), in_prompt="{prompt} ({budget} tokens)")
        asked = [stated.written(problem, budget) for problem in problems] if budget else problems
        return evaluate(answerer, asked, verifier, Protocol(cap=256))

    asked: list[float] = []
    used: list[float] = []
    for budget in (30, 60, 100):
        thoughts = [row["completion"].partition("</think>")[0] for row in answers(budget).rows]
        asked += [budget] * len(thoughts)
        used += [len(tokenizer(thought, add_special_tokens=False)["input_ids"]) for thought in thoughts]
    assert rank_correlation(asked, used) > 0.7
    assert answers(None).accuracy.mean > 0.6


@pytest.mark.slow
def test_a_small_rebuild_has_the_shipped_tokenizer_and_shape(tmp_path: Path) -> None:
    warm_start(tmp_path, examples=320)
    assert (tmp_path / "tokenizer.json").read_bytes() == (SHIPPED / "tokenizer.json").read_bytes()
    rebuilt, shipped = load_model(str(tmp_path)), load_model(str(SHIPPED))
    shapes = [{k: v.shape for k, v in model.state_dict().items()} for model in (rebuilt, shipped)]
    assert shapes[0] == shapes[1]
    assert rebuilt.config.to_diff_dict() == shipped.config.to_diff_dict()


def test_nine_in_ten_prompts_say_how_long_the_thought_is() -> None:
    tokenizer = load_tokenizer(str(SHIPPED))
    (end,) = tokenizer("</think>", add_special_tokens=False)["input_ids"]
    shown = traces(400, 0, tokenizer)
    told = 0
    for prompt, completion in shown:
        *_, said = tokenizer.decode(prompt).partition("=? (")
        told += bool(said)
        if said:
            assert 0 <= int(said.split()[0]) - completion.index(end) < 10
        assert completion[-1] == tokenizer.eos_token_id
    assert 340 < told < 380
