"""What is sampled: the same whatever the batches, and at a smaller cap the prefix of what a larger one gives."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rewards import Problem
from rewards.verifier import MathVerifier
from rl.errors import UserError
from rl.evaluation import Evaluation, Protocol, at_cap, encode_prompts
from rl.evaluation.parts import Parts
from rl.evaluation.sampling import Answerer, end_ids, evaluate
from rl.rollouts import Ask, Completion, Sampling, TransformersEngine, generate, stable_seed

PROTOCOL = Protocol(cap=120, samples=3, temperature=0.8, top_p=0.9, seed=5)


@pytest.fixture
def answerer(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Answerer:
    return Answerer(TransformersEngine(model, 16), tokenizer, end_ids(model, tokenizer), "demo")


def test_a_rollout_at_a_smaller_budget_is_the_prefix_of_itself(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, problems: list[Problem]
) -> None:
    prompts = encode_prompts(tokenizer, problems[:12])
    seeds = [stable_seed(3, i) for i in range(12)]
    ends = end_ids(model, tokenizer)
    full = generate(model, Ask.each(prompts, [200] * 12, Sampling(0.9), eos_ids=ends, seeds=seeds))
    for budget in (1, 17, 60):
        short = generate(model, Ask.each(prompts, [budget] * 12, Sampling(0.9), eos_ids=ends, seeds=seeds))
        assert [c.token_ids for c in short] == [c.token_ids[:budget] for c in full]
        assert [c.stop for c in short] == ["length" if len(c.token_ids) > budget else c.stop for c in full]


@pytest.mark.parametrize("truncated", ["judge", "wrong"])
def test_scoring_at_a_smaller_cap_is_sampling_with_it(
    answerer: Answerer, problems: list[Problem], verifier: MathVerifier, truncated: str
) -> None:
    protocol = replace(PROTOCOL, truncated=truncated)
    by_id = {problem.id: problem for problem in problems}
    full = evaluate(answerer, problems[:10], verifier, protocol)
    assert any(r["stop"] == "eos" for r in full.rows)
    for cap in (1, 30, 70, 120):
        sampled = evaluate(answerer, problems[:10], verifier, replace(protocol, cap=cap)).rows
        assert at_cap(full.rows, cap, by_id, answerer.tokenizer, verifier, truncated) == sampled


def test_samples_of_a_problem_differ_and_the_first_is_what_one_sample_draws(
    answerer: Answerer, problems: list[Problem], verifier: MathVerifier
) -> None:
    three = evaluate(answerer, problems[:6], verifier, PROTOCOL)
    one = evaluate(answerer, problems[:6], verifier, replace(PROTOCOL, samples=1))
    assert [r for r in three.rows if r["sample"] == 0] == one.rows
    assert [(r["problem_id"], r["sample"]) for r in three.rows] == [(p.id, s) for p in problems[:6] for s in range(3)]
    texts = [{r["completion"] for r in three.rows if r["problem_id"] == p.id} for p in problems[:6]]
    assert max(map(len, texts)) > 1


def test_the_longest_prompts_are_asked_first(
    answerer: Answerer, problems: list[Problem], verifier: MathVerifier
) -> None:
    asked: list[int] = []

    class Watched:
        def generate(self, asks: Sequence[Ask]) -> list[Completion]:
            asked.extend(len(ask.prompt) for ask in asks)
            return answerer.engine.generate(asks)

    short = replace(PROTOCOL, cap=4)
    rows = evaluate(replace(answerer, engine=Watched()), problems[:8], verifier, short, batch=5).rows
    assert asked == sorted(asked, reverse=True)
    assert len(set(asked)) > 1
    assert rows == evaluate(answerer, problems[:8], verifier, short).rows


class Killed(Exception):
    pass


def test_an_evaluation_killed_half_way_goes_on_and_ends_as_the_unbroken(
    answerer: Answerer, problems: list[Problem], verifier: MathVerifier, tmp_path: Path
) -> None:
    whole = evaluate(answerer, problems[:8], verifier, PROTOCOL, batch=5)
    calls: list[int] = []

    class Dying:
        def __init__(self, last: int) -> None:
            self.last = last

        def generate(self, asks: Sequence[Ask]) -> list[Completion]:
            if len(calls) == self.last:
                raise Killed
            calls.append(len(asks))
            return answerer.engine.generate(asks)

    parts = Parts(tmp_path / "a.parquet", "demo", PROTOCOL)
    with pytest.raises(Killed):
        evaluate(replace(answerer, engine=Dying(2)), problems[:8], verifier, PROTOCOL, parts, batch=5)
    assert sorted(p.name for p in parts.folder.iterdir()) == ["part-000000.parquet", "part-000001.parquet"]
    parts.check()
    resumed = evaluate(replace(answerer, engine=Dying(99)), problems[:8], verifier, PROTOCOL, parts, batch=5)
    assert resumed == whole
    assert sum(calls) == len(whole.rows)  # nothing was sampled twice
    parts.finish(resumed)
    assert parts.finished() == whole
    assert list(tmp_path.iterdir()) == [tmp_path / "a.parquet"]


def test_another_protocol_or_model_in_the_same_place_is_refused(tmp_path: Path) -> None:
    parts = Parts(tmp_path / "a.parquet", "demo", PROTOCOL)
    parts.save(0, [])
    with pytest.raises(UserError, match=r"another protocol \(temperature 0.8, not 1.0\)"):
        replace(parts, protocol=replace(PROTOCOL, temperature=1.0)).check()
    with pytest.raises(UserError, match="model demo, not other"):
        replace(parts, model="other").check()
    replace(parts, protocol=replace(PROTOCOL, caps=(10,))).check()
    Evaluation([]).save(parts.out)
    with pytest.raises(UserError, match="without a protocol"):
        parts.check()


def test_a_chat_is_plain_text_to_a_model_without_a_template(tokenizer: PreTrainedTokenizerBase) -> None:
    from copy import deepcopy

    plain = deepcopy(tokenizer)
    plain.chat_template = None
    chat = [{"role": "system", "content": "1+1"}, {"role": "user", "content": "2+2"}]
    assert encode_prompts(plain, [Problem("p", chat, "4")]) == encode_prompts(plain, [Problem("p", "1+1\n\n2+2", "4")])
