import json
from pathlib import Path

import naive_merges as naive
import pytest
import torch

from rl.errors import UserError
from rl.merging import Linear, merge, shards
from rl.merging.dtypes import change, dtype_of, state, write_in


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "PIECE", 8)


def model(folder: Path, dtype: torch.dtype, shards: int = 1) -> tuple[Path, dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    weights = {name: torch.randn(5, 7, generator=generator).to(dtype) for name in ("a", "b")}
    return naive.write(folder, {**weights, "steps": torch.arange(3)}, shards, {"dtype": "float32"}), weights


def test_a_dtype_is_that_of_most_of_the_weights_and_of_the_config_where_they_are_not_at_hand(tmp_path: Path) -> None:
    place, weights = model(tmp_path / "a", torch.bfloat16)
    assert dtype_of(place) == "bfloat16"
    naive.write(tmp_path / "b", {**weights, "norm": torch.ones(3)}, 2, {"torch_dtype": "float16"})
    assert dtype_of(tmp_path / "b") == "bfloat16"
    next((tmp_path / "b").glob("*.safetensors")).unlink()
    assert dtype_of(tmp_path / "b") == "float16"
    packed = {"w": torch.zeros(9, dtype=torch.int32), "scale": torch.ones(1)}
    assert dtype_of(naive.write(tmp_path / "c", packed, 1, {"text_config": {"dtype": "bfloat16"}})) == "bfloat16"
    with pytest.raises(UserError, match=r"neither its weights nor its config\.json tell a dtype"):
        dtype_of(naive.write(tmp_path / "d", packed))


@pytest.mark.parametrize("shards", [1, 2])
def test_weights_are_rounded_once_and_the_files_are_cut_as_they_were(tmp_path: Path, shards: int) -> None:
    place, weights = model(tmp_path / "a", torch.float32, shards)
    names = {path.name for path in place.iterdir()}
    (tmp_path / "out").mkdir()
    write_in(place, tmp_path / "out", "bfloat16")
    change(place, "bfloat16")
    state(place, "bfloat16")
    expected = {**{name: tensor.bfloat16() for name, tensor in weights.items()}, "steps": torch.arange(3)}
    assert naive.bits(naive.read(place)) == naive.bits(naive.read(tmp_path / "out")) == naive.bits(expected)
    assert {path.name for path in place.iterdir()} == names
    assert json.loads((place / "config.json").read_text()) == {"dtype": "bfloat16"}
    if shards > 1:
        index = json.loads((place / "model.safetensors.index.json").read_text())
        assert index["metadata"]["total_size"] == 2 * 70 + 24


def test_what_has_its_dtype_already_stays_to_the_byte(tmp_path: Path) -> None:
    place, _ = model(tmp_path / "a", torch.float32)
    (tmp_path / "out").mkdir()
    write_in(place, tmp_path / "out", "float32")
    assert (tmp_path / "out/model.safetensors").read_bytes() == (place / "model.safetensors").read_bytes()


def test_a_value_that_float16_has_no_room_for_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    place = naive.write(tmp_path / "a", {"w": torch.tensor([1.0, 7e4])})
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    with pytest.raises(UserError, match="w holds values that float16 has no room for: give --dtype bfloat16"):
        change(place, "float16")
    assert {path.name: path.read_bytes() for path in place.iterdir()} == before
    half = naive.write(tmp_path / "b", {"w": torch.tensor([1.0, 6e4]).half()})
    with pytest.raises(UserError, match="w holds values"):
        merge(str(half), [str(place)], tmp_path / "out", Linear(1.0))
    assert not (tmp_path / "out").exists()
