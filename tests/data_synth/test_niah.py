"""Needles and variables, read back from their text."""

import re

import pytest
from synthetic import build, user

from data_synth.errors import SynthError
from data_synth.settings import Settings
from data_synth.shards import make_plan

NEEDLE = re.compile(r"The number filed under (\S+) is (\d+)\.")
KINDS = ("single", "multikey", "multivalue", "multiquery")


@pytest.mark.parametrize("kind", KINDS)
def test_a_needle_s_answer_is_what_the_text_says(kind: str) -> None:
    for row in build(f"niah-{kind}", n=15, needles=6):
        needles = NEEDLE.findall(user(row))
        asked = re.findall(r"[a-z]+-[a-z]+", row["question"])
        assert len(needles) == (1 if kind == "single" else 6)
        assert len({name for name, _ in needles}) == (1 if kind in ("single", "multivalue") else 6)
        found = [value for name in asked for known, value in needles if known == name]
        assert row["answer"] == ", ".join(found)
        assert len(found) == (6 if kind in ("multivalue", "multiquery") else 1)
        assert 0.995 * 2048 <= row["n_tokens"] <= 2048


@pytest.mark.parametrize("kind", KINDS)
def test_gold_documents_hold_the_needles_asked_for_and_no_others_do(kind: str) -> None:
    for row in build(f"niah-{kind}", n=10, needles=3):
        text, gold = user(row), {span["doc_id"] for span in row["gold_docs"]}
        for span in row["documents"]:
            inside = text[span["char_start"] : span["char_end"]]
            assert any(value in inside for value in row["answer"].split(", ")) == (span["doc_id"] in gold)


@pytest.mark.parametrize("task", ["niah-multikey", "variable-tracking"])
def test_a_needle_never_stands_inside_a_sentence(task: str) -> None:
    for row in build(task, n=30, source="atlas"):
        for found in re.finditer(r"(The number filed|Variable [A-Z]{5} is set)", user(row).rsplit("\n\n", 1)[0]):
            assert user(row)[: found.start()].endswith((". ", "? ", "! ", "\n"))


@pytest.mark.parametrize("chains", [1, 3])
def test_following_the_assignments_in_their_order_gives_the_variables(chains: int) -> None:
    for row in build("variable-tracking", n=15, chains=chains):
        values: dict[str, str] = {}
        for name, source in re.findall(r"Variable ([A-Z]+) is set to (?:the value of )?(\w+)\.", user(row)):
            values[name] = values[source] if source.isupper() else source
        wanted = re.findall(r"\d+", row["question"])[0]
        assert [name for name, value in values.items() if value == wanted] == row["chain"]
        assert row["answer"] == ", ".join(row["chain"])
        assert (len(row["chain"]), len(values)) == (5, 5 * chains)
        assert 0.995 * 2048 <= row["n_tokens"] <= 2048


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"task": "niah-multikey", "needles": 200}, "512 tokens cannot hold 200 needles"),
        ({"task": "niah-multikey", "needles": 2000}, "--needles 2000: there are names for 528"),
        ({"task": "variable-tracking", "chains": 40}, "512 tokens cannot hold 40 chains of 5 variables"),
    ],
)
def test_too_much_for_the_target_is_refused(options: dict[str, object], says: str) -> None:
    given = {"tokens": 512, "n": 2, **options}
    with pytest.raises(SynthError, match=says):
        make_plan(Settings(**given))  # type: ignore[arg-type]
