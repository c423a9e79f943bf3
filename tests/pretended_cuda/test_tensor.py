"""What the pretended device takes and what it refuses is what CUDA does."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pretended_cuda.machine import pretended
from pretended_cuda.tensor import CUDA, OnCuda, Refused


@pytest.fixture(autouse=True)
def _device() -> Iterator[None]:
    with pretended():
        yield


HERE = torch.arange(6.0).reshape(2, 3)
ONE = torch.tensor(2.0)


def there() -> Tensor:
    return torch.ones(2, 3, device="cuda")


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.zeros(3, device="cuda:0"),
        lambda: torch.tensor([1, 2], device=CUDA),
        lambda: HERE.to("cuda"),
        lambda: HERE.to(torch.bfloat16).to(there()),
        lambda: HERE.cuda(),
        lambda: torch.zeros_like(there())[:, None].squeeze(1),
        lambda: there() + ONE,
        lambda: torch.where(there() > 0, ONE, there()),
        lambda: there().masked_fill(there() > 0, ONE),
        lambda: there()[torch.tensor([1, 0])],
        lambda: there().copy_(HERE),
        lambda: there().new_tensor([1.0]),
        lambda: nn.Linear(3, 2).to("cuda")(there()),
    ],
)
def test_cuda_takes_it_and_the_result_is_there(make: Callable[[], Tensor]) -> None:
    made = make()
    assert isinstance(made, OnCuda)
    assert made.device == torch.device("cuda:0")


@pytest.mark.parametrize(
    "make",
    [
        lambda: there() + HERE,
        lambda: HERE + there(),
        lambda: HERE.add_(there().sum()),
        lambda: ONE.clone().add_(there().sum()),
        lambda: torch.cat([there(), HERE]),
        lambda: torch.where(HERE > 0, there(), there()),
        lambda: HERE[torch.tensor([1, 0], device="cuda")],
        lambda: there().gather(1, torch.zeros(2, 1, dtype=torch.long)),
        lambda: there()[0].index_select(0, torch.tensor(1)),
        lambda: there().masked_fill(HERE > 0, 0.0),
        lambda: nn.Linear(3, 2)(there()),
        lambda: there().uniform_(generator=torch.Generator()),
        lambda: torch.rand(2, device="cuda", generator=torch.Generator()),
    ],
)
def test_cuda_refuses_it(make: Callable[[], Any]) -> None:
    with pytest.raises(Refused):
        make()


def test_numpy_wants_it_on_the_cpu_first_and_python_does_not() -> None:
    with pytest.raises(TypeError, match="copy the tensor to host memory"):
        there().numpy()
    assert there().cpu().numpy().sum() == 6
    assert there().tolist() == [[1, 1, 1], [1, 1, 1]]
    assert there().sum().item() == 6


def test_a_gradient_goes_through_and_lands_beside_its_leaf() -> None:
    leaf, layer = HERE.clone().requires_grad_(), nn.Linear(3, 1).to("cuda")
    parameters = list(layer.parameters())
    layer(leaf.to("cuda")).sum().backward()
    assert leaf.grad is not None
    assert not isinstance(leaf.grad, OnCuda)
    assert all(isinstance(p.grad, OnCuda) for p in parameters)
    torch.optim.AdamW(parameters).step()
    assert parameters == list(layer.parameters())


def test_what_is_saved_is_loaded_where_it_is_wanted() -> None:
    file = io.BytesIO()
    torch.save({"x": there()}, file)
    for where, kind in (("cpu", Tensor), ("cuda", OnCuda)):
        file.seek(0)
        assert type(torch.load(file, map_location=where)["x"]) is kind
