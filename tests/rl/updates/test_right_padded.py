"""Gradients of padded rows are those of one row at a time, whatever padding on the left does to a model."""

from typing import Any

import pytest
import torch
from hybrids import FAMILIES, OTHERS, prompts, small_model
from torch import Tensor
from trl.trainer.utils import add_fused_lm_head

from rl.updates.right_padded import right_padded

COMPLETIONS = (4, 7, 1, 5, 3, 6)


def fused(model: Any, ids: Tensor, mask: Tensor, keep: int) -> tuple[Tensor, Tensor, None]:
    """TRL's log-probs and entropies of the last `keep` tokens, by its own head."""
    labels = ids.masked_fill(mask == 0, -100)
    labels[:, :-keep] = -100
    found = model(input_ids=ids, attention_mask=mask, labels=labels, fused_lm_head=True)
    return found.log_probs[:, -keep:], found.entropy[:, -keep:], None


def alone(model: Any, ids: Tensor, keep: int) -> tuple[Tensor, Tensor]:
    """The same of one row (L,), from the model's own logits."""
    logps = model(input_ids=ids[None]).logits[0, -keep - 1 : -1].log_softmax(-1)
    return logps.gather(1, ids[-keep:, None])[:, 0], -(logps.exp() * logps).sum(-1)


def gradients(model: Any, loss: Tensor) -> Tensor:
    model.zero_grad()
    loss.backward()
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def padded() -> tuple[Tensor, Tensor, int]:
    """Prompts padded on the left, completions on the right, as TRL has them."""
    rows, keep, width = prompts(), max(COMPLETIONS), max(map(len, prompts()))
    generator = torch.Generator().manual_seed(2)
    ids, mask = torch.zeros((len(rows), width + keep), dtype=torch.long), []
    for i, (row, length) in enumerate(zip(rows, COMPLETIONS, strict=True)):
        ids[i, width - len(row) : width] = torch.tensor(row)
        ids[i, width : width + length] = torch.randint(3, 61, (length,), generator=generator)
        mask.append([0] * (width - len(row)) + [1] * (len(row) + length) + [0] * (keep - length))
    return ids, torch.tensor(mask), keep


@pytest.mark.parametrize("kind", [*FAMILIES, *OTHERS])
def test_the_gradient_of_padded_rows_is_the_sum_of_single_rows(kind: str) -> None:
    model = small_model(kind).train()
    add_fused_lm_head(model, outputs=("log_probs", "entropy"))
    ids, mask, keep = padded()
    weights = torch.arange(1.0, 7.0)[:, None] * mask[:, -keep:]
    logps, entropies, _ = right_padded(fused, model, ids, mask, keep)
    together = gradients(model, (logps * weights).sum())
    apart = torch.zeros_like(together)
    for i, length in enumerate(COMPLETIONS):
        own, entropy = alone(model, ids[i][mask[i].bool()], length)
        assert torch.allclose(own, logps[i, :length], atol=1e-4)
        assert torch.allclose(entropy, entropies[i, :length], atol=1e-4)
        apart += gradients(model, (own * weights[i, :length]).sum())
    assert float((together - apart).norm() / apart.norm()) < 1e-4


def test_trainers_have_no_padding_before_such_rows_packed_or_not(make_trainer: Any) -> None:
    ids, mask, keep = padded()
    for packed in (None, 400):
        model = small_model("gpt2", vocabulary=416)  # learned positions count padding, so that it shows
        trainer = make_trainer(model=model, tokens_per_micro_batch=packed, temperature=1.0)
        logps, _, _ = trainer._get_per_token_logps_and_entropies(trainer.model, ids, mask, keep)
        for i, length in enumerate(COMPLETIONS):
            assert torch.allclose(logps[i, :length], alone(model, ids[i][mask[i].bool()], length)[0], atol=1e-4)
