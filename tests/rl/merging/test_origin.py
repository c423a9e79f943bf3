import json
import shutil
from pathlib import Path

import pytest
from small_bases import older_base
from transformers import AutoConfig, AutoTokenizer

from rl.merging.origin import keep, tokenizer_files
from rl.models import load_model, load_tokenizer


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return older_base(tmp_path / "base")


@pytest.fixture
def trained(base: Path, tmp_path: Path) -> Path:
    """As transformers 5 writes it after a run."""
    model, tokenizer = load_model(str(base)), load_tokenizer(str(base))
    tokenizer(["1+1", "1+1+1"], padding=True, truncation=True, max_length=4)
    model.config.use_cache = False
    model.save_pretrained(tmp_path / "trained")
    tokenizer.save_pretrained(tmp_path / "trained")
    return tmp_path / "trained"


def test_an_unchanged_tokenizer_stays_the_bases_to_the_byte(base: Path, trained: Path) -> None:
    assert [p.name for p in tokenizer_files(base)] != [p.name for p in tokenizer_files(trained)]
    keep(base, trained)
    files = {path.name: path.read_bytes() for path in tokenizer_files(base)}
    assert files.keys() == {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"}
    assert {path.name: path.read_bytes() for path in tokenizer_files(trained)} == files


def test_a_changed_tokenizer_is_the_new_one_in_words_that_both_versions_know(base: Path, trained: Path) -> None:
    tokenizer = load_tokenizer(str(base))
    tokenizer.add_special_tokens({"extra_special_tokens": ["<|more|>"]})
    tokenizer.save_pretrained(trained)
    keep(base, trained)
    words = json.loads((trained / "tokenizer_config.json").read_text())
    assert words["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert words["additional_special_tokens"] == ["<|more|>"]
    assert "extra_special_tokens" not in words
    again = AutoTokenizer.from_pretrained(trained)
    assert again.extra_special_tokens == ["<|more|>"]
    assert again("<|more|>1+1")["input_ids"] == tokenizer("<|more|>1+1")["input_ids"]
    assert len(again) == len(AutoTokenizer.from_pretrained(base)) + 1


def test_another_chat_template_is_a_change(base: Path, trained: Path) -> None:
    tokenizer = load_tokenizer(str(base))
    tokenizer.chat_template = "{{ messages[0].content }}"
    tokenizer.save_pretrained(trained)
    keep(base, trained)
    assert AutoTokenizer.from_pretrained(trained).chat_template == "{{ messages[0].content }}"


def test_a_config_is_the_bases_own_with_what_has_changed(base: Path, trained: Path) -> None:
    written = json.loads((trained / "config.json").read_text())
    assert "rope_theta" not in written
    (trained / "config.json").write_text(json.dumps({**written, "pad_token_id": 7}))
    keep(base, trained)
    own = json.loads((base / "config.json").read_text())
    assert json.loads((trained / "config.json").read_text()) == {**own, "pad_token_id": 7}
    assert own["rope_theta"] == 5e5
    assert own["use_cache"]


def test_without_a_base_rotary_embeddings_are_told_in_both_ways(base: Path, trained: Path, tmp_path: Path) -> None:
    before = AutoConfig.from_pretrained(trained).rope_parameters
    keep(None, trained)
    assert json.loads((trained / "config.json").read_text())["rope_theta"] == 5e5
    assert AutoConfig.from_pretrained(trained).rope_parameters == before
    long = Path(shutil.copytree(trained, tmp_path / "long"))
    config = json.loads((long / "config.json").read_text())
    del config["rope_theta"]
    scaled = {"rope_type": "linear", "factor": 4.0, "rope_theta": 5e5}
    (long / "config.json").write_text(json.dumps({**config, "rope_parameters": scaled}))
    keep(None, long)
    found = json.loads((long / "config.json").read_text())
    assert (found["rope_theta"], found["rope_scaling"]) == (5e5, {"rope_type": "linear", "factor": 4.0})
    again = AutoConfig.from_pretrained(long).rope_parameters
    assert {key: again[key] for key in scaled} == scaled
