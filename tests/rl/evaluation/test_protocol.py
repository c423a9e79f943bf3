import json
from dataclasses import replace

import pytest

from rl.errors import UserError
from rl.evaluation import PRESETS, Data, LengthFilter, Protocol, preset
from rl.evaluation.protocol import data_of
from rl.evaluation.recipes import recipe_protocol
from rl.plugins import load_verifier
from rl.recipe.files import load_recipe, shipped_recipes
from rl.recipe.parts import PluginPart

FULL = Protocol(
    "mine", 2048, (512, 1024), 4, 0.6, 0.95, 7, "Solve: {problem}", "Be brief.", "{prompt} In 2048 tokens.",
    PluginPart("numeric", {"relative": 0.1}), "wrong", Data("d", "d.jsonl", 3, "0123456789abcdef"), "vllm",
    {"torch": "2"}, {"enable_thinking": False}, LengthFilter(4, 2, 5),
)  # fmt: skip


@pytest.mark.parametrize("protocol", [FULL, Protocol(), *PRESETS.values()])
def test_a_protocol_survives_json(protocol: Protocol) -> None:
    assert Protocol.from_dict(json.loads(json.dumps(protocol.to_dict()))) == protocol


def test_caps_are_sorted_and_end_with_the_cap() -> None:
    protocol = Protocol(cap=100, caps=(50, 10, 50, 100))
    assert (protocol.caps, protocol.scored_at) == ((10, 50), (10, 50, 100))
    assert protocol.to_dict()["caps"] == [10, 50, 100]
    assert replace(protocol, cap=200).scored_at == (10, 50, 200)


def test_its_line_says_what_the_numbers_depend_on() -> None:
    line = FULL.line()
    for part in ("mine", "cap 2048", "4 samples", "T 0.6", "top-p 0.95", "seed 7", "numeric relative=0.1", "wrong",
                 "3 problems of d (01234567)", "vllm"):  # fmt: skip
        assert part in line
    assert "\n" not in line
    assert replace(FULL, system="Be long.").line() != line
    assert replace(FULL, chat_options={}).line() != line


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cap": 0}, "a cap must be at least 1 token, not 0"),
        ({"caps": (-5,)}, "a cap must be at least 1 token, not -5"),
        ({"cap": 100, "caps": (50, 200)}, "cannot score at 200 tokens"),
        ({"samples": 0}, "samples must be at least 1"),
        ({"temperature": -1.0}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_p": 0.0}, "top_p"),
        ({"top_p": 1.5}, "top_p"),
        ({"truncated": "maybe"}, "'maybe'"),
        ({"budget_text": "in 50 tokens"}, "{prompt}"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=words):
        Protocol(**options)  # type: ignore[arg-type]


def test_a_difference_is_named_where_it_matters() -> None:
    assert FULL.difference(replace(FULL, caps=(1,), name="other", length_filter=LengthFilter())) is None
    assert FULL.data
    assert FULL.difference(replace(FULL, data=replace(FULL.data, name="e", source="elsewhere/d.jsonl"))) is None
    assert FULL.difference(replace(FULL, temperature=1.0)) == "temperature 1.0, not 0.6"
    assert "fedcba" in str(FULL.difference(replace(FULL, data=replace(FULL.data, fingerprint="fedcba"))))
    assert FULL.difference(replace(FULL, versions={"torch": "3"}))


def test_presets_are_known_by_name_and_their_verifiers_exist() -> None:
    dler, siri = preset("dler"), preset("siri")
    assert (dler.cap, dler.samples, dler.temperature, dler.top_p) == (32768, 16, 0.6, 0.95)
    assert (siri.cap, siri.samples, siri.temperature) == (16384, 64, 0.6)
    for name, protocol in PRESETS.items():
        assert protocol.name == name
        load_verifier(protocol.verifier.name, protocol.verifier.options)
    with pytest.raises(UserError, match="unknown protocol 'dlr'; did you mean 'dler'"):
        preset("dlr")


def test_presets_agree_with_the_recipes_of_their_papers() -> None:
    for name in ("dler", "siri", "hapo"):
        part = load_recipe(name).evaluation
        known = preset(name)
        assert (part.budget, part.temperature, part.top_p) == (known.cap, known.temperature, known.top_p)


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_every_shipped_recipe_gives_a_protocol(name: str) -> None:
    recipe = load_recipe(name)
    protocol = recipe_protocol(recipe)
    assert (protocol.cap, protocol.seed) == (recipe.evaluation.budget, recipe.seed)
    stated = recipe.evaluation.prompt_budget
    assert (protocol.budget_text is None) == (stated is None)
    if protocol.budget_text:
        assert f"{stated}" in protocol.budget_text


def test_a_fingerprint_is_of_the_problems_in_order() -> None:
    one, other = data_of("d", "d", ["a", "b"]), data_of("d", "d", ["b", "a"])
    assert (one.problems, len(one.fingerprint)) == (2, 16)
    assert one.fingerprint != other.fingerprint
