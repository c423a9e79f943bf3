"""One sampling, scored at every smaller cap: what each completion would have been, had it been stopped there.

A rollout's tokens are a function of its own random stream, so a smaller budget gives a prefix, and cutting
the token ids is the same as sampling again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rewards import Problem
from rewards.thinking import read
from rewards.verifier import Verifier
from rl.evaluation.rows import Row, lead_of
from rl.plugins import judge_problems, raw_reward
from rl.thinking import texts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def at_cap(
    rows: Sequence[Row],
    cap: int,
    problems: Mapping[str, Problem],
    tokenizer: PreTrainedTokenizerBase,
    verifier: Verifier,
    truncated: str,
) -> list[Row]:
    """The rows as they would be with a cap of `cap` tokens; `problems` are by id."""
    return at_caps(rows, [cap] * len(rows), problems, tokenizer, verifier, truncated)


def at_caps(
    rows: Sequence[Row],
    caps: Sequence[int],
    problems: Mapping[str, Problem],
    tokenizer: PreTrainedTokenizerBase,
    verifier: Verifier,
    truncated: str,
) -> list[Row]:
    """The same with a cap for each row.

    A completion within its cap keeps its verdict, the others are cut, decoded and judged anew.
    """
    long = [i for i, row in enumerate(rows) if row["length"] > caps[i]]
    cut = [list(rows[i]["token_ids"][: caps[i]]) for i in long]
    said = texts(tokenizer, cut)
    whole = [read(lead_of(rows[i]), text) for i, text in zip(long, said, strict=True)]
    verdicts = judge_problems(verifier, [problems[rows[i]["problem_id"]] for i in long], whole)
    scored = list(rows)
    for i, ids, text, verdict in zip(long, cut, said, verdicts, strict=True):
        scored[i] = {
            **rows[i],
            "token_ids": ids,
            "completion": text,
            "length": len(ids),
            "stop": "length",
            "verdict": str(verdict),
            "correct": raw_reward(verdict, "length", truncated),
        }
    return scored
