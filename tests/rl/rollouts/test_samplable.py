"""What is no model to sample from, and the copies that are."""

import os

import pytest
import torch
from transformers import PreTrainedModel

from rl.errors import UserError
from rl.models import whole_on_each_rank
from rl.rollouts.samplable import require_samplable

CPU = torch.device("cpu")


def test_a_model_of_zeros_is_refused(model: PreTrainedModel) -> None:
    require_samplable(model, CPU)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    with pytest.raises(UserError, match="is all zero on this rank"):
        require_samplable(model, CPU)


def test_a_model_on_another_device_than_the_ranks_is_refused(model: PreTrainedModel) -> None:
    with pytest.raises(UserError, match="lies on cpu, and this rank computes on cuda:0"):
        require_samplable(model, torch.device("cuda", 0))


@pytest.mark.parametrize("before", [None, "true"])
def test_whole_weights_are_loaded_in_the_block_only(before: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "FSDP_CPU_RAM_EFFICIENT_LOADING"
    monkeypatch.delenv(name, raising=False)
    if before is not None:
        monkeypatch.setenv(name, before)
    with whole_on_each_rank():
        assert os.environ[name] == "false"
    assert os.environ.get(name) == before
