"""Run under torchrun: one short HAPO run over two ranks; each rank writes what it ended with."""

import hashlib
import json
import sys
from pathlib import Path

import torch

from rl.train import train
from rl.trainer import LengthGRPOTrainer

state: dict[str, object] = {"rewards": [], "advantages": []}
make_round = LengthGRPOTrainer._make_round


def spy(self: LengthGRPOTrainer):  # type: ignore[no-untyped-def]
    round_ = make_round(self)
    state["rewards"].append([s.totals.tolist() for s in round_.everything()])  # type: ignore[attr-defined]
    state["advantages"].append(round_.advantages.tolist())  # type: ignore[attr-defined]
    state["trainer"] = self
    return round_


LengthGRPOTrainer._make_round = spy  # type: ignore[method-assign]

out, *overrides = sys.argv[1:]
train("demo-hapo", overrides, Path(out), quiet=True)
trainer = state.pop("trainer")
assert isinstance(trainer, LengthGRPOTrainer)
weights = torch.cat([p.detach().flatten() for p in trainer.model.parameters()])
state["parameters"] = hashlib.sha256(weights.numpy().tobytes()).hexdigest()
state["history"] = trainer.history.state_dict()
state["ranks"] = trainer.accelerator.num_processes
Path(f"{out}-rank{trainer.accelerator.process_index}.json").write_text(json.dumps(state))
