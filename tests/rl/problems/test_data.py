import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_synth.settings import Settings
from data_synth.shards import generate
from rewards.verifier import MathVerifier
from rl.errors import UserError
from rl.plugins import load_verifier
from rl.problems.data import load_problems
from rl.problems.golds import final_answer
from rl.recipe.parts import PromptPart, SourcePart

VERIFIER = MathVerifier()
ROWS = [
    {"problem": "1+1", "answer": "2", "level": "easy"},
    {"problem": "1/2 of 1", "answer": r"\frac{1}{2}", "level": "hard"},
]


def read(path: Path, **columns: str) -> list[tuple[str, str]]:
    found = load_problems(SourcePart(str(path), columns), PromptPart(), VERIFIER).problems
    return [(p.prompt[-1]["content"], p.answer) for p in found if not isinstance(p.prompt, str)]


def test_jsonl_json_and_parquet_give_the_same_problems(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, ROWS)) + "\n\n")
    (tmp_path / "a.json").write_text(json.dumps(ROWS))
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    expected = [("1+1", "2"), ("1/2 of 1", r"\frac{1}{2}")]
    assert read(tmp_path / "a.jsonl") == read(tmp_path / "a.json") == read(tmp_path / "a.parquet") == expected


def test_a_problems_id_is_its_content_not_its_place(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(ROWS))
    (tmp_path / "b.json").write_text(json.dumps(ROWS[::-1]))
    a, b = (
        load_problems(SourcePart(str(tmp_path / name)), PromptPart(), VERIFIER).problems
        for name in ("a.json", "b.json")
    )
    assert {p.id for p in a} == {p.id for p in b}
    assert [p.id for p in a] == [p.id for p in b][::-1]
    assert a[0].columns == ROWS[0]


def test_a_worked_solution_stays_a_column_beside_the_answer_found_in_it(tmp_path: Path) -> None:
    row = {"question": "1+1", "solution": r"It is $\boxed{2}$.", "level": 3}
    (tmp_path / "a.json").write_text(json.dumps([row]))
    (problem,) = load_problems(SourcePart(str(tmp_path / "a.json")), PromptPart(), VERIFIER).problems
    assert (problem.answer, problem.columns) == ("2", row)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("She has 3*4=<<3*4=12>>12.\n#### 1,200", "1200"),
        (r"so it is $\boxed{\left(3, \frac{\pi}{2}\right)}$.", r"\left(3, \frac{\pi}{2}\right)"),
        ("42", "42"),
        (" x+1 ", "x+1"),
        ("The answer is 3.", "3"),
        ("We add them. The final answer is: $3$.", "$3$"),
        ("**Answer:** 3", "3"),
        ("<answer> 3 </answer>", "3"),
        (r"<think>Is the answer 4? \boxed{4}</think>The answer is 3", "3"),
        ("#### Step 1\nAdd.\n#### Step 2\nSo it is \\boxed{3}", "3"),
        ("The answer is no prime number at all", "The answer is no prime number at all"),
    ],
)
def test_the_final_answer_of_a_worked_solution_is_found(text: str, expected: str) -> None:
    assert final_answer(text) == expected


def test_columns_are_mapped_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([{"q": "1+1", "gold": "2"}]))
    assert read(tmp_path / "a.json", problem="q", answer="gold") == [("1+1", "2")]


def test_turns_of_a_chat_are_the_problem_whatever_stands_beside_them(tmp_path: Path) -> None:
    row = {"question": "bare", "prompt": [{"role": "user", "content": "a long text, and a question"}], "answer": "2"}
    (tmp_path / "a.json").write_text(json.dumps([row]))
    assert read(tmp_path / "a.json") == [("a long text, and a question", "2")]
    assert read(tmp_path / "a.json", problem="question") == [("bare", "2")]


def test_unreadable_answers_and_copies_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = [*ROWS, ROWS[0], {"problem": "?", "answer": "$$"}]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    found = load_problems(SourcePart(str(tmp_path / "a.json")), PromptPart(), VERIFIER)
    assert (len(found.problems), found.unreadable, found.duplicates) == (2, 1, 1)


