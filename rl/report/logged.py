"""Answers in other tools' logs, as those of an evaluation: their votes counted, or set beside runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rewards import Verdict
from rewards.verifier import Verifier
from rl.elsewhere.completed import Told
from rl.elsewhere.known import OWN, format_of
from rl.elsewhere.logs import answers
from rl.elsewhere.rollout_files import each_line
from rl.errors import UserError
from rl.evaluation.figures.passes import pass_table
from rl.evaluation.figures.summary import Json, counts, lengths, verdicts, votes
from rl.evaluation.protocol import Protocol
from rl.evaluation.rows import Evaluation, Row
from rl.statistics import finite


def is_log(path: Path, told: Told) -> bool:
    """Whether a file is another tool's log."""
    if told.format is not None:
        return told.format != OWN
    return path.is_file() and format_of(path) not in (None, answers.FORMAT)


def logged_answers(paths: Sequence[Path], told: Told) -> Evaluation:
    """What logs hold, as an evaluation without a protocol. Errors: UserError naming the row, or of an empty log."""
    rows: list[Row] = []
    samples: Counter[str] = Counter()
    golds: dict[str, str] = {}
    for path in paths:
        for _, where, line in each_line(path, told):
            missing = next((key for key in ("problem_id", "length", "correct", "stop") if key not in line), None)
            if missing is not None:
                raise UserError(f"{where}: column {missing!r} is missing")
            problem = str(line["problem_id"])
            rows.append(_row(line, problem, samples[problem]))
            samples[problem] += 1
            if golds.setdefault(problem, rows[-1]["answer"]) != rows[-1]["answer"]:
                raise UserError(
                    f"{where}: problem {problem!r} has another gold answer than before; count logs of "
                    "different tasks one by one"
                )
    if not rows:
        raise UserError(f"{', '.join(map(str, paths))}: no answers")
    rows.sort(key=lambda row: row["problem_id"])  # stable: a problem's samples stay in order
    return Evaluation(rows)


def _row(line: Mapping[str, Any], problem: str, sample: int) -> Row:
    correct, prompt = line["correct"], line.get("prompt")
    told = Verdict.CRASHED if correct is None else Verdict.CORRECT if correct else Verdict.WRONG
    return {
        "problem_id": problem,
        "sample": sample,
        "prompt": prompt if isinstance(prompt, str) else prompt[-1]["content"] if prompt else "",
        "lead": "",
        "answer": str(line.get("answer", "")),
        "difficulty": str(line.get("difficulty", line.get("level", ""))),
        "completion": line.get("text") or "",
        "token_ids": [],
        "length": line["length"],
        "stop": line["stop"],
        "verdict": str(line.get("verdict") or told),
        "correct": None if correct is None else float(correct),
    }


def answers_to(asked: Mapping[str, Row], logged: Evaluation, label: str) -> Evaluation:
    """The answers to problems that a run was asked, under the run's ids. Errors: UserError where there is none.

    A problem is the same where its text stands in the prompt that the log has, spaces and case aside: a harness puts
    more around it than a run does. Of several that do, the longest is meant.
    """
    known = sorted(((_plain(row["prompt"]), problem) for problem, row in asked.items()), key=lambda one: -len(one[0]))
    prompts = {row["problem_id"]: _plain(row["prompt"]) for row in logged.rows}
    ids = {
        own: next((problem for text, problem in known if text and text in said), None) for own, said in prompts.items()
    }
    rows = [{**row, "problem_id": ids[row["problem_id"]]} for row in logged.rows if ids[row["problem_id"]]]
    if not rows:
        raise UserError(f"{label} answers none of the runs' held-out problems: none of their texts is in its prompts")
    return replace(logged, rows=sorted(rows, key=lambda row: str(row["problem_id"])))


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def vote_numbers(logged: Evaluation, protocol: Protocol, verifier: Verifier) -> Json:
    """What `lengthwise evaluate --votes` writes: accuracy, tokens, pass@k and votes of answers that lie there."""
    return {
        "schema": 1,
        "accuracy": finite(logged.accuracy),
        "mean_tokens": finite(logged.tokens),
        "truncated": finite(logged.truncated)["mean"],
        "tokens": lengths(logged.rows),
        "unjudged": len(logged.rows) - len(logged.judged()),
        "verdicts": verdicts(logged.rows),
        "pass_at": pass_table(counts(logged.judged()), protocol.samples),
        **votes(logged.rows, protocol, verifier),
        "n": len(logged.problems),
        "samples": protocol.samples,
    }
