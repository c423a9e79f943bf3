"""Closings and rivals by name, what a model's tokenizer makes of them, and protocols that they tell apart."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from tokenizers.normalizers import Lowercase
from transformers import PreTrainedTokenizerBase

from rl.errors import UserError
from rl.evaluation import Protocol
from rl.evaluation.asking import changed
from rl.evaluation.forcing.asked import Forced, Longer
from rl.evaluation.forcing.closings import CLOSINGS, closing
from rl.evaluation.forcing.ids import Ids, concrete, most_tokens, prefixes
from rl.evaluation.forcing.rivals import RIVALS

CLOSED = {"force_at": (40, 80), "answer": 20}


def of(tokenizer: PreTrainedTokenizerBase, **changes: Any) -> Protocol:
    return concrete(changed(Protocol(cap=120), changes), tokenizer)


def test_closings_are_the_texts_of_their_sources(tokenizer: PreTrainedTokenizerBase) -> None:
    texts = {name: of(tokenizer, **CLOSED, closing=name).forced.closing for name in CLOSINGS}  # type: ignore[union-attr]
    assert texts == {
        "plain": "</think>",
        "s1": "\n</think>\nFinal Answer:",
        "qwen3": "\n\nConsidering the limited time by the user, I have to give the solution based on the thinking "
        "directly now.\n</think>\n\n",
        "no-thinking": "</think>\n\nFinal Answer:",
    }
    # The model of s1 itself ends its thinking so.
    own = of(tokenizer, **CLOSED, closing="s1", end="<|im_start|>answer")
    assert own.forced
    assert own.forced.closing == "\n<|im_start|>answer\nFinal Answer:"
    assert of(tokenizer, **CLOSED, closing="So:\\n</think>\n").forced == Forced(
        (40, 80), 20, "custom", "So:\n</think>\n"
    )


def test_a_newline_is_not_written_twice(tokenizer: PreTrainedTokenizerBase) -> None:
    ids = Ids.of(tokenizer, of(tokenizer, **CLOSED, closing="s1"))
    assert tokenizer.decode(ids.closing) == "\n</think>\nFinal Answer:"
    assert tokenizer.decode(ids.after_newline) == "</think>\nFinal Answer:"
    qwen = Ids.of(tokenizer, of(tokenizer, **CLOSED, closing="qwen3"))
    assert qwen.after_newline == qwen.closing
    assert most_tokens(tokenizer, of(tokenizer, **CLOSED, closing="qwen3")) == max(120, 80 + len(qwen.closing) + 20)


def test_a_prefix_begins_the_thinking_where_the_prompt_has_not(tokenizer: PreTrainedTokenizerBase) -> None:
    protocol = of(tokenizer, rival="no-thinking")
    plain, begun = (tokenizer(text)["input_ids"] for text in ("2+3=?", "2+3=?<think>\n"))
    said = [tokenizer.decode(ids) for ids in prefixes(tokenizer, protocol, [plain, begun, plain])]
    own = "Okay, I think I have finished thinking.\n</think>\n\n"
    assert said == [f"<think>\n{own}", own, f"<think>\n{own}"]
    assert prefixes(tokenizer, Protocol(), [plain]) == [()]


def test_thinking_without_a_mark_begins_with_the_completion(tokenizer: PreTrainedTokenizerBase) -> None:
    ids = tokenizer("2+3=5\n=5\n")["input_ids"]
    row = {"token_ids": ids, "completion": "2+3=5\n=5\n", "lead": ""}
    marked, own = (Ids.of(tokenizer, of(tokenizer, **CLOSED, end=end)) for end in ("</think>", "Answer:"))
    assert (marked.thinking([row]), own.thinking([row])) == ([0], [len(ids)])
    assert marked.thinking([{**row, "lead": "<think>"}]) == [len(ids)]


def test_protocols_that_force_something_else_differ_and_say_so(tokenizer: PreTrainedTokenizerBase) -> None:
    changes: list[dict[str, Any]] = [
        {},
        *({"rival": name, **(CLOSED if name == "budget-forcing" else {})} for name in RIVALS),
        {"rival": "think-longer", "min_thinking": 30},
        {"rival": "think-longer", "waits": 3},
        {**CLOSED},
        {**CLOSED, "closing": "qwen3"},
        {**CLOSED, "answer": 19},
        {**CLOSED, "force_at": (40,)},
    ]
    protocols = [of(tokenizer, **each) for each in changes]
    assert len({protocol.line() for protocol in protocols}) == len(protocols)
    for i, one in enumerate(protocols):
        assert Protocol.from_dict(json.loads(json.dumps(one.to_dict()))) == one
        assert [one.difference(other) is None for other in protocols] == [i == j for j in range(len(protocols))]
    line = of(tokenizer, rival="budget-forcing", **CLOSED).line()
    assert line.startswith("budget-forcing: cap 120, ")
    assert ", thinking closed at 40/80 by s1 " in line
    assert ", answers of 20" in line
    said = of(tokenizer, rival="think-longer", min_thinking=30, waits=2).line()
    assert "thinking that ends before 30 tokens made longer 2x by 'Wait'" in said


def test_what_is_not_closed_is_the_evaluation_without_it(tokenizer: PreTrainedTokenizerBase) -> None:
    protocol = of(tokenizer, **CLOSED)
    assert protocol.plain() == Protocol(cap=120)
    assert protocol.closed_at(80).forced == Forced((80,), 20, closing="</think>")
    longer = of(tokenizer, **CLOSED, rival="think-longer")
    assert longer.plain() == of(tokenizer, rival="think-longer")
    assert longer.longer == Longer()


def test_options_go_before_what_a_rival_changes(tokenizer: PreTrainedTokenizerBase) -> None:
    assert of(tokenizer, rival="concise").system == "Be concise."
    assert of(tokenizer, rival="concise", system="Be brief.").system == "Be brief."
    assert changed(Protocol("dler", cap=99), {"rival": "concise"}).name == "dler, concise"
    forced = of(tokenizer, **CLOSED, rival="budget-forcing", closing="plain").forced
    assert forced
    assert forced.name == "plain"


def test_what_a_model_cannot_be_forced_to_say_is_refused(tokenizer: PreTrainedTokenizerBase) -> None:
    endless = deepcopy(tokenizer)
    endless.get_added_vocab = dict  # type: ignore[method-assign]
    with pytest.raises(UserError, match="has no token that ends thinking"):
        of(endless, **CLOSED)
    assert of(endless, **CLOSED, end="</think>").end == "</think>"
    for said, words in (
        ("s2", "unknown closing 's2'; did you mean 's1'"),
        ("So then:", "the closing 'So then:' does not end thinking, which '</think>' does"),
        ("", "cannot write ''"),
    ):
        with pytest.raises(UserError, match=words):
            of(tokenizer, **CLOSED, closing=said)
    low = deepcopy(tokenizer)
    low.backend_tokenizer.normalizer = Lowercase()  # type: ignore[attr-defined]
    with pytest.raises(UserError, match="cannot write 'So</think>': it would read 'so</think>'; take another text"):
        of(low, **CLOSED, closing="So</think>")
    with pytest.raises(UserError, match=r"begin with \d+ tokens, which leave nothing of 9"):
        of(tokenizer, rival="no-thinking", caps=(9,))
    with pytest.raises(UserError, match="need a cap of at least 140, not 120; raise the cap"):
        of(tokenizer, force_at=(40, 80), answer=60)
    assert closing("plain") == ("plain", CLOSINGS["plain"])
