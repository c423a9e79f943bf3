"""Weights to a worker over NCCL: vLLM's transfer engine, through TRL's client. CUDA only.

The worker is one of `lengthwise serve --nccl`. The trainer's main process is rank 0 of a group of its
own with the worker's devices; tensors go in packed buckets, and are announced over HTTP first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

GROUP_PORT = 51216
"""Where the trainer waits for the first worker's devices; further workers take the ports after it."""


class NcclChannel:
    """A channel to one worker, kept from one version to the next."""

    def __init__(
        self, address: str, api_key: str | None, group_port: int, device: torch.device, timeout: float = 60.0
    ) -> None:
        """`timeout`: seconds in which the worker must answer. Errors: ConnectionError, RuntimeError of TRL's client."""
        self._client = _client(address, api_key, group_port, timeout)
        self._client.init_communicator(device)

    def send(self, tensors: Mapping[str, Tensor], version: int) -> None:
        """Put the tensors, named as in a checkpoint, in the place of the worker's; it then answers as `version`."""
        announced = [(name, str(t.dtype).removeprefix("torch."), list(t.shape)) for name, t in tensors.items()]
        self._client.update_named_params(announced, ((name, t.detach()) for name, t in tensors.items()))
        self._client._post(f"{self._client.base_url}/lengthwise/weights", json={"version": version, "arrived": True})

    def close(self) -> None:
        self._client.close_communicator()


def _client(address: str, api_key: str | None, group_port: int, timeout: float) -> Any:
    """TRL's client, which has no key of its own to send."""
    from trl.generation.vllm_client import VLLMClient

    class Client(VLLMClient):
        headers: Mapping[str, str] = {"Authorization": f"Bearer {api_key}"} if api_key else {}

        def _get(self, url: str, **options: Any) -> Any:
            return _with_headers(super()._get, url, self.headers, options)

        def _post(self, url: str, **options: Any) -> Any:
            return _with_headers(super()._post, url, self.headers, options)

    client = Client(base_url=address, group_port=group_port, connection_timeout=timeout)
    client.session.headers.update(client.headers)
    return client


def _with_headers(call: Callable[..., Any], url: str, headers: Mapping[str, str], options: dict[str, Any]) -> Any:
    return call(url, **{**options, "headers": {**headers, **options.get("headers", {})}})
