"""What else reproduces a release: exact versions of the packages."""

from __future__ import annotations

import platform

from rl.installed import installed

LOCK = "requirements.lock"
PACKAGES = (
    *("accelerate", "datasets", "lengthwise", "math-verify", "numpy", "peft", "safetensors", "tokenizers", "torch"),
    *("transformers", "trl", "deepspeed", "flash-attn", "vllm"),
)
"""What training, sampling and judging depend on."""


def lock() -> str:
    """Those of the packages that are installed, in exact versions, for `pip install -r`."""
    lines = [f"# Python {platform.python_version()}"]
    for name in PACKAGES:
        public, _, local = (installed(name) or "").partition("+")
        if public:
            lines.append(f"{name}=={public}" + (f"  # {local}" if local else ""))
    return "\n".join(lines) + "\n"
