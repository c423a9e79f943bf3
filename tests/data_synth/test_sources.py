"""Sources in published formats, anybody's questions, and folders of text."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from synthetic import build, user, walk

from data_synth.errors import SynthError
from data_synth.settings import Settings
from data_synth.shards import make_plan
from data_synth.sources.folder import folder
from data_synth.sources.hotpotqa import hotpotqa
from data_synth.sources.musique import musique
from data_synth.sources.questions import questions
from data_synth.sources.two_wiki import two_wiki

FIXTURES = Path(__file__).parent / "fixtures"
SPECS = [
    f"{form}:{FIXTURES / file}"
    for form, file in (("hotpotqa", "hotpotqa.json"), ("musique", "musique.jsonl"), ("2wiki", "2wiki.json"))
]


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("task", ["keychain", "multihop", "niah-multikey", "variable-tracking"])
def test_each_format_is_built_into_rows(spec: str, task: str) -> None:
    rows = build(task, tokens=1024, n=5, source=spec, filler="phantom", split="all", chains=3)
    for row in rows:
        assert 0.995 * 1024 <= row["n_tokens"] <= 1024
        assert spec.split(":")[0] in row["data_source"]
    if task == "keychain":
        assert all(walk(row)[-1] == row["question"] for row in rows)
        assert all(sum(d["answerable"] for d in row["distractors"]) == 2 for row in rows)
    if task in ("keychain", "multihop"):
        assert len({row["question"] for row in rows}) == 5
        assert all(len(row["gold_docs"]) == 2 for row in rows)


def test_supporting_facts_are_the_gold_documents() -> None:
    for source in (hotpotqa(SPECS[0].split(":")[1], "all", 0), two_wiki(SPECS[2].split(":")[1], "all", 0)):
        assert len(source.questions) == 6
        assert len(source.documents) == 18
        for question in source.questions:
            texts = [source.documents[g].text for g in question.gold]
            assert texts[0].split("\n")[0] in question.text
            assert question.answer in texts[1]
    assert source.licence == "Apache-2.0"


def test_quotes_in_a_question_survive_in_its_link() -> None:
    for row in build(tokens=1024, n=5, source=SPECS[0], filler="phantom", split="all", chains=3):
        assert '"' in row["question"]
        assert walk(row)[-1] == row["question"]


def test_yes_and_no_are_not_asked_for() -> None:
    assert "no" in (FIXTURES / "hotpotqa.json").read_text()
    assert not {q.answer for q in hotpotqa(SPECS[0].split(":")[1], "all", 0).questions} & {"yes", "no"}


def test_unanswerable_rows_are_skipped_and_aliases_used() -> None:
    source = musique(str(FIXTURES / "musique.jsonl"), "all", 0)
    assert len((FIXTURES / "musique.jsonl").read_text().splitlines()) == 9
    assert len(source.questions) == 6
    assert all(q.aliases == (f"The {q.answer} feast",) for q in source.questions)
    (row, *_) = build(tokens=1024, n=5, source=SPECS[1], filler="phantom", split="all", chains=3)
    assert row["aliases"] == [f"The {row['answer']} feast"]


def test_the_hub_s_columns_and_parquet_are_read_too(tmp_path: Path) -> None:
    rows = [
        {
            **record,
            "context": dict(zip(("title", "sentences"), map(list, zip(*record["context"], strict=True)), strict=True)),
            "supporting_facts": dict(
                zip(("title", "sent_id"), map(list, zip(*record["supporting_facts"], strict=True)), strict=True)
            ),
        }
        for record in json.loads((FIXTURES / "hotpotqa.json").read_text())
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    expected = hotpotqa(str(FIXTURES / "hotpotqa.json"), "all", 0)
    assert hotpotqa(str(tmp_path / "a.parquet"), "all", 0) == expected


def test_splits_share_no_gold_document() -> None:
    many = [q for split in ("train", "test") for q in questions_of(split)]
    train, test = ({g for q in questions_of(split) for g in q} for split in ("train", "test"))
    assert train
    assert test
    assert not train & test
    assert len(many) < 400


def questions_of(split: str) -> list[tuple[str, ...]]:
    path = Path(__file__).parent / "fixtures" / "many.jsonl"
    source = questions(str(path), split, 0)  # type: ignore[arg-type]
    return [tuple(source.documents[g].id for g in q.gold) for q in source.questions]


def test_gold_says_which_documents_an_answer_needs(tmp_path: Path) -> None:
    file = tmp_path / "q.jsonl"
    row = {
        "question": "Who?",
        "answer": "Bela",
        "documents": ["Title\nText one.", {"title": "B", "text": "It is Bela."}],
        "aliases": ["Bela B.", "B."],
    }
    file.write_text(json.dumps(row) + "\n\n" + json.dumps({**row, "gold": [1]}))
    every, one = questions(str(file), "all", 0).questions
    assert (every.gold, one.gold, one.aliases) == ((0, 1), (1,), ("Bela B.",))


def test_a_folder_of_text_fills_prompts(tmp_path: Path) -> None:
    for name in ("a.txt", "deep/b.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(
            "\n\n".join(f"Paragraph {i} of {name}. " + "It says little more. " * (i % 7) for i in range(300))
        )
    source = folder(str(tmp_path), "all", 0)
    assert len(source.documents) > 40
    assert max(len(d.text) for d in source.documents) < 1000
    rows = build("multihop", tokens=1024, n=5, source=SPECS[1], filler=str(tmp_path), split="all")
    assert all("Paragraph" in user(row) for row in rows)
    assert rows[0]["licence"] == "CC BY 4.0; not stated"
    assert build("niah-single", tokens=1024, n=3, source=f"folder:{tmp_path}", split="all")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("hotpotqa:a.json", '[\n{"question": 1,]', "a.json, line 2: not JSON"),
        ("hotpotqa:a.json", '[{"question": "Q?"}]', "a.json, record 1: key 'answer' is missing"),
        ("hotpotqa:a.json", '[{"question": "Q?", "answer": 3}]', "record 1: key 'answer' must be a text, not 3"),
        ("hotpotqa:a.json", '{"question": "Q?"}', "expected a list of records"),
        (
            "hotpotqa:a.json",
            '[{"question": "Q?", "answer": "A", "context": [["T"]]}]',
            "'context' must be a list of pairs",
        ),
        (
            "2wiki:a.json",
            '[{"question": "Q?", "answer": "A", "context": [], "supporting_facts": []}]',
            "no supporting facts",
        ),
        ("musique:a.jsonl", '{"question": "Q?", "paragraphs": []}\n{', "a.jsonl, line 1: no paragraph is supporting"),
        (
            "musique:a.jsonl",
            '{"question": "Q?", "answerable": false, "paragraphs": []}\n{',
            "a.jsonl, line 2: not JSON",
        ),
        (
            "jsonl:a.jsonl",
            '{"question": "Q?", "answer": "A", "documents": ["T"], "gold": [1]}',
            "line 1: key 'gold' must list numbers",
        ),
        ("jsonl:a.jsonl", "[1]", "line 1: expected an object"),
        ("jsonl:a.parquet", "x", "cannot read"),
        ("jsonl:a.csv", "x", "expected one of .json, .jsonl, .parquet"),
        ("jsonl:absent.jsonl", None, "file 'absent.jsonl' does not exist"),
        ("folder:absent", None, "holds no passages"),
        ("nothing", None, "unknown source 'nothing'"),
    ],
)
def test_a_malformed_source_is_one_line_that_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str | None, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path(name.split(":")[1]).write_text(content)
    with pytest.raises(SynthError) as error:
        make_plan(Settings("multihop", 1024, 1, source=name))
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_too_few_questions_and_too_few_documents_are_told_apart() -> None:
    with pytest.raises(SynthError, match=r"too few questions: .* has 6 in split 'all' for 7 rows"):
        make_plan(Settings("multihop", 1024, 7, source=SPECS[1], split="all"))
    with pytest.raises(SynthError, match="6 questions for 64 chains"):
        make_plan(Settings("keychain", 16384, 2, source=SPECS[1], split="all"))
    with pytest.raises(SynthError, match=r"no documents of the right lengths to fill it.*--filler"):
        build("multihop", tokens=4096, n=2, source=SPECS[1], split="all")
