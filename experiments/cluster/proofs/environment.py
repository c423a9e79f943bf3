"""What is there: versions, the device, its memory."""

from __future__ import annotations

import torch

from experiments.cluster.proofs.step import Figures, Place, require
from rl.doctor.device import examine
from rl.installed import installed


def run(place: Place) -> Figures:
    found: Figures = {name: installed(name) or "missing" for name in ("torch", "trl", "transformers", "vllm")}
    wrong = [finding.what for finding in examine(hidden=False) if finding.status == "FAIL"]
    require(not wrong, "; ".join(wrong))
    if place.cuda:
        free, total = torch.cuda.mem_get_info()
        found |= {"device": torch.cuda.get_device_name(), "CUDA": str(torch.version.cuda)}
        found |= {"devices seen": torch.cuda.device_count(), "free GB": free / 1e9, "GB": total / 1e9}
    return found
