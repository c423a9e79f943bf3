"""What we add to vLLM's worker: the process that holds the model imports this before it loads it.

On a CPU, vLLM packs the weights of linear layers for oneDNN and drops the originals. Weights sent later
then change nothing, without an error. Where weights change that must not be, so it is switched off
here, which leaves plain `torch` linear layers; the log-prob check is what proves it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from torch import Tensor

from rl.rollouts.weights import read_weights


def keep_plain_weights() -> None:
    """Have vLLM keep linear weights on a CPU as they are."""
    from vllm import _custom_ops
    from vllm.model_executor.layers import utils
    from vllm.platforms import current_platform

    if current_platform.is_cpu():
        _custom_ops._supports_onednn = False
        utils.check_cpu_sgl_kernel = lambda *args: False


keep_plain_weights()


class WeightWorker:
    """Mixed into vLLM's worker class (`worker_extension_cls`); called through `collective_rpc`."""

    reload_weights: Callable[..., None]
    """The worker's own, which makes its configuration the current one meanwhile."""

    def take_tensors(self, named: Iterable[tuple[str, Tensor]]) -> None:
        """Put weights, named as in a checkpoint, in the place of the model's."""
        self.reload_weights(weights_iterator=iter(named))

    def take_folder(self, folder: str) -> None:
        """The same from the .safetensors files of a folder."""
        self.reload_weights(weights_iterator=read_weights(Path(folder)))
