"""A recipe, from its first line to its report.

`lengthwise train RECIPE` on one machine, `accelerate launch -m rl.train RECIPE` on a cluster.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from accelerate.utils import broadcast_object_list
from transformers import PrinterCallback, TrainerCallback

from rl.errors import UserError
from rl.evaluation.measuring import BATCHES_A_PART, asked_by
from rl.evaluation.recipes import recipe_protocol
from rl.evaluation.sampling import Answerer, end_ids, evaluate
from rl.folders import checkpoints
from rl.folders.lock import locked
from rl.folders.run import RunFolder
from rl.folders.sums import damage
from rl.launch.check import require_ranks, require_sharding
from rl.launch.devices import take_one_device
from rl.models import quieten_libraries
from rl.ranks import found_by_main, is_main_process, launched
from rl.recipe.files import load_recipe
from rl.recipe.trainer_values import patience
from rl.recipe.values import stages_of
from rl.report import write_diverged, write_run_report
from rl.rollouts.weights import WEIGHTS, clear_weights
from rl.run.course import keep_course
from rl.run.engines import answering, answers_by, build_engine
from rl.run.final import save_final
from rl.run.inputs import keep_inputs
from rl.run.plan import Plan, planned
from rl.run.prepare import Prepared
from rl.run.probe import probed
from rl.run.progress import ProgressCallback
from rl.run.room import longest_held_out
from rl.run.writing import Writer, tell_lost, tell_lost_since
from rl.scratch import clear_left
from rl.secrecy import Granted
from rl.terminal import answers_progress, say
from rl.trainer.copies import give_back, plain_copy, require_finite
from rl.trainer.divergence import Diverged, spoiled
from rl.trainer.lora import load_options, start_from
from rl.trainer.signals import Stopped, passed_over
from rl.trainer.trainer import LengthGRPOTrainer


def train(
    reference: str,
    overrides: Sequence[str] = (),
    out: Path | None = None,
    overwrite: bool = False,
    quiet: bool = False,
    accept_data: bool = False,
    granted: Granted | None = None,
    anyway: bool = False,
) -> RunFolder:
    """Train a recipe to its end and report; resume it where it stopped; only report it if finished.

    `accept_data`: go on with other problems, plug-in files or weights than the run was begun with. `anyway`: try what
    the memory estimate says cannot fit on this launch's devices.

    Errors: `rl.trainer.signals.Stopped`, a SystemExit, where a signal ended it.
    """
    take_one_device()
    quieten_libraries()
    recipe = load_recipe(reference, overrides)
    run = RunFolder(out or Path("runs") / recipe.name)
    launched(max(patience(part.trainer, part.name) for part in [recipe, *(s for _, s in stages_of(recipe))]))
    require_ranks()
    # A folder that is not ours shows before a lock is put into it, and before anything heavy is loaded.
    if found_by_main(lambda: not (overwrite and run.clearable()) and run.status(recipe) == "finished"):
        return run
    with passed_over():
        plan = planned(recipe, run, overwrite, granted or Granted(), anyway)
        try:
            _tell(plan, quiet)
            with locked(run.path):
                _train_locked(plan, run, overwrite, quiet, accept_data)
        finally:
            plan.close()
    return run


def _train_locked(plan: Plan, run: RunFolder, overwrite: bool, quiet: bool, accept_data: bool) -> None:
    state, recipe = launched(), plan.recipe
    if overwrite and state.is_main_process:
        run.clear()
    status = found_by_main(lambda: run.status(recipe))
    if status == "finished":
        return
    keep_inputs(run, plan.parts, status == "unfinished", accept_data)
    if state.is_main_process:
        run.start(recipe)
    try:
        if recipe.stages:
            _train_stages(plan.parts, run, quiet)
        else:
            _train_one(*plan.parts[0], quiet)
    except Diverged as diverged:
        if state.is_main_process:
            write_diverged(run, diverged.step, diverged.metric, str(diverged))
        raise
    if state.is_main_process:
        write_run_report(run)
    state.wait_for_everyone()


def _tell(plan: Plan, quiet: bool) -> None:
    """Which engine it is and why, and what goes on though it is hardly meant."""
    if not is_main_process():
        return
    if not quiet:
        sizes = plan.parts[0][0].sizes.describe()
        say(f"rollouts by {plan.choice.describe()}" + (f" ({sizes})" if sizes else ""))
    for line in dict.fromkeys(line for prepared, _ in plan.parts for line in prepared.warnings()):
        say(f"warning: {line}", error=True)


def _train_stages(plan: Sequence[tuple[Prepared, RunFolder]], run: RunFolder, quiet: bool) -> None:
    """One run after the other, each from the model before it; the whole then shows the last one's results."""
    state = launched()
    before: RunFolder | None = None
    for prepared, stage in plan:
        if before is not None:
            prepared = prepared.starting_from(before)  # whose "after" is this one's "before"
        if found_by_main(partial(stage.status, prepared.recipe)) != "finished":
            if state.is_main_process:
                stage.start(prepared.recipe)
            _train_one(prepared, stage, quiet)
            if state.is_main_process:
                write_run_report(stage)
        state.wait_for_everyone()
        before = stage
    if state.is_main_process:
        run.gather([stage for _, stage in plan])
    state.wait_for_everyone()


def _train_one(prepared: Prepared, run: RunFolder, quiet: bool) -> None:
    trained = found_by_main(run.final.exists)
    if not trained:
        prepared = probed(prepared, run)
    if prepared.recipe.evaluation.before:
        _evaluate(prepared, run, "before", quiet)
        give_back()
    if trained:
        _require_undamaged(run)
        if is_main_process():
            tell_lost_since(run, prepared.config.round_steps)
    else:
        _train_model(prepared, run, quiet)
    give_back()
    _evaluate(prepared, run, "after", quiet)
    give_back()


