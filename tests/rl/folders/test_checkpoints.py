import json
from pathlib import Path
from typing import Any

from rl.digests import digest_of
from rl.folders import checkpoints


def test_a_state_written_piece_by_piece_is_the_text_that_json_makes_of_it_and_its_digest(tmp_path: Path) -> None:
    state: dict[Any, Any] = {
        "history": {
            "hapo": {"p": {"length": 12.5, "count": 3}, "q": {}},
            "laser": {},
            "many": {str(i): {"rate": i} for i in range(40)},
        },
        "sampling": {
            "acceptance": [1.0, 2],
            "leftover": [{"problem": '"\u00e9\n', "rollouts": [{"a": [1, None]}]}, {}, *([i] for i in range(40))],
        },
        "ahead": [],
        3: {None: {True: {1.5: "keys that JSON makes texts"}}},
        "pair": (1, (2,)),
        "nan": float("nan"),
    }
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    checkpoints.write(tmp_path, state)
    text = (tmp_path / checkpoints.STATE_FILE).read_text()
    files = {"model.safetensors": {"bytes": 7, "sha256": json.loads(text)["files"]["model.safetensors"]["sha256"]}}
    whole = json.dumps({"files": files, "state": state})
    assert text == f'{whole[:-1]}{checkpoints.SEAL}{digest_of([whole])}"}}'
    assert checkpoints.torn(tmp_path) is None


def test_of_a_history_many_entries_are_a_piece_and_none_holds_much_of_it() -> None:
    history = {f"{i:016x}": {"length": 1.0, "count": 2} for i in range(1600)}
    pieces = list(checkpoints._pieces({"state": {"history": {"hapo": history}}}, checkpoints.LEVELS))
    assert 100 <= len(pieces) <= 120  # 1,600 / 16, and brackets and names
    assert max(map(len, pieces)) < 2000
