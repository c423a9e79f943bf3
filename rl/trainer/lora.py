"""LoRA and QLoRA: a recipe's `lora` as peft and TRL take it, and the model that such a run starts from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftConfig, PeftModel, get_peft_model
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, PreTrainedModel

from rl.errors import UserError
from rl.models import base_of, load_config, load_model, without_weights
from rl.ranks import launched
from rl.recipe.config import LengthGRPOConfig
from rl.recipe.parts import LoraPart, Recipe
from rl.rollouts.weights import room_for

REFERENCE = "ref"
"""The adapter, frozen, that TRL measures the KL term of a stage from, where the stage goes on with an adapter."""

SHAPE = ("r", "lora_alpha", "use_rslora", "target_modules", "modules_to_save")
"""What makes two adapters one kind: training can go on from one to the other."""


def peft_config(part: LoraPart) -> LoraConfig:
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=part.rank,
        lora_alpha=part.alpha,
        lora_dropout=part.dropout,
        target_modules=part.target_modules,
        modules_to_save=part.modules_to_save or None,
        use_rslora=part.rslora,
    )


def trainable(model: nn.Module) -> tuple[int, int]:
    """Parameters that train, and all there are; on the meta device, too, and of which ZeRO-3 keeps a share here."""
    sizes = [(getattr(p, "ds_numel", p.numel()), p.requires_grad) for p in model.parameters()]
    return sum(size for size, trains in sizes if trains), sum(size for size, _ in sizes)


def skeleton(model: str, part: LoraPart | None, trust_remote_code: bool = False) -> PreTrainedModel | PeftModel:
    """The model at a path or hub name, as it would train, without memory for its weights.

    Errors: UserError where `part` names modules that the model has not, or that cannot be adapted.
    """
    config = load_config(model, trust_remote_code)
    with without_weights():
        whole = AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)
        if part is None:
            return whole  # type: ignore[no-any-return]
        try:
            adapted = get_peft_model(whole, peft_config(part))
        except ValueError as error:
            raise UserError(f"lora: {' '.join(str(error).split())}") from error
    _require_modules(adapted, part)
    return adapted


def _require_modules(adapted: PeftModel, part: LoraPart) -> None:
    """Refuse modules for which the adapter would not train, or would not be kept as it trained."""
    base = adapted.get_base_model()
    head, embedding = base.get_output_embeddings(), base.get_input_embeddings()
    for name, module in adapted.named_modules():
        if isinstance(module, BaseTunerLayer) and (module is head or not _is_linear(module)):
            linear = sorted({n.rpartition(".")[2] for n, each in adapted.named_modules() if _is_linear(each)})
            raise UserError(
                f"lora.target_modules: {name.removeprefix('base_model.model.')} cannot be adapted, only linear layers "
                f"other than the LM head; name such{_as(linear)}, and it under modules_to_save"
            )
    names = {name.rpartition(".")[2] for name, _ in adapted.named_modules()}
    for name in part.modules_to_save:
        if name.rpartition(".")[2] not in names:
            raise UserError(f"lora.modules_to_save: the model has no module {name!r}")
    saved = [module for module in (head, embedding) if hasattr(module, "modules_to_save")]
    if saved and getattr(base.config, "tie_word_embeddings", False):
        raise UserError(
            "lora.modules_to_save: input embedding and LM head are one in this model, and would be trained apart; "
            "remove them"
        )


def _as(names: Sequence[str]) -> str:
    return f", as [{', '.join(names)}]" if names else ""


def _is_linear(module: nn.Module) -> bool:
    """Whether a module is a linear layer under an adapter."""
    return isinstance(module, BaseTunerLayer) and isinstance(module.get_base_layer(), nn.Linear)


def require_lora(recipe: Recipe, config: LengthGRPOConfig, model: str) -> None:
    """Refuse an adapter that could not be trained or sampled from, before anything is written. Errors: UserError."""
    part = recipe.lora
    if part is None:
        return
    for name, value, holds, needs in (
        ("rank", part.rank, part.rank >= 1, "at least 1"),
        ("alpha", part.alpha, part.alpha > 0, "above 0"),
        ("dropout", part.dropout, 0 <= part.dropout < 1, "at least 0 and below 1"),
    ):
        if not holds:
            raise UserError(f"{recipe.name}: lora.{name} must be {needs}, not {value}")
    if part.dropout and config.sequence_chunk is not None:
        raise UserError("lora.dropout does not go with trainer.sequence_chunk, which repeats forwards; set it to 0")
    engine = recipe.rollouts.engine
    if engine in ("vllm", "workers"):  # `auto` is neither where it could not be
        room_for(part.rank)
        for key, set_ in (("modules_to_save", bool(part.modules_to_save)), ("quantize", part.quantize is not None)):
            if set_:
                raise UserError(
                    f"lora.{key} does not go with rollouts.engine: {engine}, which samples from the model as it is and "
                    "a plain adapter; use rollouts.engine: transformers, or leave it out"
                )
    if part.quantize is not None:
        _require_quantization(part.quantize)
    adapted = skeleton(model, part, config.trust_remote_code)
    if base_of(model) is not None:
        _require_same_kind(PeftConfig.from_pretrained(model), adapted.peft_config["default"], model)


def _require_quantization(kind: str) -> None:
    if not torch.cuda.is_available():
        raise UserError(f"lora.quantize: {kind} needs CUDA; remove it here")
    if find_spec("bitsandbytes") is None:
        raise UserError(f"lora.quantize: {kind} needs bitsandbytes: pip install 'lengthwise[qlora]'")


def _require_same_kind(found: PeftConfig, wanted: PeftConfig, model: str) -> None:
    for key in SHAPE:
        theirs, ours = (_plain(getattr(config, key, None)) for config in (found, wanted))
        if theirs != ours:
            raise UserError(
                f"the adapter {model} has {key} {theirs}, and the recipe's lora has {ours}: training goes on with an "
                "adapter as it is; make them equal, or fold it with lengthwise merge first"
            )


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, set | list | tuple) else value


def require_continues(before: Recipe, after: Recipe) -> None:
    """Refuse a stage whose adapter is not the one that the stage before it ends with. Errors: UserError."""
    one, two = before.lora, after.lora
    if one is None or two is None:
        return
    for key in ("rank", "alpha", "rslora", "target_modules", "modules_to_save"):
        if getattr(one, key) != getattr(two, key):
            raise UserError(
                f"{after.name}: lora.{key} is {getattr(two, key)}, and {before.name} ends with an adapter of "
                f"{getattr(one, key)}, with which it goes on; make them equal"
            )


def load_options(recipe: Recipe, config: LengthGRPOConfig) -> dict[str, Any]:
    """Keyword arguments of `load_model` for the model of a run; `trainer.model_init_kwargs` goes before all others.

    What does not train need not be in float32: under an adapter the model is held as it computes.
    """
    options: dict[str, Any] = {"trust_remote_code": config.trust_remote_code}
    part = recipe.lora
    if part is not None and config.bf16 and not part.modules_to_save:
        options["dtype"] = "bfloat16"
    if part is not None and part.quantize is not None:
        options["quantization_config"] = _quantization(part.quantize, config)
        options["device_map"] = {"": launched().local_process_index}
    return options | (config.model_init_kwargs or {})


def _quantization(kind: str, config: LengthGRPOConfig) -> BitsAndBytesConfig:
    if kind == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype="bfloat16" if config.bf16 else "float16" if config.fp16 else "float32",
    )


def start_from(
    model: str, part: LoraPart | None, options: dict[str, Any]
) -> tuple[PreTrainedModel | PeftModel, LoraConfig | None]:
    """The model that training starts from, and the adapter that TRL is to put on it.

    With `lora`, training goes on with the adapter of an adapter's folder; without, that is folded
    into its base, and the whole model trains.
    """
    base = base_of(model)
    if base is None:
        return load_model(model, **options), peft_config(part) if part else None
    if part is None:
        whole: PreTrainedModel = load_model(model, **options).merge_and_unload()
        return whole.requires_grad_(True), None
    config = PeftConfig.from_pretrained(model)
    config.lora_dropout, config.inference_mode = part.dropout, False
    adapted = PeftModel.from_pretrained(load_model(base, **options), str(Path(model)), is_trainable=True, config=config)
    return adapted, None


@contextmanager
def all_adapters(model: PreTrainedModel | PeftModel, checkpoint: Path) -> Iterator[None]:
    """While transformers loads a checkpoint into the model: all its adapters are, in the dtypes they train in.

    Beside a reference adapter, transformers reads that one only; and peft raises half precision,
    which TRL gives QLoRA's.
    """
    dtypes = {name: parameter.dtype for name, parameter in model.named_parameters()}
    yield
    if (checkpoint / REFERENCE).is_dir():
        model.load_adapter(str(checkpoint), model.active_adapters[0], is_trainable=True)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(dtypes[name])
