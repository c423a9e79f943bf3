"""Published benchmarks: where they are, and how their rows become a problem and an answer.

A file in a published format needs no name: its columns tell what it is. `known_row` brings every format to
the columns `problem` and `answer`; rows that have them already, GSM8K's, MATH's and most others, pass as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Benchmark:
    """A data set on the hub, and the arguments of `datasets.load_dataset`."""

    hub: str
    options: Mapping[str, Any] = field(default_factory=lambda: {"split": "test"})


BENCHMARKS: Mapping[str, Benchmark] = {
    "gsm8k": Benchmark("openai/gsm8k", {"name": "main", "split": "test"}),
    "math500": Benchmark("HuggingFaceH4/MATH-500"),
    "aime24": Benchmark("math-ai/aime24"),
    "aime25": Benchmark("math-ai/aime25"),
    "amc23": Benchmark("math-ai/amc23"),
    "minerva": Benchmark("math-ai/minervamath"),
    "olympiadbench": Benchmark("Hothan/OlympiadBench", {"name": "OE_TO_maths_en_COMP", "split": "train"}),
    "svamp": Benchmark("ChilleD/SVAMP"),
    "college-math": Benchmark("di-zhang-fdu/College_Math_Test"),
}


def known_row(row: Row) -> Row:
    """The row with `problem` and `answer` columns, where it is of a format that has others."""
    if {"Body", "Question", "Answer"} <= row.keys():
        return _svamp(row)
    if {"question", "final_answer"} <= row.keys():
        return _olympiad(row)
    for problem in ("Problem", "Question"):
        if {problem, "Answer"} <= row.keys():
            return _renamed(row, problem, "Answer", str(row[problem] or ""), _number(row["Answer"]))
    return row


def _svamp(row: Row) -> Row:
    """The story and its question are two columns; the answer is a decimal."""
    story = " ".join(str(row[key] or "").strip() for key in ("Body", "Question"))
    return _renamed({k: v for k, v in row.items() if k != "Body"}, "Question", "Answer", story, _number(row["Answer"]))


def _olympiad(row: Row) -> Row:
    """Answers are a list of LaTeX texts; some questions share a context that stands before them."""
    given = row["final_answer"]
    answers = [given] if isinstance(given, str) else list(given or ())
    question = "\n".join(str(part) for part in (row.get("context"), row["question"]) if part)
    answer = ", ".join(str(a).strip().replace("$", "") for a in answers)
    return _renamed(row, "question", "final_answer", question, answer)


def _renamed(row: Row, problem: str, answer: str, text: str, gold: str) -> Row:
    rest = {key: value for key, value in row.items() if key not in (problem, answer, "solution", "Solution")}
    return {**rest, "problem": text, "answer": gold}


def _number(value: Any) -> str:
    """A whole number without its decimal point."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)


def is_long_context(rows: Sequence[Row]) -> bool:
    """Whether the rows are of `lengthwise synth`: answers are then texts with aliases, at known depths."""
    return bool(rows) and "gold_docs" in rows[0]
