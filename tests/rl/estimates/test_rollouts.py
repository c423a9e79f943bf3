"""Tokens, operations, rates."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curricula import Constant
from curricula.sampled import Sampled
from curricula.siri import SiriCosine
from curricula.stages import Stages
from rewards.edits.dot import Dot
from rewards.edits.qlpo import Qlpo
from rewards.edits.s_grpo import SGrpo
from rl.errors import UserError
from rl.estimates import known_config, read_rates, shape_of
from rl.estimates.compute import Passes, sampling_flops, training_flops
from rl.estimates.edits import Drawn, drawn_for
from rl.estimates.rollouts import rounds_of
from rl.rounds.budgets import Budgets


def test_tokens_of_a_stepped_budget_are_summed_round_by_round() -> None:
    budgets = Budgets(Stages(tokens=[100, 50], interval=4))
    rounds = rounds_of(budgets, steps=8, round_steps=2, rollouts=10, most_draws=3)
    assert rounds.caps == [100, 100, 50, 50]
    assert rounds.sampled_tokens() == (3000, 9000)
    assert rounds.sampled_tokens(share=0.5, kept=0.5) == (3000, 3000)
    assert rounds.sampled_tokens(kept=0.01) == (9000, 9000)


def test_a_cosine_takes_its_mean_over_whole_periods() -> None:
    rounds = rounds_of(Budgets(SiriCosine(maximum=16384, minimum=8192, period=64)), 640, 2, 8, 1)
    assert sum(rounds.caps) / len(rounds.caps) == pytest.approx(12288, rel=0.03)


def test_a_run_of_any_length_is_summed_from_rounds_drawn_all_over_it() -> None:
    rounds = rounds_of(Budgets(SiriCosine(maximum=16384, minimum=8192, period=64)), 2**40, 2, 8, 1)
    assert (rounds.count, len(rounds.caps)) == (2**39, 4096)
    assert rounds.sampled_tokens() == pytest.approx((2**39 * 8 * 12288,) * 2, rel=0.03)
    fallen = rounds_of(Budgets(Stages(tokens=[100, 50], interval=3 * 2**20)), 2**22, 1, 1, 1)
    assert sum(fallen.caps) / len(fallen.caps) == 87.5  # three quarters at 100, one at 50


def test_a_budget_for_each_problem_counts_by_its_mean_and_a_fixed_cap_by_itself() -> None:
    sampled = Sampled(minimum=100, maximum=4000)
    assert rounds_of(Budgets(sampled), 1, 1, 1, 1).caps[0] == pytest.approx(2050, rel=0.1)
    assert rounds_of(Budgets(sampled, cap=5000), 1, 1, 1, 1).caps == [5000]


def test_what_edits_have_sampled_counts_and_not_what_they_leave() -> None:
    twice = drawn_for([Qlpo()], 8)
    assert (twice.whole, twice.together, twice.tokens) == (2, 2, 0)
    exits = SGrpo(answer=100, text="12345")  # of 8, one is sampled, and 7 exits of at most 105 tokens
    assert drawn_for([exits], 8) == Drawn(1 / 8, 7 / 8, 7 / 8 * 105)
    assert drawn_for([Qlpo(), exits], 8) == Drawn(2 / 8, 7 / 8, 7 / 8 * 105)
    assert drawn_for([Dot()], 8) == Drawn()
    budgets = Budgets(Constant(1000))
    assert rounds_of(budgets, 3, 1, 16, 1, twice).sampled_tokens() == (96000, 96000)
    assert rounds_of(budgets, 3, 1, 16, 1, drawn_for([exits], 8)).sampled_tokens() == (10410, 10410)


@given(prompt=st.floats(0, 2000), completion=st.floats(1, 20000))
def test_training_costs_six_a_parameter_and_eight_where_forward_is_repeated(prompt: float, completion: float) -> None:
    config = known_config("Qwen/Qwen2.5-7B")
    assert config is not None
    shape = shape_of(config)
    tokens = (prompt + completion) * shape.layers * shape.layer_parameters
    plain = training_flops(shape, prompt, completion, Passes())
    assert plain >= 6 * tokens
    repeated = training_flops(shape, prompt, completion, Passes(repeated=True))
    assert repeated - plain == pytest.approx((plain - 8 * shape.head_parameters * completion) / 3, rel=1e-6)
    twice = training_flops(shape, prompt, completion, Passes(updates=2))
    assert twice == pytest.approx(2 * plain)
    assert sampling_flops(shape, prompt, completion) < plain / 2
    # A prompt of which four rollouts have one costs each of them a quarter.
    shared = training_flops(shape, prompt, completion, Passes(), sharing=4)
    alone = training_flops(shape, prompt, 0, Passes())
    assert shared + 0.75 * alone == pytest.approx(plain)


def test_rates_are_read_from_a_file_or_from_a_line(tmp_path: Path) -> None:
    file = tmp_path / "rates.yaml"
    file.write_text("tflops: 250\nprice_per_hour: 2\n")
    assert read_rates(str(file)) == read_rates("{tflops: 250, price_per_hour: 2}")
    assert read_rates(None).tflops is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{tflop: 3}", "did you mean 'tflops'"),
        ("{tflops: fast}", "tflops must be a number above 0, not 'fast'"),
        ("{kept: 2}", "kept is a share"),
        ("nowhere.yaml", "neither a file nor a mapping"),
        ("{tflops", "is not YAML"),
    ],
)
def test_rates_that_cannot_be_are_refused(given: str, said: str) -> None:
    with pytest.raises(UserError) as refused:
        read_rates(given)
    assert said in str(refused.value)
