"""Training on partial rollouts: log-probs are of the weights that drew each token, and a restart goes on exactly."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from makers import Rounds, parameters

from rewards import Rollout
from rl.folders import checkpoints
from rl.run.train import train

SETTINGS = {
    "oversample": 1.5, "max_staleness": 2, "correct_rollouts": True, "max_steps": 8, "tokens": 160,
    "learning_rate": 1e-3, "save_strategy": "steps", "save_steps": 4,
}  # fmt: skip


def test_a_run_with_paused_rollouts_goes_on_exactly_and_each_token_has_the_log_prob_of_its_own_weights(
    make_trainer: Any, tmp_path: Path
) -> None:
    seen, again = Rounds(), Rounds()
    unbroken = make_trainer(on_round=seen, **SETTINGS)
    weights = kept_by_version(unbroken)
    unbroken.train()
    at_end = parameters(unbroken)

    folder = tmp_path / "checkpoints" / "checkpoint-4"
    assert any(r["begun"] for g in checkpoints.read(folder)["under_way"]["groups"] for r in g["rollouts"])
    resumed = make_trainer(on_round=again, **SETTINGS)
    resumed.train(resume_from_checkpoint=str(folder))
    assert torch.equal(parameters(resumed), at_end)
    assert [r.token_ids for each in again for r in each.rollouts()] == [
        r.token_ids for each in seen[2:] for r in each.rollouts()
    ]

    prompts = [prompt for each in seen for prompt in unbroken.encode(each.prompts())]
    rollouts = [r for each in seen for r in each.rollouts()]
    several = [(prompt, r) for prompt, r in zip(prompts, rollouts, strict=True) if r.segments]
    assert len(several) > 1
    for prompt, rollout in several:
        start = 0
        for version, end in rollout.segments:
            own = log_probs(unbroken.model, weights[version], prompt, rollout)[start:end]
            torch.testing.assert_close(own, torch.tensor(list(rollout.logprobs))[start:end], atol=1e-4, rtol=1e-4)
            start = end
    lines = [line for line in unbroken.state.log_history if "rollouts/paused" in line]
    assert [line["rollouts/paused"] for line in lines] == [8.0] * 3 + [0.0]
    assert {line["rollouts/abandoned"] for line in lines} == {0.0}
    # The first round is of one model's; later ones have tokens of older weights, whose ratios are not 1.
    ratios = [abs(line["sampling/importance_sampling_ratio/max"] - 1) for line in lines]
    assert ratios[0] < 1e-3
    assert all(each > 1e-3 for each in ratios[1:])


@pytest.mark.slow
@pytest.mark.parametrize("method", ["demo-brpo", "demo-s-grpo", "demo-hbpo", "demo-elastic"])
def test_edits_credit_and_split_budgets_train_on_whole_groups_of_partial_rollouts(method: str, tmp_path: Path) -> None:
    partial = ["rollouts.partial=true", "rollouts.max_staleness=1", "evaluation.before=false", "data.eval=null"]
    run = train(method, [*partial, "trainer.max_steps=4", "trainer.save_steps=2"], tmp_path / "run", quiet=True)
    rounds = [pq.read_table(file).to_pylist() for file in sorted(run.rollouts.iterdir())]
    several = [row for rows in rounds for row in rows if row["segments"]]
    assert several, "none was paused"
    for row in several:
        assert row["segments"][0][0] == row["weight_version"] < row["segments"][-1][0]
        assert row["segments"][-1][1] == row["length"]
    sizes = Counter((row["step"], row["group"]) for rows in rounds for row in rows)
    assert len(set(sizes.values())) == 1
    begun = [line["rollouts/abandoned"] for line in run.logged() if "rollouts/abandoned" in line]
    assert set(begun) == {0.0}


def kept_by_version(trainer: Any) -> dict[int, Any]:
    """The weights of each version, once it has been sampled from."""
    found: dict[int, Any] = {}
    bring = trainer.weights.bring

    def keep(step: int) -> None:
        found[step] = {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}
        bring(step)

    trainer.weights.bring = keep
    return found


@torch.no_grad()
def log_probs(model: Any, weights: Any, prompt: list[int], rollout: Rollout) -> torch.Tensor:
    model.load_state_dict(weights)
    ids = torch.tensor([[*prompt, *rollout.token_ids]])
    logits = model(ids).logits[0, len(prompt) - 1 : -1]
    return logits.log_softmax(-1).gather(1, ids[0, len(prompt) :].unsqueeze(1)).squeeze(1)
