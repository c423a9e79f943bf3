"""Rows of KeyChain, read back from their text."""

import json
import re
from collections import Counter
from dataclasses import replace
from hashlib import sha256
from math import sqrt
from random import Random

import pytest
from synthetic import LINK, build, links, user, walk, without_links

from data_synth.corpus import Corpus
from data_synth.errors import SynthError
from data_synth.keychain import Chains, _link_tokens, _texts
from data_synth.keys import draw, key_format
from data_synth.packing import Shelf
from data_synth.settings import Settings
from data_synth.shards import Report, make_plan, rows
from data_synth.text import normalised
from data_synth.tokens import load_tokenizer
from experiments.benchmarks.keychain import Counting


def test_the_chain_leads_from_the_start_key_in_as_many_lookups_as_hops_to_the_question() -> None:
    for row in build():
        assert walk(row) == [*row["chain"], row["question"]]
        assert len(row["chain"]) == 4
        assert user(row).rsplit("\n\n", 1)[1].count(row["start_key"]) == 1


def test_every_other_chain_ends_in_a_distractor() -> None:
    for row in build():
        table = links(user(row))
        ends = Counter(value for value in table.values() if value not in table)
        assert ends == Counter([row["question"], *(d["question"] for d in row["distractors"])])
        assert len(table) == 8 * 4
        assert set(ends.values()) == {1}


@pytest.mark.parametrize(("tokens", "n"), [(1024, 30), (2048, 20), (16384, 4)])
@pytest.mark.parametrize("tokenizer", ["cl100k", "o200k"])
def test_a_whole_prompt_fills_its_budget_and_never_exceeds_it(tokens: int, n: int, tokenizer: str) -> None:
    counter = load_tokenizer(tokenizer)
    for row in build(tokens=tokens, n=n, tokenizer=tokenizer, prompt_style="paper"):
        counted = counter.count("\n".join(turn["content"] for turn in row["prompt"]))
        assert counted == row["n_tokens"]
        assert 0.995 * tokens <= counted <= tokens


