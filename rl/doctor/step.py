"""One round and one update of the demo model, by the real trainer: whether all the parts work together."""

from __future__ import annotations

import math
import time
from pathlib import Path

from rl.doctor.environment import alone
from rl.doctor.finding import ELSE, Finding, fail, ok
from rl.scratch import Scratch

RECIPE = "demo-grpo"
SMALL = (
    *("trainer.max_steps=1", "trainer.num_generations=4", "trainer.per_device_train_batch_size=8"),
    *("trainer.steps_per_generation=1", "trainer.save_strategy='no'", "data.train.options.n=16", "data.eval=null"),
    "budget.tokens=60",
)


def one_step() -> tuple[float, float]:
    """Take the step in a temporary folder; its seconds, preparation included, and its loss."""
    from transformers import PrinterCallback

    from rewards.verifier import Isolated
    from rl.models import load_model, quieten_libraries
    from rl.recipe.files import load_recipe
    from rl.run.prepare import prepare
    from rl.trainer.trainer import LengthGRPOTrainer

    quieten_libraries()
    started = time.monotonic()
    with Scratch("doctor") as folder, alone():
        prepared = prepare(load_recipe(RECIPE, SMALL), Path(folder))
        try:
            trainer = LengthGRPOTrainer(
                model=load_model(prepared.model),
                args=prepared.config,
                problems=prepared.train.problems,
                rewards=prepared.rewards,
                budget=prepared.budgets,
                verifier=prepared.verifier,
                processing_class=prepared.tokenizer,
            )
            trainer.teller.on_alarm = lambda step, alarm: None  # about a run that is none
            trainer.remove_callback(PrinterCallback)
            loss = float(trainer.train().training_loss)
        finally:
            if isinstance(prepared.verifier, Isolated):
                prepared.verifier.close()
    return time.monotonic() - started, loss


def examine() -> list[Finding]:
    try:
        seconds, loss = one_step()
    except Exception as error:
        what = " ".join(str(error).split())[:300] or type(error).__name__
        return [fail(f"a step of the demo model failed: {what}", ELSE)]
    if not math.isfinite(loss):
        return [fail(f"a step of the demo model gave a loss of {loss}", "torch computes wrongly here; install it anew")]
    return [ok(f"a round and an update of the demo model, sampled, judged and trained in {seconds:.1f} s")]
