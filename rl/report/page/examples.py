"""The problems shown in full: a bounded sample, the same ones for every run, with what was left out."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rl.evaluation.rows import Evaluation
from rl.folders.rollouts import rollout_table
from rl.report.answers import texts
from rl.report.runs import Comparison, Model, Run

TEXT = 8_000_000
"""Characters that all completions of a page have together, at most."""
LONGEST = 20_000
ROLLOUTS = 4
"""Rollouts shown of a group."""

Visit = tuple[int, Path]
"""A rollout file, and the steps of the stages before it."""
Example = dict[str, Any]
"""`where`, `id`, `prompt`, `answer`, `difficulty`, and `columns`: for each model or run a label and its `cards`."""


def examples(comparison: Comparison, problems: int) -> list[Example]:
    """So many held-out problems, half as many training problems where rollouts were read; texts cut to fit."""
    found = held_out(comparison, problems)
    if comparison.runs and all(run.rounds for run in comparison.runs):
        found += trained_on(comparison.runs, problems // 2)
    cards = [card for example in found for column in example["columns"] for card in column["cards"]]
    allowed = min(LONGEST, TEXT // max(1, len(cards)))
    for card in cards:
        card["text"] = shorten(card["text"], allowed)
    return found


def held_out(comparison: Comparison, problems: int) -> list[Example]:
    """Held-out problems by rule, from the first model to the second, so that nobody picked them.

    One of each of `kinds`, in the middle of its kind by how far the length fell, then quantiles of that change.
    """
    ends, models = comparison.ends(), comparison.models
    first, second = ends[0].answers, ends[min(1, len(ends) - 1)].answers
    shared = sorted(set.intersection(*(set(model.answers.problems) for model in models)))
    change = {problem: second.tokens_of[problem] - first.tokens_of[problem] for problem in shared}
    by_change = sorted(shared, key=lambda problem: (change[problem], problem))
    chosen = ruled(by_change, kinds(by_change, first, second), problems)
    whole = {id(model): texts(model.answers, chosen) for model in models}
    columns: list[tuple[str, int | None, list[Model]]] = [(m.label, None, [m]) for m in models if m.run is None]
    for place, run in enumerate(comparison.runs):
        columns.append((run.label, place, [model for model in reversed(models) if model.run == place]))
    return [
        {
            "where": "held-out",
            "id": problem,
            **{name: whole[id(models[0])][problem][name] for name in ("prompt", "answer", "difficulty")},
            "columns": [
                {"label": label, "run": place, "cards": [_answer_card(whole[id(m)][problem], m.step) for m in own]}
                for label, place, own in columns
            ],
        }
        for problem in chosen
    ]


def kinds(problems: Sequence[str], first: Evaluation, second: Evaluation) -> list[list[str]]:
    """Those of the problems that were gained, those that were lost, and those always right by both and shorter."""
    before, after = first.accuracy_of, second.accuracy_of
    judged = [problem for problem in problems if problem in before and problem in after]
    return [
        [problem for problem in judged if after[problem] > before[problem]],
        [problem for problem in judged if after[problem] < before[problem]],
        [p for p in judged if before[p] == after[p] == 1 and second.tokens_of[p] < first.tokens_of[p]],
    ]


def ruled(problems: Sequence[str], kinds: Sequence[Sequence[str]], wanted: int) -> list[str]:
    """The middle one of each kind, then others at even steps; `wanted` in all, where there are so many."""
    middles = [kind[len(kind) // 2] for kind in kinds if kind][:wanted]
    others = [problem for problem in problems if problem not in middles]
    return [*middles, *evenly(others, wanted - len(middles))]


def _answer_card(row: dict[str, Any], step: int) -> dict[str, Any]:
    return {"step": step, **{name: row[name] for name in ("length", "verdict", "stop")}, "text": row["completion"]}


def trained_on(runs: Sequence[Run], problems: int) -> list[Example]:
    """Training problems that most runs met, each at its first and last visit in every run."""
    visits = [_visits(run) for run in runs]
    met = {problem: sum(problem in own for own in visits) for own in visits for problem in own}
    # Ids are hashes, so their order is no order of the problems.
    chosen = sorted(met, key=lambda problem: (-met[problem], problem))[:problems]
    wanted = [{problem: _ends(own[problem]) for problem in chosen if problem in own} for own in visits]
    read = [_read_visits(own) for own in wanted]
    shown = []
    for problem in chosen:
        prompts = [cards[problem]["prompt"] for cards in read if problem in cards]
        columns = [
            {"label": run.label, "run": place, "cards": cards[problem]["cards"] if problem in cards else []}
            for place, (run, cards) in enumerate(zip(runs, read, strict=True))
        ]
        shown.append(
            {
                "where": "training",
                "id": problem,
                "prompt": prompts[0],
                "answer": "",
                "difficulty": "",
                "columns": columns,
            }
        )
    return shown


def _visits(run: Run) -> dict[str, list[Visit]]:
    """The rollout files that each problem is in."""
    found: dict[str, list[Visit]] = defaultdict(list)
    for visit in run.folder.rollout_files():
        for problem in dict.fromkeys(rollout_table(visit[1], ("problem_id",)).column(0).to_pylist()):
            found[problem].append(visit)
    return found


def _read_visits(wanted: dict[str, list[Visit]]) -> dict[str, dict[str, Any]]:
    """The prompt and the cards of each problem; every file is read once."""
    files: dict[Visit, list[str]] = defaultdict(list)
    for problem, visits in wanted.items():
        for visit in visits:
            files[visit].append(problem)
    found: dict[str, dict[str, Any]] = {}
    columns = (
        "step",
        "problem_id",
        "prompt",
        "completion",
        "length",
        "stop",
        "budget",
        "verdict",
        "rewards",
        "advantage",
    )
    for (offset, path), problems in sorted(files.items()):
        rows = rollout_table(path, columns, problems).to_pylist()
        for problem in problems:
            own = [row for row in rows if row["problem_id"] == problem]
            entry = found.setdefault(problem, {"prompt": prompt_text(own[0]["prompt"]), "cards": []})
            entry["cards"] += [_rollout_card(row, offset) for row in own[:ROLLOUTS]]
    return found


def _rollout_card(row: dict[str, Any], offset: int) -> dict[str, Any]:
    return {
        "step": row["step"] + 1 + offset,
        "length": row["length"],
        "budget": row["budget"],
        "verdict": row["verdict"],
        "stop": row["stop"],
        "rewards": row["rewards"],
        "advantage": row["advantage"],
        "text": row["completion"],
    }


def prompt_text(logged: str) -> str:
    """The last turn of a prompt as rollout files hold it: JSON of a text or of a chat."""
    prompt = json.loads(logged)
    return prompt if isinstance(prompt, str) else str(prompt[-1]["content"])


def evenly(items: Sequence[str], wanted: int) -> list[str]:
    """At most `wanted` of the items, at even steps, both ends included."""
    if wanted >= len(items):
        return list(items)
    return [items[round(place)] for place in np.linspace(0, len(items) - 1, wanted)]


def shorten(text: str, longest: int) -> str:
    """The head and the tail of a text that is longer than that, and how much is missing between."""
    if len(text) <= longest:
        return text
    head = longest * 2 // 3
    return f"{text[:head]}\n\n… {len(text) - longest:,} characters left out …\n\n{text[head - longest :]}"


def _ends(visits: Sequence[Visit]) -> list[Visit]:
    return list(dict.fromkeys([visits[0], visits[-1]]))
