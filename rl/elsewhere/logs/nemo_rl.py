"""NeMo-RL: `train_data_stepN.jsonl`, a rollout a line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import blake2b

from rl.elsewhere.logs.row import Format, Line, Row


def lines(rows: Iterator[Row]) -> Iterator[Line]:
    """No ids, golds or stops: a problem is known by the tokens before the first that was sampled; lengths are of these.

    Rollouts that NeMo-RL left out of the loss (`sample_loss_mask` 0) did not train.
    """
    for row in rows:
        mask = row.many("token_loss_mask")
        ids = row.many("token_ids", len(mask))
        first = next((place for place, one in enumerate(mask) if one), len(mask))
        prompt = blake2b(repr(ids[:first]).encode(), digest_size=8).hexdigest()
        step = re.search(r"step_?(\d+)", row.where.rpartition("/")[2])
        trained = not row.has("sample_loss_mask") or bool(row.number("sample_loss_mask"))
        yield {
            "problem_id": prompt,
            "text": _text(row),
            "length": sum(map(bool, mask)),
            "scores": {"rewards": row.number("rewards")},
            "reward": row.number("rewards"),
            "advantage": 0.0 if trained else None,
            "round": int(step[1]) if step else None,
        }


def _text(row: Row) -> str:
    """The content: a text, or one a turn, of which the last is the completion."""
    content = row.get("content")
    if isinstance(content, list) and content and all(isinstance(turn, str) for turn in content):
        return str(content[-1])
    return row.text("content")


FORMAT = Format("nemo-rl", "NeMo-RL's train_data_step*.jsonl", ("content", "rewards", "token_loss_mask"), lines)
