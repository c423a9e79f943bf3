"""Whether a released folder is a model: load it as its users will, and have it answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PreTrainedTokenizerBase

from rl.errors import UserError
from rl.evaluation import Protocol, encode_prompts
from rl.evaluation.sampling import end_ids
from rl.models import load_generation_config, load_tokenizer
from rl.ranks import launched
from rl.rollouts import Ask, Sampling, TransformersEngine

TOKENS = 8


def require_loads(folder: Path, base: str | None = None) -> None:
    """Load a model, or the adapter of a `base` model, and sample a few tokens.

    Errors: UserError when that fails, when a weight is missing or left over, or scores are no numbers.
    """
    try:
        model, info = AutoModelForCausalLM.from_pretrained(
            base or folder, dtype="auto", output_loading_info=True, trust_remote_code=False
        )
        wrong = [key for kind in ("missing_keys", "unexpected_keys", "mismatched_keys") for key in info.get(kind, ())]
        if wrong:
            raise UserError(f"the weights do not fit the config: {sorted(map(str, wrong))[0]}")
        if base:
            from peft import PeftModel

            model = PeftModel.from_pretrained(model, folder)
        tokenizer = load_tokenizer(str(folder))
        _answer(model.to(launched().device).eval(), tokenizer)
    except UserError as error:
        raise UserError(f"the checkpoint cannot be released: {error}") from error
    except Exception as error:
        what = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"the checkpoint cannot be released, it does not load: {what}") from error


def _answer(model: Any, tokenizer: PreTrainedTokenizerBase) -> None:
    from rewards import Problem

    text = "What is 1+1?"
    prompt: Any = [{"role": "user", "content": text}] if tokenizer.chat_template else text
    ids = encode_prompts(tokenizer, [Problem("1", prompt, "2")])
    with torch.no_grad():
        scores = model(torch.tensor(ids, device=model.device)).logits
    if not torch.isfinite(scores).all():
        raise UserError("its scores are not finite")
    eos = end_ids(model, tokenizer)
    found = TransformersEngine(model, 1).generate(Ask.each(ids, [TOKENS], Sampling(0.0), eos_ids=eos, seeds=[0]))
    if not found[0].token_ids:
        raise UserError("it gives no tokens")


def write_generation_config(folder: Path, base: str | None, protocol: Protocol) -> None:
    """How to sample by default: as the card's figures were, up to their cap, ending at every id that ends one."""
    tokenizer = load_tokenizer(str(folder))
    config = load_generation_config(base or str(folder))
    declared = config.eos_token_id
    ids = [declared] if isinstance(declared, int) else list(declared or [])
    if tokenizer.eos_token_id is not None and tokenizer.eos_token_id not in ids:
        ids = [tokenizer.eos_token_id, *ids]
    config.eos_token_id = ids[0] if len(ids) == 1 else ids
    config.pad_token_id = tokenizer.pad_token_id
    sampled = protocol.temperature > 0
    config.do_sample = sampled
    config.temperature, config.top_p = (protocol.temperature, protocol.top_p) if sampled else (None, None)
    config.top_k = 0 if sampled else None
    config.max_new_tokens = protocol.cap
    config._from_model_config = False
    config.save_pretrained(folder)