@pytest.mark.parametrize(
    ("key", "pattern"),
    [
        ("hex8", "[0-9A-F]{8}"),
        ("hex32", "[0-9A-F]{32}"),
        ("word", "([b-z][aeiou]){2}[b-z]"),
        ("uuid36", "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    ],
)
def test_keys_are_unique_and_occur_nowhere_but_in_their_links(key: str, pattern: str) -> None:
    for row in build(tokens=3000, n=5, key=key, chains=6):
        table, text = links(user(row)), user(row)
        values = [value for value in table.values() if value in table]
        assert len(values) == len(set(values))
        for one in table:
            assert re.fullmatch(pattern, one)
            assert text.lower().count(one.lower()) == 1 + (one in values) + (one == row["start_key"])


def test_links_stand_at_ends_of_sentences_and_are_valid_json_even_with_quotes() -> None:
    for row in build(n=30):
        text = user(row)
        for found in LINK.finditer(text):
            bare = without_links(text[: found.start()])[-1:] + without_links(text[found.end() :])[:2]
            assert re.fullmatch(r"[.?!]( [A-Z]|\n.)|\S\n.", bare, re.DOTALL), bare
            assert len(json.loads(found[1])) == 1


def test_documents_are_intact_where_the_row_says_they_stand() -> None:
    for row in build():
        text, end = user(row), 0
        for number, span in enumerate(row["documents"], 1):
            start = span["char_start"]
            assert text[:start].endswith(f"\n\nPassage {number}:\n")
            assert start > end
            end = span["char_end"]
            assert text[end : end + 2] == "\n\n"
            bare = without_links(text[start:end])
            assert sha256(bare.encode()).hexdigest()[:16] == span["digest"]
        spans = {tuple(span[k] for k in ("doc_id", "char_start", "char_end")) for span in row["documents"]}
        assert {tuple(span.values()) for span in row["gold_docs"]} <= spans
        assert 2 <= len(row["gold_docs"]) <= 4
        for link in row["links"]:
            assert text[link["char_offset"] :].startswith('{"')


def test_links_are_listed_with_their_chain_and_hop() -> None:
    for row in build(n=5):
        found = {}
        for link in row["links"]:
            pair = json.JSONDecoder().raw_decode(user(row), link["char_offset"])[0]
            found[link["chain"], link["hop"]] = pair
        true = next(chain for chain, hop in found if row["start_key"] in found[chain, hop])
        assert [next(iter(found[true, hop])) for hop in range(4)] == row["chain"]


@pytest.mark.parametrize(("source", "split"), [("phantom", "train"), ("atlas", "test")])
def test_answerable_distractors_have_their_documents_and_other_answers(source: str, split: str) -> None:
    for row in build(tokens=16384, n=20, source=source, split=split):
        answerable = [d for d in row["distractors"] if d["answerable"]]
        assert 7 <= len(answerable) <= 12
        assert len(row["distractors"]) == 63
        questions = [normalised(d["question"]) for d in row["distractors"]]
        assert len({*questions, normalised(row["question"])}) == 64
        for d in row["distractors"]:
            assert normalised(row["answer"]) not in normalised(d["answer"])
            assert normalised(d["answer"]) not in normalised(row["answer"])
        assert len({normalised(d["answer"]) for d in answerable}) == len(answerable)
        for d in answerable:
            assert normalised(d["answer"]) in normalised(without_links(user(row)))


def test_fewer_chains_have_fewer_answerable_distractors() -> None:
    assert all(sum(d["answerable"] for d in row["distractors"]) == 2 for row in build(tokens=2048, n=5, chains=3))
    assert all(len(row["distractors"]) == 0 for row in build(tokens=1024, n=5, chains=1))


def test_a_number_of_answerable_distractors_that_is_asked_for_is_kept() -> None:
    for row in build(tokens=8192, n=5, answerable=20):
        assert sum(d["answerable"] for d in row["distractors"]) >= 20


def test_gold_documents_stand_anywhere() -> None:
    deciles: Counter[int] = Counter()
    for row in build(n=400):
        order = [span["doc_id"] for span in row["documents"]]
        for gold in row["gold_docs"]:
            deciles[int(10 * (order.index(gold["doc_id"]) + 0.5) / len(order))] += 1
    mean = sum(deciles.values()) / 10
    # Few documents fall unevenly into tenths; 99.9 % of chi-square with 9 degrees is 27.9, and some for that.
    assert sum((deciles[d] - mean) ** 2 / mean for d in range(10)) < 40


def test_links_stand_anywhere_and_in_any_order() -> None:
    depths, before, pairs = [], 0, 0
    for row in build(n=400):
        place = {(link["chain"], link["hop"]): link["char_offset"] for link in row["links"]}
        depths += [offset / len(user(row)) for offset in place.values()]
        for chain, hop in place:
            if (chain, hop + 1) in place:
                pairs += 1
                before += place[chain, hop] < place[chain, hop + 1]
    depths.sort()
    gap = max(abs(depth - (i + 0.5) / len(depths)) for i, depth in enumerate(depths))
    assert gap < 0.08  # the opening and the closing paragraph hold no links
    assert abs(before / pairs - 0.5) < 3 * sqrt(0.25 / pairs)


def test_the_answer_stands_in_the_documents_but_not_in_the_question() -> None:
    for row in build(n=50):
        assert normalised(row["answer"]) in normalised(user(row))
        assert f" {normalised(row['answer'])} " not in f" {normalised(row['question'])} "
        assert len(normalised(row["answer"])) >= 3


def test_strict_leak_keeps_the_answer_to_the_gold_documents() -> None:
    for row in build(n=20, strict_leak=True):
        gold = {span["doc_id"] for span in row["gold_docs"]}
        for span in row["documents"]:
            if span["doc_id"] not in gold:
                text = without_links(user(row)[span["char_start"] : span["char_end"]])
                assert f" {normalised(row['answer'])} " not in f" {normalised(text)} "


def test_the_paper_style_has_a_system_turn_about_thinking_and_the_box() -> None:
    (row, *_) = build(n=1, prompt_style="paper")
    assert [turn["role"] for turn in row["prompt"]] == ["system", "user"]
    assert "<think>" in row["prompt"][0]["content"]
    assert "\\boxed{}" in row["prompt"][0]["content"]


def test_a_row_s_identity_is_its_content() -> None:
    first, again, other = build(n=3), build(n=3, shard_rows=50), build(n=3, seed=1)
    assert len({row["id"] for row in [*first, *other]}) == 6
    assert first[0]["config_hash"] != again[0]["config_hash"]
    assert [len(row["id"]) for row in first] == [16] * 3


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"tokens": 512, "chains": 64}, "512 tokens cannot hold 64 chains of 4 links, which alone take about"),
        ({"answerable": 8}, "--answerable-distractors 8 with 8 chains"),
        ({"key": "hex7"}, "unknown key format 'hex7'; known: hex8"),
        ({"task": "keychains"}, "unknown task 'keychains'"),
        ({"tokenizer": "nothing.json"}, "no tokenizer 'nothing.json'"),
        ({"question_hops": (5,)}, "questions of 5 hops; give some of 2, 3 and 4"),
        ({"chains": 0}, "--chains must be at least 1"),
        ({"n": 0}, "--n must be at least 1"),
    ],
)
def test_settings_that_cannot_be_built_are_refused_in_one_line(options: dict[str, object], says: str) -> None:
    given = {"task": "keychain", "tokens": 2048, "n": 4, **options}
    with pytest.raises(SynthError, match=re.escape(says)) as error:
        make_plan(Settings(**given))  # type: ignore[arg-type]
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("source", "tokens"), [("phantom", 2048), ("atlas", 2048), ("phantom", 8192)])
def test_matching_titles_does_not_tell_the_true_question(source: str, tokens: int) -> None:
    hits, chance, count = 0.0, 0.0, 250 if tokens == 2048 else 80
    for row in build(tokens=tokens, n=count, source=source):
        text = without_links(user(row))
        titles = [text_of.split("\n")[1] for text_of in text.split("\n\n")[1:-1]]
        questions = [row["question"], *(d["question"] for d in row["distractors"])]
        matches = [sum(title in question for title in titles) for question in questions]
        best = [i for i, match in enumerate(matches) if match == max(matches)]
        hits += (0 in best) / len(best)
        chance += 1 / (1 + sum(d["answerable"] for d in row["distractors"]))
    assert chance / count < 0.25
    assert hits / count < chance / count + 3 * sqrt(chance / count / count)