def _train_model(prepared: Prepared, run: RunFolder, quiet: bool) -> None:
    trainer = build_trainer(prepared, run, quiet)
    try:
        _train_to_its_end(trainer, run, prepared.model)
    finally:
        trainer.engine.close()


def _train_to_its_end(trainer: LengthGRPOTrainer, run: RunFolder, model: str) -> None:
    """Errors, on every rank: Stopped, where a signal said so; Diverged."""
    signals = trainer.signals
    try:
        with signals.heeded():
            checkpoint = _rewind(run, trainer.args.round_steps)
            if checkpoint is not None:
                keep_course(trainer, Path(checkpoint))
            trainer.train(resume_from_checkpoint=checkpoint)
            if not signals.ending:
                tell_lost(run, trainer.state, trainer.args.round_steps)
                save_final(trainer, run, model)
            signals.end_if_told()
    except Stopped as stopped:
        if trainer.accelerator.is_main_process:
            say(f"{run.path} was ended by {stopped.signal}; the same command goes on", error=True)
        raise
    except Diverged as diverged:
        raise _told(diverged, run) from None


def _told(diverged: Diverged, run: RunFolder) -> Diverged:
    """Has it say what is kept, and what to do."""
    kept = checkpoints.latest(run.checkpoints)
    diverged.args = (
        f"{diverged}; {run.path} is kept as of {kept.name if kept else 'its start'}, where the same command goes on; "
        "or lower trainer.learning_rate or trainer.max_grad_norm, with another --out",
    )
    return diverged


def _rewind(run: RunFolder, round_steps: int) -> str | None:
    """Set a run back to its newest whole checkpoint, which the main process chooses for all, and say which."""
    chosen: list[str | None] = [None]
    if is_main_process():
        found = checkpoints.find(run.checkpoints, spoiled)
        if found.used or found.skipped:
            say(f"{run.path} goes on {found}", error=True)
        checkpoints.remove_torn(run.checkpoints, found)
        step = checkpoints.step(found.used) if found.used else 0
        run.rewind(step, -(-step // round_steps))
        chosen = [str(found.used) if found.used else None]
    broadcast_object_list(chosen)
    return chosen[0]


def build_trainer(prepared: Prepared, run: RunFolder, quiet: bool = True) -> LengthGRPOTrainer:
    """The trainer of a recipe as `train` uses it, its model loaded, its engine built."""
    source = prepared.model
    model, adapter = start_from(source, prepared.recipe.lora, load_options(prepared.recipe, prepared.config))
    require_finite(model, source)
    if is_main_process():
        clear_weights(run.path / WEIGHTS)
        clear_left()
    writer = Writer(run)
    callbacks: list[TrainerCallback] = [writer]
    if not quiet:
        callbacks.append(ProgressCallback(prepared.recipe.name))
    trainer = LengthGRPOTrainer(
        model=model,
        args=prepared.config,
        problems=prepared.train.problems,
        rewards=prepared.rewards,
        budget=prepared.budgets,
        verifier=prepared.verifier,
        processing_class=prepared.tokenizer,
        peft_config=adapter,
        order=prepared.order,
        monitor=prepared.monitor.problems if prepared.monitor else (),
        on_round=writer.write_round,
        callbacks=callbacks,
        engine=build_engine(prepared, source),
        edits=prepared.edits,
        credit=prepared.credit,
    )
    trainer.teller.on_alarm = writer.write_alarm
    trainer.remove_callback(PrinterCallback)
    require_sharding(trainer.accelerator.distributed_type)
    return trainer


def _evaluate(prepared: Prepared, run: RunFolder, when: Literal["before", "after"], quiet: bool) -> None:
    """Ask a plain copy of the model as training begins, or ends, with it: of one kind and dtype, so they compare."""
    target = run.evaluation(when)
    if prepared.eval is None or found_by_main(target.is_file):
        return
    recipe, source = prepared.recipe, prepared.recipe.data.eval
    assert source is not None
    asked = asked_by(
        prepared.tokenizer, prepared.eval, source, prepared.verifier, recipe_protocol(recipe), answers_by(prepared)
    )
    place = prepared.model if when == "before" else str(run.final)
    model = plain_copy(place, recipe, prepared.config)
    engine = answering(prepared, model, place, recipe.evaluation.batch_size, longest_held_out(prepared))
    name = recipe.model if when == "before" else recipe.name
    answerer = Answerer(engine, prepared.tokenizer, end_ids(model, prepared.tokenizer), name)
    problems, batch = asked.written(), BATCHES_A_PART * recipe.evaluation.batch_size
    if answers_by(prepared) == "transformers":
        batch = recipe.evaluation.batch_size  # its own: nothing waits for that
    hidden = quiet or not is_main_process()
    with answers_progress(f"{when} training", len(problems) * asked.protocol.samples, hidden) as told:
        result = evaluate(
            answerer, problems, prepared.verifier, asked.protocol, batch=batch,
            told=lambda rows: told(len(rows), sum(row["length"] for row in rows)),
        )  # fmt: skip
    engine.close()
    if is_main_process():
        result.save(target)


def _require_undamaged(run: RunFolder) -> None:
    wrong = found_by_main(lambda: damage(run.final))
    if wrong is not None:
        raise UserError(
            f"{run.final}: {wrong}; put it back, or delete the folder, and the same command makes it again from "
            f"{run.checkpoints.name}/"
        )
