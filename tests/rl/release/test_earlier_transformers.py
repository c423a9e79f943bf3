"""Released models in transformers 4.57, in an environment of its own without torch: tokenizer, config, files' headers."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from small_bases import older_base

from rl.folders.run import RunFolder
from rl.merging.origin import keep
from rl.models import load_config, load_tokenizer, resolve_model
from rl.release import Wanted, release

TEXT = "3+4-2=?"
LOADS = """
import json, struct, sys
import transformers
from transformers import AutoConfig, AutoTokenizer, GenerationConfig

found = {"version": transformers.__version__}
for place in sys.argv[1:]:
    tokenizer, config = AutoTokenizer.from_pretrained(place), AutoConfig.from_pretrained(place)
    chat = [{"role": "user", "content": "3+4-2=?"}]
    with open(place + "/model.safetensors", "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    found[place] = {
        "ids": tokenizer.apply_chat_template(chat, add_generation_prompt=True),
        "special": tokenizer.additional_special_tokens,
        "eos": GenerationConfig.from_pretrained(place).eos_token_id,
        "rope_theta": config.rope_theta,
        "dtype": str(config.dtype),
        "stored": sorted({entry["dtype"] for name, entry in header.items() if name != "__metadata__"}),
    }
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A python with transformers 4.57."""
    place = tmp_path_factory.mktemp("earlier") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    python = place / "bin/python"
    wanted = ["transformers==4.57.*", "jinja2"]
    made = subprocess.run([python, "-m", "pip", "install", "-q", *wanted], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"pip cannot install transformers 4.57 here: {made.stderr.strip().splitlines()[-1]}")
    return python


def ids(folder: Path) -> Any:
    chat = [{"role": "user", "content": TEXT}]
    return load_tokenizer(str(folder)).apply_chat_template(chat, add_generation_prompt=True, return_dict=False)


@pytest.mark.slow
def test_what_is_released_loads_in_transformers_4_57_as_in_5(
    earlier: Path, evaluated_run: Path, tmp_path: Path
) -> None:
    demo = tmp_path / "demo"
    release(RunFolder(evaluated_run), Wanted("mit", checkpoint="2"), demo)
    base = older_base(tmp_path / "base")
    changed = Path(shutil.copytree(base, tmp_path / "changed"))
    tokenizer = load_tokenizer(str(base))
    tokenizer.add_special_tokens({"extra_special_tokens": ["<|more|>"]})
    tokenizer.save_pretrained(changed)
    load_config(str(base)).save_pretrained(changed)
    keep(base, changed)
    keychain = Path(resolve_model("keychain-demo"))
    for folder in (base, changed):
        shutil.copyfile(demo / "generation_config.json", folder / "generation_config.json")
    folders = [demo, base, changed, keychain]
    made = subprocess.run([earlier, "-c", LOADS, *folders], capture_output=True, text=True, cwd=tmp_path, env={})
    assert made.returncode == 0, made.stderr
    found = json.loads(made.stdout)
    assert found.pop("version").startswith("4.57.")
    for folder, thetas, special in zip(folders, (1e4, 5e5, 5e5, 1e6), ([], [], ["<|more|>"], []), strict=True):
        told = found[str(folder)]
        assert told["ids"] == ids(folder)
        assert (told["rope_theta"], told["special"], told["eos"]) == (thetas, special, 2)
    for folder, kinds in ((demo, ("float32", ["F32"])), (base, ("bfloat16", ["BF16"]))):
        assert (found[str(folder)]["dtype"], found[str(folder)]["stored"]) == kinds
