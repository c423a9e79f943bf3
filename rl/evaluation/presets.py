r"""The protocols that papers state, as data.

Nobody states everything. What a paper leaves open stands at our default (top-p 1, cut answers judged by their
text), and seeds are always ours. Prompts are those of each paper's recipe in `experiments/recipes/papers`.
"""

from __future__ import annotations

from collections.abc import Mapping

from rl.errors import unknown
from rl.evaluation.protocol import Protocol
from rl.recipe.parts import PluginPart

_STEP_BY_STEP = r"{problem} Let's think step by step and output the final answer within \boxed{}."
_REASON = r"Please reason step by step, and put your final answer within \boxed{}."

PRESETS: Mapping[str, Protocol] = {
    # The embedded task, as the demo's recipes evaluate it.
    "demo": Protocol("demo", cap=320),
    # arXiv 2510.15110, section 4: pass@1 over 16 samples; the verifier wants the thinking to have ended.
    "dler": Protocol(
        "dler",
        cap=32768,
        samples=16,
        temperature=0.6,
        top_p=0.95,
        prompt=_STEP_BY_STEP,
        verifier=PluginPart("math", {"thinking": "required"}),
    ),
    # arXiv 2509.25176, section 5: 64 samples, 32 while training.
    "siri": Protocol("siri", cap=16384, samples=64, temperature=0.6, prompt=_STEP_BY_STEP),
    # arXiv 2505.11225 (HAPO): lighteval on vLLM; how many samples it does not say.
    "hapo": Protocol("hapo", cap=32768, temperature=0.6, top_p=0.95, system=_REASON),
    # arXiv 2507.14683 (MiroMind-M1): avg@64 on AIME, avg@5 on MATH-500, models after RL at temperature 1.
    "miromind-m1": Protocol("miromind-m1", cap=32768, samples=64, prompt=_STEP_BY_STEP),
    # arXiv 2510.19363 (LoongRL): long-context answers by two-way substring match; sampling as its rollouts.
    "loongrl": Protocol(
        "loongrl", cap=4096, temperature=0.6, top_p=0.95, verifier=PluginPart("substring", {"mode": "paper"})
    ),
    # arXiv 2505.17813 (short-m@k): 20 samples to vote among.
    "short-m-at-k": Protocol("short-m-at-k", cap=32768, samples=20, temperature=0.7, top_p=0.95, system=_REASON),
}


def preset(name: str) -> Protocol:
    """A protocol by name. Errors: UserError with the nearest name."""
    if name not in PRESETS:
        raise unknown("protocol", name, PRESETS)
    return PRESETS[name]
