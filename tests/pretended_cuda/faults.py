"""Faults of the kind that a CPU never shows, planted by a change of one line of the source."""

from __future__ import annotations

import inspect
import linecache
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from rl.rollouts import transformers
from rl.updates import correction
from rl.updates.chunked import attention
from rl.updates.packer import Packer


@dataclass(frozen=True)
class Fault:
    """In the function of this name, `right` stands, once, and is changed to `wrong`."""

    owner: Any
    name: str
    right: str
    wrong: str

    @contextmanager
    def planted(self) -> Iterator[None]:
        function = getattr(self.owner, self.name)
        source = textwrap.dedent(inspect.getsource(function))
        assert source.count(self.right) == 1, f"{self.name} has {self.right!r} no longer: plant this fault elsewhere"
        changed, file, made = source.replace(self.right, self.wrong), f"<{self.name} with a fault>", dict[str, Any]()
        linecache.cache[file] = (len(changed), None, changed.splitlines(keepends=True), file)
        exec(compile(changed, file, "exec"), function.__globals__, made)
        with patch.object(self.owner, self.name, made[self.name]):
            yield


FAULTS = {
    "advantages on the CPU": Fault(
        Packer, "_tensors", "tensor.to(self.device)", "tensor if name == 'advantages' else tensor.to(self.device)"
    ),
    "seeds on the CPU": Fault(
        transformers._Engine, "__init__", "[ask.seed for ask in asks], device=device", "[ask.seed for ask in asks]"
    ),
    "numpy of a device": Fault(transformers._Engine, "_completions", "column.cpu().numpy()", "column.numpy()"),
    "ratios on the CPU": Fault(correction, "to_packed", "values.new_full(", "torch.full("),
    "places on the CPU": Fault(
        attention, "_mask", "query.size(2), total, device=query.device)", "query.size(2), total)"
    ),
}