def test_the_prompt_is_a_chat_or_plain_text_as_the_model_has_it() -> None:
    form = PromptPart("Solve: {problem}", "Be brief.")
    source = SourcePart("demo", options={"n": 1})
    chat = load_problems(source, form, VERIFIER).problems[0].prompt
    plain = load_problems(source, form, VERIFIER, chat=False).problems[0].prompt
    assert isinstance(chat, list)
    assert [m["role"] for m in chat] == ["system", "user"]
    assert plain == "\n\n".join(m["content"] for m in chat)


def test_a_factory_gives_problems(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def make(n): return [{'problem': str(i), 'answer': str(i)} for i in range(n)]")
    source = SourcePart(f"{tmp_path}/mine.py:make", options={"n": 3})
    assert len(load_problems(source, PromptPart(), VERIFIER).problems) == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "holds no problems"),
        ("{", "cannot read"),
        ('{"problem": "x"}', "expected a list of objects"),
        ('[{"problem": "x", "answer": ""}]', "row 1: a problem without answer"),
        ('[{"problem": "x", "answer": "#### "}]', "row 1: column 'answer' holds no final answer"),
        ('[{"text": "x", "answer": "1"}]', "row 1: a problem without problem"),
        ('[{"problem": "x", "answer": "$$"}]', "can read none of the 1 answers"),
    ],
)
def test_bad_data_is_one_clear_line(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(UserError, match=message) as error:
        load_problems(SourcePart(str(tmp_path / "a.json")), PromptPart(), VERIFIER)
    assert "\n" not in str(error.value)


@pytest.mark.hub
def test_a_hub_data_set_is_read_by_name() -> None:
    source = SourcePart("openai/gsm8k", options={"name": "main", "split": "test"})
    assert len(load_problems(source, PromptPart(), VERIFIER).problems) > 1300


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere.jsonl", "does not exist"),
        ("problems.csv", "does not exist"),
        ("problems.xlsx", "expected one of"),
        ("no_such_module:make", "cannot import no_such_module"),
        ("data_synth.arithmetic:problem", "did you mean 'problems'"),
        ("no-such-org/no-such-set", "no file and no hub data set"),
    ],
)
def test_a_source_that_is_not_there_is_named(source: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_problems(SourcePart(source), PromptPart(), VERIFIER)


@pytest.mark.parametrize(
    ("file", "count"),
    [("gsm8k_test.jsonl", 1319), ("math500_test.jsonl", 500), ("math_train_2000.json", 2000), ("deepscaler_train_500.json", 500)],
)  # fmt: skip
def test_published_files_are_read_as_they_are(real_data: Path, file: str, count: int) -> None:
    found = load_problems(SourcePart(str(real_data / file)), PromptPart(), VERIFIER)
    assert len(found.problems) + found.unreadable + found.duplicates == count
    assert found.unreadable < 0.02 * count


def test_synthetic_rows_are_problems_as_they_are_by_file_and_by_folder(tmp_path: Path) -> None:
    settings = Settings(task="keychain", tokens=1024, n=6, tokenizer="estimate", shard_rows=4)
    generate(settings, tmp_path)
    rows = [row for shard in sorted(tmp_path.glob("*.parquet")) for row in pq.read_table(shard).to_pylist()]
    verifier = load_verifier("substring", {"mode": "paper"})
    found = load_problems(SourcePart(str(tmp_path)), PromptPart(), verifier).problems
    assert [(p.prompt, p.answer, p.columns["aliases"]) for p in found] == [
        (row["prompt"], row["answer"], row["aliases"]) for row in rows
    ]
    first = load_problems(SourcePart(str(min(tmp_path.glob("*.parquet")))), PromptPart(), verifier).problems
    assert first == found[:4]


def test_a_folder_without_rows_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no \.parquet file"):
        load_problems(SourcePart(str(tmp_path)), PromptPart(), VERIFIER)
