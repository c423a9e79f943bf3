"""TRL: `completions/completions_STEP.parquet`, which `log_completions` writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b

from rl.elsewhere.logs.row import LEFT_OUT, Format, Line, Row, last_turn

OWN = {"step", "prompt", "completion", "advantage", "images", "tools", "messages"}
EXTRA = ("problem_id", "answer", "length", "stop", "variant")
"""What `log_extra` may have added, under the names that lines of rollouts have."""


def lines(rows: Iterator[Row]) -> Iterator[Line]:
    """Every other column of numbers is a reward. A completion that was logged again at a later step counts once.

    Siblings that say the same are as many as a step has.
    """
    now: object = None
    earlier: Counter[bytes] = Counter()
    here: Counter[bytes] = Counter()
    for row in rows:
        prompt, completion = row.get("prompt"), last_turn(row.get("completion"))
        named = [name for name in row.values if name not in OWN and name not in EXTRA and _counts(row.values[name])]
        scores = row.numbers(named)
        advantage = row.get("advantage")
        said = repr((prompt, completion, advantage, scores))  # `hash` takes -1 for -2
        mark = blake2b(said.encode(), digest_size=16).digest()
        if row.step("step") != now:
            now, earlier, here = row.step("step"), earlier | here, Counter()
        here[mark] += 1
        if here[mark] <= earlier[mark]:
            yield {LEFT_OUT: "logged before at an earlier step"}
            continue
        extra = {name: row.values[name] for name in EXTRA if row.values.get(name) is not None}
        yield {
            "prompt": prompt,
            "text": completion if isinstance(completion, str) else row.text("completion"),
            "scores": scores,
            "rewards": scores,
            **({"reward": next(iter(scores.values()))} if len(scores) == 1 else {}),
            "advantage": advantage if advantage is None else row.number("advantage"),
            "round": row.step("step"),
            **extra,
        }


def _counts(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


FORMAT = Format("trl", "TRL's log_completions", ("step", "prompt", "completion", "advantage"), lines, (".parquet",))