def test_answerable_distractors_take_as_many_documents_as_the_true_question() -> None:
    def hops(question: str) -> int:
        return question.replace("the name of ", "").count("the ")

    for row in build(tokens=16384, n=6):
        assert hops(row["question"]) == len(row["gold_docs"])
        alike = [d for d in row["distractors"] if d["answerable"] and hops(d["question"]) == hops(row["question"])]
        assert len(alike) >= 7


def test_a_shard_has_little_more_counted_than_its_own_text() -> None:
    plan = make_plan(Settings("keychain", 16_384, 64, shard_rows=64))
    counting = Counting(plan.tokenizer)
    made = list(rows(replace(plan, tokenizer=counting), 0, Report()))
    assert counting.given <= 1.1 * sum(row["n_tokens"] for row in made)


def test_documents_that_all_shards_draw_from_are_counted_once() -> None:
    plan = make_plan(Settings("keychain", 1024, 8, source="atlas", shard_rows=4))
    counting = Counting(plan.tokenizer)
    plan, shelf = replace(plan, tokenizer=counting), Shelf(Corpus([], [], []), counting)
    first = list(rows(plan, 0, Report(), shelf))
    before = counting.given
    assert list(rows(plan, 0, Report(), shelf)) == first
    assert counting.given - before < 2 * sum(row["n_tokens"] for row in first)  # the prompts, mended ones twice


@pytest.mark.parametrize("key", ["hex8", "hex32", "uuid36", "word"])
@pytest.mark.parametrize("tokenizer", ["cl100k", "o200k"])
def test_links_take_the_tokens_of_their_parts(key: str, tokenizer: str) -> None:
    form, rng = key_format(key), Random(0)
    for _ in range(20):
        keys = draw(form, rng, 12)
        chains = Chains([keys[:6], keys[6:]], ['Is "it" so?', "What is 1+1 (in words)?"], 0)
        whole = "".join(f" {text}" for text in _texts(chains))
        counter = load_tokenizer(tokenizer)
        assert _link_tokens(Shelf(Corpus([], [], []), counter), chains) == counter.count(whole)
