"""prime-rl and verifiers: `rollouts/step_N/train/*/traces.jsonl`, an episode a line."""

from __future__ import annotations

from collections.abc import Iterator

from rl.elsewhere.logs.row import LEFT_OUT, Format, Line, Row, gold_of, last_turn, stop_of


def lines(rows: Iterator[Row]) -> Iterator[Line]:
    """A trace is a rollout; its length is `num_output_tokens`, over all its branches. One that failed is left out."""
    for row in rows:
        data = row.object("task.data")
        for trace in row.rows("traces"):
            if not trace.get("ok"):
                yield {LEFT_OUT: "as they failed"}
                continue
            rewards = {name: _part(trace, name) for name in trace.object("rewards")}
            scores = {name: score for name, (score, _) in rewards.items()}
            calls = trace.rows("calls") if trace.has("calls") else []
            yield {
                "problem_id": row.name("task.key"),
                "prompt": _first(data, "prompt", "question"),
                "answer": gold_of(data.get("answer")),
                "text": _said(trace),
                "length": trace.whole("num_output_tokens"),
                "stop": stop_of(calls[-1].get("finish_reason")) if calls else "unknown",
                "scores": scores,
                "rewards": scores,
                "reward": sum(score * weight for score, weight in rewards.values()),
                "round": row.whole("run.work.step") if row.has("run.work.step") else None,
                "group": str(row.get("group.id")) if row.has("group.id") else None,
            }


def _part(trace: Row, name: str) -> tuple[float, float]:
    """The score of one reward and its weight."""
    part = trace.below("rewards").below(name)
    return part.number("score"), part.number("weight") if part.has("weight") else 1.0


def _said(trace: Row) -> str:
    """What was sampled, one message after the other."""
    said = [last_turn([node.object("message")]) for node in trace.rows("nodes") if node.get("sampled")]
    return "\n".join(text for text in said if isinstance(text, str))


def _first(data: object, *names: str) -> object:
    return next((data[name] for name in names if name in data), None)  # type: ignore[index,operator]


FORMAT = Format("prime-rl", "prime-rl's traces.jsonl", ("task", "traces"), lines)
