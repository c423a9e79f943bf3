from pathlib import Path

import pytest

from rl.release.public import public
from rl.secrecy.forms import REMOVED


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ("/home/someone/models/base", "base"),
        ("/home/someone/my_judge.py:same_word", "my_judge.py:same_word"),
        ("~/data/train.jsonl", "train.jsonl"),
        ("file:///data/private/train.jsonl", "train.jsonl"),
        ("read /data/private/x.jsonl, then /data/private/y.jsonl", "read x.jsonl, then y.jsonl"),
        ("data=/data/private/x.jsonl n=3", "data=x.jsonl n=3"),
        ("https://example.org/some/where", "https://example.org/some/where"),
        ("owner/name", "owner/name"),
        ("runs/a/b.jsonl", "runs/a/b.jsonl"),
        ("</think> 1/2/3 and/or {prompt}/x/y", "</think> 1/2/3 and/or {prompt}/x/y"),
        ("/no_think", "/no_think"),
        ("token hf_" + "a" * 30 + " here", f"token {REMOVED} here"),
        ("https://me:pass@example.org/x", f"https://{REMOVED}@example.org/x"),
        ("sk-" + "a" * 30, REMOVED),
    ],
)
def test_paths_are_cut_to_names_and_known_secrets_removed(given: str, seen: str) -> None:
    assert public(given) == seen
    assert public({"a": [given, 1, None]}) == {"a": [seen, 1, None]}


def test_keys_that_hold_secrets_go_and_those_that_count_tokens_stay() -> None:
    kept = {
        "tokens": 80,
        "eos_token": "</s>",
        "pad_token": "x",
        "max_tokens": 4,
        "tokens_per_micro_batch": 9,
        "eos_token_id": 2,
    }
    gone = {"hub_token": "x", "wandb_api_key": "x", "password": "x", "client_secret": "x"}
    assert public({**kept, "trainer": {**gone, "beta": 0.0}}) == {**kept, "trainer": {"beta": 0.0}}


def test_a_path_with_spaces_is_known_by_what_is_on_the_disk(tmp_path: Path) -> None:
    place = tmp_path / "my models" / "base model"
    place.mkdir(parents=True)
    assert public(str(place)) == "base model"
