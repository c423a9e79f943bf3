"""A tensor that says it is on `cuda:0`, and refuses what CUDA would; its numbers lie on the CPU, so they are a CPU's.

Below Python the tensor passes for one of the CPU: each operation that torch dispatches is judged by CUDA's rules, and
then made on the numbers within. What would move a tensor, or make one on a device, is caught above, in Python.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import return_and_correct_aliasing

CUDA = torch.device("cuda", 0)
aten = torch.ops.aten

COPIES = {aten.copy_, aten._to_copy, aten._foreach_copy_}
"""Operations that take tensors of two devices."""
INDEXING = {aten.index, aten._unsafe_index, aten.index_put, aten.index_put_, aten._index_put_impl_}
"""Those whose second argument may lie on the CPU when the first does not."""
SCALARS = {aten.fill, aten.fill_, aten.masked_fill, aten.masked_fill_, aten.index_put, aten.index_put_}
"""Those that take one number from the CPU; operations element by element do too, by their tag."""

ADDED_TO = {aten.index_add, aten.index_put}
"""Those by which the gradient of an index is added to zeros that torch makes below Python, there on the true device."""


class Refused(RuntimeError):
    """CUDA would refuse it."""


class OnCuda(Tensor):
    """`held`, a CPU tensor, under the name of another device."""

    held: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held: Tensor) -> OnCuda:
        return Tensor._make_wrapper_subclass(  # type: ignore[attr-defined,no-any-return]
            cls, held.size(), held.stride(), held.storage_offset(), dtype=held.dtype, device=held.device
        )

    def __init__(self, held: Tensor) -> None:
        self.held = held

    device = property(lambda self: CUDA)  # type: ignore[assignment]
    is_cuda = property(lambda self: True)  # type: ignore[assignment]
    is_cpu = property(lambda self: False)  # type: ignore[assignment]

    def get_device(self) -> int:
        return 0

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]
        return f"OnCuda({self.held})"

    def __deepcopy__(self, memo: dict[int, Any]) -> OnCuda:
        if id(self) not in memo:
            copy = OnCuda(self.held.detach().clone()).requires_grad_(self.requires_grad)
            copy.__dict__.update({name: value for name, value in vars(self).items() if name != "held"})
            memo[id(self)] = copy
        return memo[id(self)]  # type: ignore[no-any-return]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.held.detach().__reduce_ex__(protocol)

    def __tensor_flatten__(self) -> tuple[list[str], None]:
        """By which torch knows that a module's parameter cannot become this by a change of its data."""
        return ["held"], None

    @staticmethod
    def __tensor_unflatten__(inner: dict[str, Tensor], *_: Any) -> OnCuda:
        return OnCuda(inner["held"])

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        _judge(func, args, kwargs)
        to_cpu = kwargs.get("device") is not None and not is_cuda(kwargs["device"])
        inner = {name: torch.device("cpu") if is_cuda(value) else value for name, value in kwargs.items()}
        out = func(*each(held, args), **each(held, inner))
        if to_cpu:
            return out
        wrapped = each(lambda x: OnCuda(x) if type(x) is Tensor else x, out)
        return return_and_correct_aliasing(func, args, kwargs, wrapped) if _aliases(func) else wrapped


def held(x: Any) -> Any:
    return x.held if isinstance(x, OnCuda) else x


def each(change: Callable[[Any], Any], x: Any) -> Any:
    """The like of `x`, with what is in its lists, tuples and dictionaries changed."""
    if isinstance(x, list | tuple):
        return type(x)(each(change, value) for value in x)
    return {name: each(change, value) for name, value in x.items()} if isinstance(x, dict) else change(x)


def is_cuda(device: Any) -> bool:
    if isinstance(device, bool) or not isinstance(device, str | int | torch.device):
        return False
    return torch.device("cuda", device).type == "cuda" if isinstance(device, int) else "cuda" in str(device)


@cache
def _aliases(func: Any) -> bool:
    """Whether an operation gives a view, or writes into what it was given."""
    return any(value.alias_info is not None for value in func._schema.returns)


@cache
def _takes_numbers(func: Any) -> bool:
    return torch.Tag.pointwise in func.tags or func.overloadpacket in SCALARS


