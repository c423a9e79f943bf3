"""Run under torchrun, without CUDA: `lengthwise train` by FSDP2 over gloo, which accelerate has for accelerators only."""

import sys
from typing import Any

from accelerate import PartialState
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType
from torch.distributed.fsdp import FSDPModule
from transformers import Trainer

from rl.cli import run_command
from rl.trainer.trainer import LengthGRPOTrainer

begin = AcceleratorState.__init__
train_micro_batch = Trainer.training_step
make_round = LengthGRPOTrainer._generate_and_score_completions


def as_if_on_an_accelerator(self: AcceleratorState, *args: Any, **kwargs: Any) -> None:
    if PartialState(cpu=True).distributed_type == DistributedType.MULTI_CPU:
        PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU
    begin(self, *args, **kwargs)


def seen_to_be_sharded(self: LengthGRPOTrainer, inputs: Any) -> Any:
    assert isinstance(self.model_wrapped, FSDPModule)
    return make_round(self, inputs)


def seen_to_keep_no_whole_gradient(self: Trainer, model: Any, *args: Any, **kwargs: Any) -> Any:
    loss = train_micro_batch(self, model, *args, **kwargs)
    for module in model.modules():
        group = module._get_fsdp_state()._fsdp_param_group if isinstance(module, FSDPModule) else None
        for parameter in group.fsdp_params if group else ():
            whole = getattr(parameter, "_unsharded_param", None)
            assert parameter.unsharded_accumulated_grad is None
            assert whole is None or whole.grad is None
    return loss


Trainer.training_step = seen_to_keep_no_whole_gradient
AcceleratorState.__init__ = as_if_on_an_accelerator
LengthGRPOTrainer._generate_and_score_completions = seen_to_be_sharded  # type: ignore[method-assign]
run_command(["train", *sys.argv[1:]])
