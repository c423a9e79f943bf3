"""Figures of a round, beside TRL's own over what trains; docs/metrics.md says what each is."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean

from accelerate.utils import gather_object

from rewards import History, Verdict
from rl.rollouts import Engine
from rl.rollouts.workers.engine import WorkersEngine
from rl.rounds.partial.under_way import UnderWay
from rl.rounds.round import Round, ScoredGroup


def round_metrics(round_: Round, history: History) -> dict[str, float]:
    """Over everything that was sampled this round."""
    groups = round_.drawn
    rollouts = [r for scored in groups for r in scored.group.rollouts]
    judged = [r for r in rollouts if r.raw_reward is not None]
    right = [scored for scored in groups if _all(scored, 1.0)]
    wrong = [scored for scored in groups if _all(scored, 0.0)]
    metrics = {
        "accuracy": _mean(r.raw_reward or 0.0 for r in judged),
        "length/mean": _mean(r.length for r in rollouts),
        "length/correct": _mean(r.length for r in judged if r.raw_reward == 1.0),
        "length/wrong": _mean(r.length for r in judged if r.raw_reward == 0.0),
        "length/thinking": _mean(r.thinking for r in rollouts),
        "length/answer": _mean(r.answer for r in rollouts),
        "length/forced": _mean(sum(end - begin for begin, end in r.forced) for r in rollouts),
        "length/truncated": _mean(float(r.stop == "length") for r in rollouts),
        "budget/tokens": _mean(float(r.budget or 0) for r in rollouts),
        "length/closed": _mean(float(r.stop == "closed") for r in rollouts),
        "length/edited": _mean(float(r.stop == "edited") for r in rollouts),
        "sampling/tokens": float(round_.tokens),
        "sampling/rounds": float(round_.draws),
        "sampling/kept": round_.varied / len(groups),
        "sampling/unfilled": float(round_.unfilled),
        "sampling/reused": float(round_.reused),
        "sampling/leftover": float(round_.leftover),
        "sampling/stale": float(round_.stale),
        "sampling/acceptance": round_.acceptance,
        "sampling/all_right": len(right) / len(groups),
        "sampling/all_wrong": len(wrong) / len(groups),
        "history/problems": float(history.size()),
    }
    for verdict in Verdict:
        metrics[f"verifier/{verdict}"] = _mean(float(r.verdict is verdict) for r in rollouts)
    metrics["verifier/seconds"] = round_.judging
    return metrics


def worker_metrics(round_: Round, engine: Engine, round_steps: int) -> dict[str, float]:
    """What befell the workers since the round before, and how many rounds old its rollouts are."""
    if not isinstance(engine, WorkersEngine):
        return {}
    ranks = gather_object([engine.counts()])
    ages = [round_.step - r.weight_version for r in round_.rollouts() if r.weight_version is not None]
    return {
        "rollouts/workers": min(each["workers"] for each in ranks),
        "rollouts/worker_failures": max(each["worker_failures"] for each in ranks),
        "rollouts/retried": sum(each["retried"] for each in ranks),
        "rollouts/stale_answers": sum(each["stale_answers"] for each in ranks),
        "rollouts/staleness": sum(ages) / len(ages) / round_steps if ages else 0.0,
    }


def partial_metrics(round_: Round, under_way: UnderWay | None, round_steps: int) -> dict[str, float]:
    """What goes on in later rounds, and how old what trains is."""
    if under_way is None:
        return {}
    ages = [round_.step - r.weight_version for r in round_.rollouts() if r.weight_version is not None]
    gap = under_way.lengths.gap()
    return {
        "rollouts/paused": float(under_way.paused),
        "rollouts/age": sum(ages) / len(ages) / round_steps if ages else 0.0,
        "rollouts/abandoned": float(under_way.lengths.begun - under_way.lengths.ended - under_way.paused),
        **({} if gap is None else {"rollouts/length_gap": gap[0]}),
    }


def _all(scored: ScoredGroup, value: float) -> bool:
    return all(r.raw_reward == value for r in scored.group.rollouts)


def _mean(values: Iterator[float]) -> float:
    found = list(values)
    return fmean(found) if found else float("nan")
