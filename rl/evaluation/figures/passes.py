"""The unbiased pass@k of Codex (arXiv 2107.03374, equation 1)."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean


def pass_at(n: int, correct: int, k: int) -> float:
    """Probability that k of n samples, drawn without replacement, hold a correct one: 1 - C(n - c, k) / C(n, k)."""
    if not 1 <= k <= n:
        raise ValueError(f"k must lie between 1 and the {n} samples, not {k}")
    missed = 1.0
    for i in range(k):
        missed *= max(0, n - correct - i) / (n - i)
    return 1.0 - missed


def pass_table(counts: Sequence[tuple[int, int]], samples: int) -> dict[str, float]:
    """Mean over problems for k = 1, 2, 4, … and `samples`; `counts` are (judged samples, correct ones) a problem.

    Problems with fewer than k judged samples are left out of that k.
    """
    ks = sorted({2**i for i in range(samples.bit_length()) if 2**i <= samples} | {samples})
    table = {}
    for k in ks:
        values = [pass_at(n, c, k) for n, c in counts if n >= k]
        if values:
            table[str(k)] = fmean(values)
    return table
