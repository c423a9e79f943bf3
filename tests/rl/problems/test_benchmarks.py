"""Published formats: tiny files written by hand with the columns that the data sets have."""

import json
from pathlib import Path
from typing import Any

import pytest

from rewards.verifier import MathVerifier
from rl.errors import UserError
from rl.problems.benchmarks import BENCHMARKS, is_long_context
from rl.problems.data import load_problems
from rl.recipe.parts import PromptPart, SourcePart

ROWS: dict[str, tuple[dict[str, Any], str, str]] = {
    "gsm8k": (
        {"question": "A hen lays 2 eggs a day. How many in 600 days?", "answer": "600*2=<<600*2=1200>>1200.\n#### 1,200"},
        "A hen lays 2 eggs a day. How many in 600 days?",
        "1200",
    ),
    "math500": (
        {"problem": "Halve 1.", "solution": r"It is $\boxed{\frac12}$.", "answer": r"\frac{1}{2}", "subject": "Algebra",
         "level": 2, "unique_id": "test/algebra/1.json"},
        "Halve 1.",
        r"\frac{1}{2}",
    ),
    "math": (
        {"problem": "Halve 1.", "level": "Level 2", "type": "Algebra", "solution": r"It is $\boxed{\frac12}$."},
        "Halve 1.",
        r"\frac12",
    ),
    "aime24 by math-ai": (
        {"id": 60, "problem": "How far?", "solution": r"\boxed{204}", "url": "https://example.org/1"}, "How far?", "204",
    ),
    "aime24 by HuggingFaceH4": (
        {"id": 60, "problem": "How far?", "solution": r"So $\boxed{204}$.", "answer": "204", "url": "", "year": "2024"},
        "How far?",
        "204",
    ),
    "aime24 by Maxwell-Jia": (
        {"ID": "2024-I-1", "Problem": "How far?", "Solution": "Walk.", "Answer": 204}, "How far?", "204",
    ),
    "aime 1983 to 2024": (
        {"ID": "2024-I-1", "Year": 2024, "Problem Number": 1, "Question": "How far?", "Answer": "204", "Part": "I"},
        "How far?",
        "204",
    ),
    "aime25": ({"problem": "How near?", "answer": "70", "id": "0"}, "How near?", "70"),
    "amc23": ({"id": 0, "question": "How many?", "answer": "27.0", "url": ""}, "How many?", "27.0"),
    "minerva": ({"question": "At what speed, in m/s?", "answer": "3.2e5"}, "At what speed, in m/s?", "3.2e5"),
    "minerva, the older form": (
        {"problem": "How high?", "type": "Physics", "solution": r"\boxed{2.5} meters", "idx": 3}, "How high?", "2.5",
    ),
    "olympiadbench": (
        {"id": 1606, "question": "Find $n$.", "solution": ["Try."], "final_answer": ["$2^{3}$"], "context": None,
         "modality": "Text-only", "difficulty": "Competition", "is_multiple_answer": False, "unit": None,
         "answer_type": "Numerical", "error": None, "question_type": "Open-ended", "subfield": "Algebra",
         "subject": "Math", "language": "English"},
        "Find $n$.",
        "2^{3}",
    ),
    "olympiadbench, several answers and a context": (
        {"id": 1607, "question": "Find both.", "final_answer": ["$1$", "$2$"], "context": "Let $x>0$.", "solution": []},
        "Let $x>0$.\nFind both.",
        "1, 2",
    ),
    "svamp": (
        {"ID": "chal-1", "Body": "Ann had 3 pens and bought 4.", "Question": "How many has she?",
         "Equation": "( 3.0 + 4.0 )", "Answer": 7.0, "Type": "Addition"},
        "Ann had 3 pens and bought 4. How many has she?",
        "7",
    ),
    "svamp on the hub": (
        {"ID": "chal-1", "Body": "Ann had 3 pens.", "Question": "How many?", "Equation": "3", "Answer": "3.0",
         "Type": "Addition", "question_concat": "Ann had 3 pens. How many?"},
        "Ann had 3 pens. How many?",
        "3.0",
    ),
    "college-math": (
        {"data_source": "college_math.Beginning_Algebra", "question_number": "exercise.1.1",
         "question": "Simplify: $-10-4(n-5)$", "answer": "$10-4 n$", "license": "CC", "data_topic": "college_math.algebra"},
        "Simplify: $-10-4(n-5)$",
        "$10-4 n$",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_a_published_format_is_read_and_its_answer_is_right(name: str, verifier: MathVerifier, tmp_path: Path) -> None:
    row, text, answer = ROWS[name]
    (tmp_path / "file.jsonl").write_text(json.dumps(row) + "\n")
    (problem,) = load_problems(SourcePart(str(tmp_path / "file.jsonl")), PromptPart(), verifier).problems
    assert isinstance(problem.prompt, list)
    assert (problem.prompt[-1]["content"], problem.answer) == (text, answer)
    assert verifier.judge([problem.answer], [rf"\boxed{{{answer.strip('$')}}}"]) == ["correct"]


def test_all_formats_stand_in_one_file_and_keep_their_fingerprint_whatever_the_prompt(
    verifier: MathVerifier, tmp_path: Path
) -> None:
    (tmp_path / "file.json").write_text(json.dumps([row for row, *_ in ROWS.values()]))
    source = SourcePart(str(tmp_path / "file.json"))
    plain, dressed = (load_problems(source, PromptPart(form), verifier) for form in ("{problem}", "Q: {problem}"))
    assert plain.contents == dressed.contents
    assert plain.problems[0].id != dressed.problems[0].id
    assert len(plain.contents) == len(plain.problems) == len(plain.first(None).problems)
    assert plain.first(2).contents == plain.contents[:2]
    assert len(plain.first(2).problems) == 2


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"Body": "Ann had 3 pens.", "Question": "How many?", "Equation": "3"}, "row 1: .*'Body', 'Question', 'Equation'"),
        ({"question": "Prove it.", "final_answer": None}, "row 1: a problem without answer"),
        ({"prompt_text": "1+1", "target": "2"}, "row 1: .*there are: 'prompt_text', 'target'"),
        ({"Problem": "How far?", "Answer": None}, "row 1: a problem without answer"),
    ],
)  # fmt: skip
def test_an_unknown_format_names_the_row_and_its_columns(
    row: dict[str, Any], words: str, verifier: MathVerifier, tmp_path: Path
) -> None:
    (tmp_path / "file.jsonl").write_text(json.dumps(row))
    with pytest.raises(UserError, match=words):
        load_problems(SourcePart(str(tmp_path / "file.jsonl")), PromptPart(), verifier)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_by_name_is_asked_of_the_hub(
    name: str, verifier: MathVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def load_dataset(hub: str, **options: Any) -> list[dict[str, Any]]:
        asked.append((hub, options))
        return [ROWS[next(known for known in ROWS if known.startswith(name))][0]]

    monkeypatch.setattr("datasets.load_dataset", load_dataset)
    assert len(load_problems(SourcePart(name), PromptPart(), verifier).problems) == 1
    assert asked == [(BENCHMARKS[name].hub, BENCHMARKS[name].options)]


def test_long_context_rows_are_known_by_their_documents() -> None:
    assert is_long_context([{"gold_docs": []}])
    assert not is_long_context([{"question": "1+1", "answer": "2"}])
    assert not is_long_context([])


@pytest.mark.parametrize(("file", "level"), [("math500_test.jsonl", "level"), ("gsm8k_test.jsonl", None)])
def test_published_files_have_a_fingerprint(
    real_data: Path, file: str, level: str | None, verifier: MathVerifier
) -> None:
    found = load_problems(SourcePart(str(real_data / file)), PromptPart(), verifier)
    assert len(set(found.contents)) == len(found.problems) > 490
    assert level is None or all(level in problem.columns for problem in found.problems)
