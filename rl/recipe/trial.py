"""What the trainer will make of its settings, tried on two numbers: optimiser, schedule, reporters."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import Trainer, get_scheduler
from transformers.integrations.integration_utils import (
    INTEGRATION_TO_CALLBACK,
    get_available_reporting_integrations,
    is_flytekit_available,
)
from transformers.training_args import OptimizerNames
from transformers.utils import is_liger_kernel_available

from rl.errors import UserError, unknown
from rl.recipe.config import LengthGRPOConfig

BY_MODULES = ("galore", "apollo", "lomo")
"""Optimisers that look for modules of the model, which two numbers have not."""


def require_reporters(given: Any, where: str) -> None:
    """Errors: UserError for a reporter that nobody knows, or that is not installed."""
    installed = [*get_available_reporting_integrations(), *(["flyte"] if is_flytekit_available() else [])]
    for name in [given] if isinstance(given, str) else given or ():
        if name in ("none", "all"):
            continue
        if name not in INTEGRATION_TO_CALLBACK:
            raise unknown("reporter", name, [*INTEGRATION_TO_CALLBACK, "none"], f"{where}: trainer.report_to")
        if name not in installed:
            raise UserError(f"{where}: trainer.report_to: {name} is not installed; pip install {name}")


def require_trainable(config: LengthGRPOConfig, where: str) -> None:
    """Errors: UserError for what transformers would refuse once the model is loaded, or after the first step."""
    if config.fp16 and not torch.cuda.is_available():
        raise UserError(f"{where}: trainer.fp16 needs a GPU; remove it, or use bf16")
    if config.use_liger_kernel and not is_liger_kernel_available():
        raise UserError(f"{where}: trainer.use_liger_kernel: liger_kernel is not installed; pip install liger-kernel")
    if 0 < config.max_steps < config.logging_steps:
        raise UserError(
            f"{where}: trainer.logging_steps {config.logging_steps} lies beyond max_steps {config.max_steps}: nothing "
            "would be logged; lower it"
        )
    try:
        config.get_process_log_level()
        _try_optimizer(config)
    except Exception as error:
        said = " ".join(str(error).split())
        raise UserError(f"{where}: trainer.optim, lr_scheduler_type: {type(error).__name__}: {said}") from error


def _try_optimizer(config: LengthGRPOConfig) -> None:
    model = nn.Linear(1, 1)
    try:
        kind, settings = Trainer.get_optimizer_cls_and_kwargs(config, model)  # type: ignore[arg-type]
    except ValueError:
        if any(name in OptimizerNames(config.optim).value for name in BY_MODULES):
            return
        raise
    optimizer = kind(model.parameters(), **settings)
    steps = max(config.max_steps, 2)
    scheduler: Any = get_scheduler(
        config.lr_scheduler_type, optimizer, config.get_warmup_steps(steps), steps, config.lr_scheduler_kwargs
    )
    model(torch.ones(1)).sum().backward()
    optimizer.step()
    scheduler.step()
