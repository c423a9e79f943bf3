"""Checks over a set: fair sets pass, each kind of unfairness is found."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synth_rows import Plan, Raw, plan, render, sentence_ends, write_parquet, write_tokenizer

from data_synth.check import BadFile, Row, Verdict, load_counter, read_rows, verify
from data_synth.check.chances import chi_square, chi_square_tail, kolmogorov_smirnov, kolmogorov_smirnov_tail
from data_synth.check.duplicates import Duplicates, grams
from data_synth.check.guessers import Index, expected_accuracy
from data_synth.check.tokens import UnknownTokenizer


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_tokenizer(tmp_path_factory.mktemp("tokenizer"))


def rows(plans: list[Plan], tokenizer: str) -> list[Raw]:
    return [render(p, tokenizer) for p in plans]


def verdict(raws: list[Raw], **options: Any) -> Verdict:
    return verify((Row.of(raw, f"row {i}") for i, raw in enumerate(raws)), **options)


def over_set(found: Verdict) -> dict[str, bool | None]:
    return {result.name: result.passed for result in found.over_set}


@pytest.fixture(scope="module")
def fair(tokenizer: str) -> list[Raw]:
    return rows([plan(seed) for seed in range(150)], tokenizer)


def test_a_fair_set_passes(fair: list[Raw]) -> None:
    found = verdict(fair)
    assert found.passed
    assert found.to_dict()["faults"] == {}
    assert set(over_set(found).values()) == {True}
    assert set(over_set(found)) == {
        "link-order", "link-rank", "link-depth", "gold-depth", "shortcut-title-match", "shortcut-bm25", "near-duplicates",
    }  # fmt: skip
    assert found.to_dict()["answer_in_gold"] == 1
    assert found.to_dict()["answer_elsewhere"] == 0
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_small_set_is_not_judged_by_its_distributions(fair: list[Raw]) -> None:
    found = over_set(verdict(fair[:5]))
    assert found["gold-depth"] is None
    assert found["link-depth"] is None
    assert verdict(fair[:5]).passed


def test_links_in_the_order_of_the_text_are_found(tokenizer: str) -> None:
    plans = [plan(seed) for seed in range(30)]
    for p in plans:
        spots = sorted((k.document, k.place) for k in p.links)
        for link, (document, place) in zip(sorted(p.links, key=lambda k: k.hop), spots, strict=True):
            link.document, link.place = document, place
    found = verdict(rows(plans, tokenizer))
    assert over_set(found)["link-order"] is False
    assert found.failed == 0
    assert not found.passed


def test_gold_documents_in_the_same_place_are_found(tokenizer: str) -> None:
    plans = [plan(seed) for seed in range(60)]
    for p in plans:
        order = [*p.gold, *(i for i in range(len(p.documents)) if i not in p.gold)]
        for link in p.links:
            link.document = order.index(link.document)
        p.documents, p.gold = [p.documents[i] for i in order], [0, 1]
    assert over_set(verdict(rows(plans, tokenizer)))["gold-depth"] is False
    assert "gold-depth" not in over_set(verdict(rows(plans, tokenizer), any_position=True))


def test_links_that_lie_late_are_found(tokenizer: str) -> None:
    plans = [plan(seed) for seed in range(60)]
    for p in plans:
        spots = sorted((k.document, k.place) for k in p.links)
        true_last = sorted(p.links, key=lambda k: (k.key in p.chain, k.key))
        for link, (document, place) in zip(true_last, spots, strict=True):
            link.document, link.place = document, place
    found = over_set(verdict(rows(plans, tokenizer)))
    assert found["link-rank"] is False
    assert found["link-depth"] is False


def test_links_in_the_first_half_of_the_text_are_found(tokenizer: str) -> None:
    plans = [plan(seed, chains=3, hops=2) for seed in range(150)]
    for p in plans:
        half = len(p.documents) // 2
        spots = [(d, place) for d in range(half) for place in sentence_ends(p.documents[d])]
        for link, (document, place) in zip(p.links, random.Random(p.seed).sample(spots, len(p.links)), strict=True):
            link.document, link.place = document, place
    found = over_set(verdict(rows(plans, tokenizer)))
    assert found["link-rank"] is True
    assert found["link-depth"] is False


@pytest.mark.parametrize("guesser", ["title-match", "bm25"])
def test_a_question_that_alone_has_documents_is_guessed(guesser: str, tokenizer: str) -> None:
    """Without answerable distractors, but with the claim that there are three."""
    plans = [plan(seed, answerable=0, filler=9) for seed in range(40)]
    for p in plans:
        p.questions = [(q, a, i <= 3) for i, (q, a, _) in enumerate(p.questions)]
    found = verdict(rows(plans, tokenizer))
    numbers = found.to_dict()["set"][f"shortcut-{guesser}"]
    assert numbers["passed"] is False
    assert numbers["score"] > 0.95
    assert numbers["allowed"] == 0.25


def test_a_copy_is_found_whatever_is_around_it(tokenizer: str) -> None:
    first, again = plan(1), plan(1)
    again.documents = [text if i in again.gold else f"{text} More." for i, text in enumerate(again.documents)]
    found = verdict(rows([first, plan(2), again], tokenizer))
    assert [(f["row"], f["check"]) for f in found.first] == [(2, "duplicate")]
    assert verdict(rows([first, first], tokenizer)).counts["duplicate"] == 1


def test_near_copies_are_found(tokenizer: str) -> None:
    plans = [plan(seed) for seed in range(20)]
    for p in (plan(seed) for seed in range(5)):
        old, answer, can = p.questions[0]
        new = old.replace("In which", "Oh in which")
        p.questions[0] = (new, answer, can)
        for link in p.links:
            link.value = new if link.value == old else link.value
        plans.append(p)
    found = verdict(rows(plans, tokenizer))
    assert found.failed == 0
    assert over_set(found)["near-duplicates"] is False
    (near,) = [result for result in found.over_set if result.name == "near-duplicates"]
    assert near.numbers["rows"] == 5


def test_a_gold_document_of_two_splits_is_found(tokenizer: str, tmp_path: Path) -> None:
    train, test = plan(1), plan(2)
    test.split = "test"
    test.documents[test.gold[0]] = train.documents[train.gold[1]]
    test.links = [link for link in test.links if link.document != test.gold[0]]
    both = rows([train, plan(3), test], tokenizer)
    assert "contamination" in {f["check"] for f in verdict(both).first if f["row"] == 2}
    path = write_parquet(tmp_path / "test.parquet", both[2:])
    found = verdict(both[:2], tests=[path])
    assert [(f["row"], f["check"]) for f in found.first] == [(0, "contamination")]


@pytest.mark.parametrize("suffix", [".txt", ".json", ".jsonl", ".parquet"])
def test_thirteen_words_of_an_evaluation_are_found(suffix: str, tokenizer: str, tmp_path: Path) -> None:
    p = plan(1)
    words = f"They asked: {p.questions[0][0]} {p.documents[p.gold[0]]}".split()
    evaluation, short = tmp_path / f"evaluation{suffix}", tmp_path / f"short{suffix}"
    for path, text in ((evaluation, " ".join(words[2:20])), (short, " ".join(words[2:12]))):
        if suffix == ".parquet":
            write_parquet(path, [{"x": [{"y": text}]}])
        else:
            path.write_text(text if suffix == ".txt" else json.dumps({"x": [{"y": text}]}))
    raws = rows([p, plan(2)], tokenizer)
    assert [(f["row"], f["check"]) for f in verdict(raws, evaluations=[evaluation]).first] == [(0, "contamination")]
    assert verdict(raws, evaluations=[short]).failed == 0


@given(st.lists(st.sampled_from("abcd"), max_size=40), st.lists(st.sampled_from("abcd"), max_size=40))
def test_shared_grams_are_those_of_a_plain_search(a: list[str], b: list[str]) -> None:
    def plain(words: list[str]) -> set[tuple[str, ...]]:
        return {tuple(words[i : i + 13]) for i in range(len(words) - 12)}

    assert np.intersect1d(grams(" ".join(a)), grams(" ".join(b))).size == len(plain(a) & plain(b))


def test_pairs_of_similar_rows_are_those_of_a_plain_search() -> None:
    lot = np.random.default_rng(1)
    sets = [frozenset(map(str, lot.integers(0, 10**6, 20))) for _ in range(60)]
    sets += [frozenset([*sorted(s)[1:], "new"]) for s in sets[:30]]
    found = Duplicates()
    for number, shingles in enumerate(sets):
        found.remember(number, set(shingles))
    plain = [
        (a, b) for a in range(90) for b in range(a + 1, 90) if len(sets[a] & sets[b]) / len(sets[a] | sets[b]) >= 0.9
    ]
    assert len(plain) >= 30
    assert found.near() == plain


def test_bm25_scores_a_pair_as_worked_out_by_hand() -> None:
    index = Index([["river", "fish"], ["town", "fish"], ["town", "hill"], ["lake", "hill"], ["lake", "hill"]])
    rare = math.log(1 + (5 - 1 + 0.5) / (1 + 0.5))
    assert index.idf("river") == rare
    assert index.idf("hill") == 0  # in most documents
    assert index.share(["river"]) == pytest.approx(1 / (1 + 1.5))  # once in a document of mean length
    assert index.share(["absent"]) == 0
    assert index.share(["hill"]) == 0
    assert expected_accuracy([1.0, 2.0, 2.0], 1) == 0.5
    assert expected_accuracy([1.0, 2.0, 2.0], 0) == 0


@pytest.mark.parametrize(
    ("value", "freedom", "tail"), [(21.666, 9, 0.01), (16.919, 9, 0.05), (3.841, 1, 0.05), (9.210, 2, 0.01), (0, 4, 1)]
)
def test_chi_square_tails_are_those_of_the_tables(value: float, freedom: int, tail: float) -> None:
    assert chi_square_tail(value, freedom) == pytest.approx(tail, rel=2e-3)
    assert chi_square([5, 5, 5]) == 0
    assert chi_square([0, 10]) == 10


def test_kolmogorov_smirnov_is_that_of_the_tables() -> None:
    assert kolmogorov_smirnov([0.5]) == 0.5
    assert kolmogorov_smirnov([0.1, 0.2, 0.3]) == pytest.approx(0.7)
    assert kolmogorov_smirnov_tail(1.358 / math.sqrt(10_000), 10_000) == pytest.approx(0.05, rel=0.05)
    assert kolmogorov_smirnov_tail(0.001, 100) == 1


def test_right_sets_are_seldom_called_wrong() -> None:
    lot = np.random.default_rng(0)
    depths = [sorted(lot.random(200)) for _ in range(300)]
    chances = np.array([kolmogorov_smirnov_tail(kolmogorov_smirnov(d), 200) for d in depths])
    assert 0.01 <= (chances < 0.05).mean() <= 0.1


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda p: None, "does not exist"),
        (lambda p: p.write_text("not parquet"), "cannot read"),
        (lambda p: write_parquet(p, [{"a": 1}]), "row 0: no value in column 'id'"),
        (lambda p: p.mkdir(), "holds no .parquet"),
    ],
)
def test_a_file_that_holds_no_rows_is_named(write: Any, words: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    write(path)
    with pytest.raises(BadFile, match=words):
        list(read_rows(path))


def test_a_column_of_another_kind_is_named_by_its_row(fair: list[Raw], tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(raw) for raw in (fair[0], {**fair[1], "prompt": "text"})))
    with pytest.raises(BadFile, match="line 2: a column is not of the kind"):
        list(read_rows(path))
    path.write_text(json.dumps(fair[0]) + "\n{")
    with pytest.raises(BadFile, match="line 2: not JSON"):
        list(read_rows(path))
    path.write_bytes(b'{"id": "\xff"}')
    with pytest.raises(BadFile, match="line 1: not JSON"):
        list(read_rows(path))
    path.write_text("[1]")
    with pytest.raises(BadFile, match="line 1: expected an object"):
        list(read_rows(path))
    path.write_text(json.dumps({**fair[0], "prompt": [{"role": "system", "content": "x"}]}))
    with pytest.raises(BadFile, match="the prompt has no user turn"):
        list(read_rows(path))


def test_a_damaged_file_is_named_by_the_row_it_fails_at(fair: list[Raw], tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "rows.parquet", fair)
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + bytes(2000) + whole[2004:])
    with pytest.raises(BadFile, match="cannot read on from row 0"):
        list(read_rows(path))


def test_shards_are_read_in_the_order_of_their_names(fair: list[Raw], tmp_path: Path) -> None:
    write_parquet(tmp_path / "b.parquet", fair[:2])
    write_parquet(tmp_path / "a.parquet", fair[2:3])
    assert [row.id for row in read_rows(tmp_path)] == [fair[i]["id"] for i in (2, 0, 1)]


def test_a_tokenizer_that_is_not_there_is_named(tokenizer: str, tmp_path: Path) -> None:
    assert load_counter(tokenizer)(["one two, three"]) == [4]
    assert load_counter(str(Path(tokenizer).parent))(["one"]) == [1]
    for name in (str(tmp_path / "no.json"), str(tmp_path), "no-such-vocabulary"):
        with pytest.raises(UnknownTokenizer):
            load_counter(name)
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(UnknownTokenizer, match="cannot read"):
        load_counter(str(tmp_path / "bad.json"))


def test_a_vocabulary_by_name_counts_as_its_encoding_does() -> None:
    bpe_openai = pytest.importorskip("bpe_openai")
    text = 'A sentence, {"0badc0de": "deadbeef"}. <|endoftext|>'
    wanted = len(bpe_openai.get_encoding("cl100k_base").encode_ordinary(text))
    assert load_counter("cl100k")([text]) == load_counter("cl100k_base")([text]) == [wanted]