def _judge(func: Any, args: Any, kwargs: dict[str, Any]) -> None:
    """Errors: Refused, where CUDA's kernels would."""
    generator = kwargs.get("generator")
    if generator is not None and generator.device.type == "cpu":
        raise Refused(f"{func}: expected a 'cuda' device type for generator but found 'cpu'")
    packet = func.overloadpacket
    if packet in COPIES:
        return
    given = (args[0], *args[2:]) if packet in INDEXING and isinstance(args[0], OnCuda) else args
    for place, tensor in _on_cpu(given, kwargs):
        written = place == 0 and func._schema.is_mutable
        if place == 0 and packet in ADDED_TO and torch._C._current_autograd_node() is not None:
            continue
        if tensor.dim() or written or not _takes_numbers(func):
            raise Refused(
                f"{func}: expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!"
                f" (of shape {tuple(tensor.shape)})"
            )


def _on_cpu(args: Any, kwargs: dict[str, Any]) -> Iterator[tuple[int, Tensor]]:
    for place, argument in enumerate((*args, *kwargs.values())):
        for x in argument if isinstance(argument, list | tuple) else (argument,):
            if isinstance(x, Tensor) and not isinstance(x, OnCuda) and x.device.type == "cpu":
                yield place, x


# From one device to the other, with the gradient ----------------------------------------------------------


class _Up(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> OnCuda:
        return OnCuda(tensor.detach().clone())

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:  # type: ignore[override]
        return held(gradient)


class _Down(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: OnCuda) -> Tensor:
        return tensor.held.detach().clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:  # type: ignore[override]
        return OnCuda(gradient)


def up(tensor: Tensor) -> Tensor:
    """Onto the device; itself where it is there."""
    return tensor if isinstance(tensor, OnCuda) else _Up.apply(tensor)


def down(tensor: Tensor) -> Tensor:
    """Onto the CPU; itself where it is there."""
    return _Down.apply(tensor) if isinstance(tensor, OnCuda) else tensor


# Calls in Python that name a device -----------------------------------------------------------------------


def _to(tensor: Tensor, *args: Any, copy: bool = False, **kwargs: Any) -> Tensor:
    """`Tensor.to`, in each of its three forms."""
    other = kwargs.get("other", args[0] if args else None)
    if isinstance(other, Tensor):
        device, dtype = other.device, other.dtype
    else:
        args, kwargs = each(lambda x: torch.device("cuda", x) if type(x) is int else x, (args, kwargs))
        device, dtype, *_ = torch._C._nn._parse_to(*args, **kwargs)
    if device is not None and device.type == "meta":
        return held(tensor).to("meta", dtype or tensor.dtype)  # type: ignore[no-any-return]
    moved = tensor if dtype is None else tensor.to(dtype)
    if device is not None:
        moved = up(moved) if is_cuda(device) else down(moved)
    return moved.clone() if copy and moved is tensor else moved


def _refuse_numpy(tensor: Tensor, *args: Any, **kwargs: Any) -> Any:
    raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first.")  # fmt: skip


def _inside(func: Callable[..., Any]) -> Callable[..., Any]:
    return lambda tensor, *args, **kwargs: func(tensor.held.detach(), *args, **kwargs)


MOVES: dict[Any, Callable[..., Any]] = {
    Tensor.to: _to,
    Tensor.cpu: lambda tensor, *_, **__: down(tensor),
    Tensor.cuda: lambda tensor, *_, **__: up(tensor),
    Tensor.pin_memory: lambda tensor, *_, **__: tensor,
}
ON_CUDA: dict[Any, Callable[..., Any]] = {
    Tensor.numpy: _refuse_numpy,
    Tensor.__array__: _refuse_numpy,
    Tensor.new_tensor: lambda tensor, data, **kwargs: up(torch.tensor(data, dtype=kwargs.pop("dtype", tensor.dtype))),
    **{func: _inside(func) for func in (Tensor.tolist, Tensor.data_ptr, Tensor.untyped_storage)},
}
"""What is asked of a tensor that is on the device."""


class Pretence(TorchFunctionMode):
    """While it is on, what says "cuda" gets an `OnCuda`."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.device and isinstance(args[0], int):
            return torch.device("cuda", args[0])
        if func in MOVES:
            return MOVES[func](*args, **kwargs)
        if func in ON_CUDA and isinstance(args[0], OnCuda):
            return ON_CUDA[func](*args, **kwargs)
        if not is_cuda(kwargs.get("device")):
            return func(*args, **kwargs)
        generator = kwargs.get("generator")
        if generator is not None and generator.device.type == "cpu":
            raise Refused("expected a 'cuda' device type for generator but found 'cpu'")
        out = func(*each(held, args), **{**each(held, kwargs), "device": "cpu"})
        return up(out.detach()).requires_grad_(out.requires_grad)
