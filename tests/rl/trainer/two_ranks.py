"""Run under torchrun: one short HAPO run over two ranks, resumed from its middle; each rank writes what it ended with."""

import hashlib
import json
import math
import shutil
import sys
from pathlib import Path
from typing import Any

import torch
from processes import patience

from rl.errors import UserError
from rl.folders.lock import locked
from rl.ranks import launched
from rl.rounds.maker import RoundMaker
from rl.rounds.round import Round
from rl.run.train import train
from rl.trainer.divergence import Diverged
from rl.trainer.trainer import LengthGRPOTrainer

state: dict[str, object] = {"rewards": [], "advantages": []}
make_round, begin = RoundMaker.make, LengthGRPOTrainer._generate_and_score_completions


def seen(self: RoundMaker, *args: Any) -> Round:
    round_ = make_round(self, *args)
    state["rewards"].append([s.totals.tolist() for s in round_.everything()])  # type: ignore[attr-defined]
    state["advantages"].append(round_.advantages.tolist())  # type: ignore[attr-defined]
    return round_


def known(self: LengthGRPOTrainer, inputs: Any) -> Any:
    state["trainer"] = self
    return begin(self, inputs)


RoundMaker.make = seen  # type: ignore[assignment, method-assign]
LengthGRPOTrainer._generate_and_score_completions = known  # type: ignore[method-assign]


def ended() -> dict[str, object]:
    """What the latest run ended with, on this rank."""
    trainer = state.pop("trainer")
    assert isinstance(trainer, LengthGRPOTrainer)
    weights = torch.cat([p.detach().flatten() for p in trainer.model.parameters()])
    own = trainer.run_state()
    return {
        "parameters": hashlib.sha256(weights.numpy().tobytes()).hexdigest(),
        "ranks": trainer.accelerator.num_processes,
        "patience": patience(),
        **{part: own[part] for part in ("history", "sampler", "sampling", "alarms")},
    }


out, *overrides = sys.argv[1:]
train("demo-hapo", overrides, Path(out), quiet=True)
ranks = launched()
state["unbroken"] = ended()

broken = Path(f"{out}-broken")
if ranks.is_main_process:
    shutil.copytree(out, broken)
    for lost in ("final", "report", "checkpoints/checkpoint-4"):
        shutil.rmtree(broken / lost)
    (broken / "checkpoints/checkpoint-2").rename(broken / "checkpoints/checkpoint-4")  # torn: another name's state
    shutil.copytree(Path(out, "checkpoints/checkpoint-2"), broken / "checkpoints/checkpoint-2")
    (broken / "checkpoints/checkpoint-4/optimizer.pt").write_bytes(b"")
ranks.wait_for_everyone()
train("demo-hapo", overrides, broken, quiet=True)
state["resumed"] = ended()

with locked(Path(f"{out}-held")):  # the main process holds it; every rank is told
    try:
        train("demo-hapo", overrides, Path(f"{out}-held"), quiet=True)
    except UserError as error:
        state["refused"] = str(error)

compute = LengthGRPOTrainer._compute_loss


def spoilt(self: LengthGRPOTrainer, *args: Any) -> Any:
    """The loss, which is no number at the third step of the second rank."""
    planted = self.state.global_step == 2 and not self.accelerator.is_main_process
    return compute(self, *args) * (math.nan if planted else 1.0)


LengthGRPOTrainer._compute_loss = spoilt  # type: ignore[method-assign]
try:
    train("demo-hapo", overrides, Path(f"{out}-diverged"), quiet=True)
except Diverged as error:
    state["diverged"] = str(error)
state.pop("trainer")

Path(f"{out}-rank{ranks.process_index}.json").write_text(json.dumps(state))
