"""Files as editors and libraries write them."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, DatasetDict

from rl.errors import UserError
from rl.problems.files import rows_of
from rl.recipe.parts import SourcePart

ROWS = [{"problem": "1+1", "answer": "2"}, {"problem": "1+2", "answer": "3"}]


def test_lines_end_at_newlines_alone(tmp_path: Path) -> None:
    strange = "a\u2028b\u2029c\x0bd\x0ce\x85f"
    lines = [json.dumps({"problem": strange, "answer": str(n)}, ensure_ascii=False) for n in (1, 2)]
    text = "\n".join(lines).replace("\\u000b", "\x0b").replace("\\f", "\x0c")
    (tmp_path / "a.jsonl").write_text(text, encoding="utf-8")
    assert [row["problem"] for row in rows_of(SourcePart(str(tmp_path / "a.jsonl")))] == [strange, strange]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.jsonl", "\ufeff" + "\r\n".join(map(json.dumps, ROWS)) + "\r\n\r\n"),
        ("a.json", "\ufeff" + json.dumps(ROWS, indent=1).replace("\n", "\r\n")),
        ("a.csv", "\ufeffproblem,answer\r\n1+1,2\r\n1+2,3\r\n"),
    ],
)
def test_a_byte_order_mark_and_windows_line_ends_are_fine(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(text.encode())
    assert list(rows_of(SourcePart(str(tmp_path / name)))) == ROWS


def test_a_csv_field_may_hold_commas_quotes_and_newlines(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'problem,answer\n"1,\r\n""2""?",3\n')
    assert list(rows_of(SourcePart(str(tmp_path / "a.csv")))) == [{"problem": '1,\r\n"2"?', "answer": "3"}]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.jsonl", b'{"problem": "x"}\n{"problem": }\n', "line 2, column 13"),
        ("a.json", b'[\n {"problem": "x",}\n]', "line 2, column 1"),
        ("a.json", b'{"problem": "x"}\n{"problem": "y"}\n', "is it one object a line"),
        ("a.jsonl", b'{"a": 1}\n{"b": "\xff"}', "no UTF-8 in line 2, column 8"),
        ("a.jsonl", b'{"a": 1}\n7\n', "row 2 is a number"),
        ("a.csv", b"problem,answer\n1,2\n1,2,3\n", "line 3 has not the 2 fields"),
        ("a.csv", b"problem,answer,answer\n1,2,3\n", "two columns are called 'answer'"),
        ("a.csv", b"problem;answer\n1+1;2,5\n", "';' stands between its columns; write it with commas"),
        ("a.jsonl", b'[{"problem": "1+1", "answer": "2"}]', "row 1 is a list; is it one list over all lines"),
        ("a.jsonl", b'[\n {"problem": "1+1"}\n]', "line 1, column 2; is it one list over all lines"),
    ],
)
def test_a_file_that_cannot_be_read_names_line_and_column(name: str, data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=message) as error:
        list(rows_of(SourcePart(str(tmp_path / name))))
    assert "\n" not in str(error.value)


def test_of_a_folder_with_several_splits_one_is_read(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for place, name in enumerate(("test-00000-of-00001", "train-00000-of-00002", "train-00001-of-00002")):
        pq.write_table(pa.Table.from_pylist([{"problem": f"{place}?"}]), tmp_path / "data" / f"{name}.parquet")

    def problems(**options: str) -> list[str]:
        return [row["problem"] for row in rows_of(SourcePart(str(tmp_path), options=options))]

    assert (problems(), problems(split="test")) == (["1?", "2?"], ["0?"])
    with pytest.raises(UserError, match=r"no split 'val'; .* test, train"):
        problems(split="val")


def test_a_python_source_may_give_what_pandas_does(tmp_path: Path) -> None:
    code = "import numpy as np\ndef rows(): return [{'a': np.array([{'b': np.int64(3)}], dtype=object), 'c': ('d',)}]"
    (tmp_path / "mine.py").write_text(code)
    assert list(rows_of(SourcePart(f"{tmp_path}/mine.py:rows"))) == [{"a": [{"b": 3}], "c": ["d"]}]


def test_an_ending_in_capitals_is_one_too(tmp_path: Path) -> None:
    (tmp_path / "A.JSONL").write_text("\n".join(map(json.dumps, ROWS)))
    assert list(rows_of(SourcePart(str(tmp_path / "A.JSONL")))) == ROWS


def test_what_datasets_saved_to_disk_is_read_with_its_split(tmp_path: Path) -> None:
    Dataset.from_list(ROWS).save_to_disk(tmp_path / "one")
    DatasetDict(train=Dataset.from_list(ROWS), test=Dataset.from_list(ROWS[:1])).save_to_disk(tmp_path / "two")
    assert list(rows_of(SourcePart(str(tmp_path / "one")))) == ROWS
    assert list(rows_of(SourcePart(str(tmp_path / "two")))) == ROWS
    assert list(rows_of(SourcePart(str(tmp_path / "two"), options={"split": "test"}))) == ROWS[:1]
    with pytest.raises(UserError, match=r"no split 'val'; .* train, test"):
        rows_of(SourcePart(str(tmp_path / "two"), options={"split": "val"}))
