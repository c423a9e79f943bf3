"""What ends thinking, in the tokens of tokenizers of several kinds."""

from __future__ import annotations

from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from split_rollouts import ends
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from curricula import Constant
from rl.errors import UserError
from rl.rounds.asking import forcing_of
from rl.thinking import closing_of, end_of, first_end, texts, thinking_tokens


def bpe(pre: pre_tokenizers.PreTokenizer, decoder: decoders.Decoder, *merged: str) -> PreTrainedTokenizerFast:
    """Of single signs, and of these tokens, each made of one sign and a token before it."""
    signs = [*pre_tokenizers.ByteLevel.alphabet(), "▁"]
    known, merges = {*signs}, []
    for token in merged:
        left = next(token[:cut] for cut in range(len(token) - 1, 0, -1) if {token[:cut], token[cut:]} <= known)
        merges.append((left, token[len(left) :]))
        known.add(token)
    vocabulary = {token: id for id, token in enumerate([*signs, *merged])}
    made = Tokenizer(models.BPE(vocabulary, merges))
    made.pre_tokenizer, made.decoder = pre, decoder
    return PreTrainedTokenizerFast(tokenizer_object=made)


@pytest.fixture
def bytewise() -> PreTrainedTokenizerFast:
    """It writes `</think>` as `</`, `think` and `>`, which merge with a stop before and a line's end behind."""
    merged = ("</", "th", "thi", "thin", "think", ".</", ">Ċ", "Ċ<", "k>")
    return bpe(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False), decoders.ByteLevel(), *merged)


def test_a_mark_that_is_a_token_of_its_own_is_found_and_the_common_one_first(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    (mark,) = tokenizer("</think>", add_special_tokens=False)["input_ids"]
    own = deepcopy(tokenizer)
    own.add_tokens(["[/THINK]", "<|channel|>", "<|message|>"])
    assert end_of(own, None) == end_of(own, "</think>") == ((mark,),)
    assert closing_of(own, None, ((mark,),)) == (mark,)
    other = deepcopy(own)
    other.add_tokens(["</done>"])
    assert end_of(other, "[/THINK]") == ((len(tokenizer),),)
    channel = end_of(other, "<|channel|>final<|message|>")
    assert (channel[0], channel[-1]) == ((len(tokenizer) + 1,), (len(tokenizer) + 2,))


def test_an_end_of_several_tokens_is_found_whatever_it_merges_with(bytewise: PreTrainedTokenizerFast) -> None:
    end = end_of(bytewise, "</think>")
    assert [len(place) for place in end] == [2, 1, 2]
    for text, after in (("so.</think>\n4", ">Ċ"), ("so.</think>4", ">"), ("so</think>", ">"), ("</think>\n", ">Ċ")):
        ids = bytewise(text)["input_ids"]
        found = first_end(ids, end)
        assert found is not None
        assert bytewise.convert_ids_to_tokens(ids)[found - 1] == after
    assert first_end(bytewise("so.</thin>\n")["input_ids"], end) is None
    closing = closing_of(bytewise, None, end)
    assert bytewise.decode(list(closing)) == "</think>"
    assert bytewise.decode(list(closing_of(bytewise, "\nStop.</think>\n", end))) == "\nStop.</think>\n"


def test_a_run_counts_thinking_whose_end_no_token_is_for(bytewise: PreTrainedTokenizerFast) -> None:
    end = forcing_of(bytewise, Constant(9)).end
    text = "<think>so.</think>4"
    ids = [bytewise(text)["input_ids"]]
    assert thinking_tokens(ids, [""], [text], end) == [len(ids[0]) - 1]
    words = Tokenizer(models.WordLevel({"[UNK]": 0, "so": 1}, unk_token="[UNK]"))
    assert forcing_of(PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]"), Constant(9)).end == ()


def test_a_text_of_one_common_token_ends_thinking_within_others_too(bytewise: PreTrainedTokenizerFast) -> None:
    end = end_of(bytewise, ">")
    assert set(bytewise.convert_ids_to_tokens(list(end[0]))) == {">", ">Ċ", "k>"}
    assert bytewise.decode(list(closing_of(bytewise, None, end))) == ">"


def test_the_space_that_sentencepiece_puts_before_a_text_is_no_part_of_it() -> None:
    for merged in (("</", "▁</"), ("</",)):
        own = bpe(pre_tokenizers.Metaspace(), decoders.Metaspace(), *merged)
        end = end_of(own, "</t>")
        for text in ("so</t>", "so </t>", "</t>"):
            assert first_end(own(text)["input_ids"], end) is not None
        assert first_end(own("so t>")["input_ids"], end) is None


def test_what_cannot_be_written_and_a_closing_that_ends_nothing_are_refused(
    tokenizer: PreTrainedTokenizerBase, bytewise: PreTrainedTokenizerFast
) -> None:
    words = Tokenizer(models.WordLevel({"[UNK]": 0, "so": 1}, unk_token="[UNK]"))
    poor = PreTrainedTokenizerFast(tokenizer_object=words, unk_token=AddedToken("[UNK]"))
    with pytest.raises(UserError, match="cannot write '</think>'"):
        end_of(poor, "</think>")
    with pytest.raises(UserError, match="cannot write ''"):
        end_of(tokenizer, "")
    with pytest.raises(UserError, match=r"no token that ends thinking, such as </think>.*option `end`"):
        end_of(bytewise, None)
    end = end_of(tokenizer, None)
    with pytest.raises(UserError, match=r"the closing 'Stop\.' does not end thinking, which '</think>' does"):
        closing_of(tokenizer, "Stop.", end)


@given(
    st.lists(st.integers(0, 4), max_size=12),
    st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=3).map(tuple), min_size=1, max_size=3).map(tuple),
)
def test_the_first_end_is_the_one_that_a_reader_comes_to_first(
    ids: list[int], end: tuple[tuple[int, ...], ...]
) -> None:
    read = next((count for count in range(len(ids) + 1) if ends(ids[:count], end)), None)
    assert first_end(ids, end) == read


def test_tokens_of_thinking_go_up_to_its_end_or_are_all_where_it_began(tokenizer: PreTrainedTokenizerBase) -> None:
    end = end_of(tokenizer, None)
    cases = [
        ("<think>", "ab</think>c</think>", 3),
        ("", "<think>ab</think>c", 4),
        ("<think>", "abc", 3),
        ("", "<think>ab", 3),
        ("", "a<think>b", 3),
        ("", "abc", 0),
        ("<think></think>", "abc", 0),
        ("", "", 0),
        ("[THINK]", "ab", 2),
    ]
    ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for _, text, _ in cases]
    leads, _, expected = zip(*cases, strict=True)
    assert thinking_tokens(ids, leads, texts(tokenizer, ids), end) == list(expected)


def test_where_nothing_is_known_to_end_thinking_all_is_thinking_that_began() -> None:
    assert first_end([5, 6], ()) is None
    assert thinking_tokens([[5, 6], [5, 6], [7]], ["<think>", "", ""], ["", "", "<think>"], ()) == [2, 0, 1]
