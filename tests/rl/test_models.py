from pathlib import Path

import torch
from transformers import PreTrainedModel

from rl.models import load_model


def test_half_precision_weights_are_trained_in_fp32(model: PreTrainedModel, tmp_path: Path) -> None:
    model.to(torch.bfloat16).save_pretrained(tmp_path)
    assert load_model(str(tmp_path)).dtype == torch.float32
    assert load_model(str(tmp_path), dtype="auto").dtype == torch.bfloat16
