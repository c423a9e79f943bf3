"""What the tests of pools of fake workers share."""

from __future__ import annotations

from pathlib import Path

from fake_worker import EOS
from processes import PATIENCE

from rl.rollouts import Completion, Sampling
from rl.rollouts.ask import Ask
from rl.rollouts.workers.pool import Pool
from rl.rollouts.workers.worker import Source, Timing

QUICK = Timing(floor=3.0, per_token=0.0, probe=1.0, load=5.0)
NONCE = 77


def source(folder: Path, version: int, nonce: int = NONCE) -> Source:
    weights = folder / f"weights-{version}"
    weights.mkdir(exist_ok=True)
    (weights / "model.safetensors").write_bytes(b"weights" * 1000)
    return Source(version, nonce, weights)


def request(number: int, budget: int = 20) -> Ask:
    return Ask([4, 5, 6 + number % 8, number % 3], budget, 1000 + number, Sampling(), [EOS], True)


def answers(pool: Pool, requests: list[Ask], needs: int = 0, seconds: float = PATIENCE) -> list[Completion]:
    return [future.result(timeout=seconds) for future in pool.submit(requests, needs)]
