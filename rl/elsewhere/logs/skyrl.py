"""SkyRL: the evaluation's `SOURCE.jsonl`; it writes no rollouts of training but as pickles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rl.elsewhere.logs.row import Format, Line, Row, gold_of, stop_of


def lines(rows: Iterator[Row]) -> Iterator[Line]:
    """The score of several tokens is their sum; the gold stands in `env_extras.reward_spec`."""
    for row in rows:
        score = row.get("score")
        several = isinstance(score, list) and all(isinstance(part, int | float) for part in score)
        value = float(sum(score)) if several else row.number("score")
        extras = row.values.get("env_extras")
        spec = extras.get("reward_spec") if isinstance(extras, Mapping) else None
        gold = spec.get("ground_truth") if isinstance(spec, Mapping) else None
        yield {
            "prompt": row.get("input_prompt"),
            "text": row.text("output_response"),
            "answer": gold_of(gold),
            "stop": stop_of(row.get("stop_reason")),
            "scores": {"score": value},
            "reward": value,
        }


FORMAT = Format("skyrl", "SkyRL's evaluation", ("input_prompt", "output_response", "score", "stop_reason"), lines)
