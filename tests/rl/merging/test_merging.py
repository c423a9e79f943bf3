import json
import resource
from pathlib import Path

import naive_merges as naive
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peft.utils.merge_utils import ties as peft_ties

from rl.errors import UserError
from rl.merging import Linear, Selective, Ties, merge, methods, shards

DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def weights(seed: int, dtype: torch.dtype, coarse: bool = False) -> dict[str, torch.Tensor]:
    """Coarse values have many equal differences."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {"b.weight": (7, 5), "a.bias": (11,), "c.weight": (3, 4, 2), "norm": (1,), "empty": (0, 4)}
    made = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    if coarse:
        made = {name: (4 * tensor).round() / 4 for name, tensor in made.items()}
    return {name: tensor.to(dtype) for name, tensor in made.items()}


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "PIECE", 8)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 99),
    dtype=st.sampled_from(DTYPES),
    coarse=st.booleans(),
    keep=st.sampled_from([0.001, 0.1, 0.25, 0.5, 0.99, 1.0]),
    scale=st.sampled_from([0.7, 1.0, -0.3]),
    scope=st.sampled_from(["global", "tensor"]),
    layouts=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    held=st.sampled_from([0, 20, 100]),
)
def test_a_selective_merge_is_the_naive_one_to_the_bit(
    tmp_path_factory, seed, dtype, coarse, keep, scale, scope, layouts, held
) -> None:
    folder = tmp_path_factory.mktemp("merge")
    base, trained = weights(seed, dtype, coarse), weights(seed + 1000, dtype, coarse)
    places = [naive.write(folder / name, w, n) for name, w, n in zip("bt", (base, trained), layouts, strict=True)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(methods, "HELD", held)
        record = merge(str(places[0]), [str(places[1])], folder / "out", Selective(keep, scale, scope))
    assert naive.bits(naive.read(folder / "out")) == naive.bits(naive.selective(base, trained, keep, scale, scope))
    kept = sum(int(mask.sum()) for mask in naive.masks(base, trained, keep, scope).values())
    assert (record["kept"], record["of"]) == (kept, 71)
    assert json.loads((folder / "out" / "merge.json").read_text()) == record


def test_the_layout_of_the_files_changes_nothing_and_is_the_bases(tmp_path: Path) -> None:
    base, trained = weights(1, torch.bfloat16, True), weights(2, torch.bfloat16, True)
    results = []
    for i, (n, m) in enumerate([(1, 1), (1, 3), (3, 1), (2, 3)]):
        b, t = naive.write(tmp_path / f"b{i}", base, n), naive.write(tmp_path / f"t{i}", trained, m)
        merge(str(b), [str(t)], tmp_path / f"o{i}", Selective())
        results.append(naive.bits(naive.read(tmp_path / f"o{i}")))
        files = [sorted(p.name for p in folder.glob("model*")) for folder in (b, tmp_path / f"o{i}")]
        assert files[0] == files[1]
    assert results[1:] == results[:1] * 3


@pytest.mark.parametrize("dtype", DTYPES)
def test_interpolation_is_the_weighted_sum_and_its_ends_are_the_models(tmp_path: Path, dtype: torch.dtype) -> None:
    base, trained = weights(1, dtype), weights(2, dtype)
    b, t = naive.write(tmp_path / "b", base), naive.write(tmp_path / "t", trained, 2)
    for weight in (0.0, 0.3, 1.0):
        merge(str(b), [str(t)], tmp_path / str(weight), Linear(weight))
        expected = {n: ((1 - weight) * base[n].float() + weight * trained[n].float()).to(dtype) for n in base}
        assert naive.bits(naive.read(tmp_path / str(weight))) == naive.bits(expected)
    assert naive.bits(naive.read(tmp_path / "0.0")) == naive.bits(base)
    assert naive.bits(naive.read(tmp_path / "1.0")) == naive.bits(trained)


@pytest.mark.parametrize("dtype", DTYPES)
def test_ties_in_each_tensor_is_pefts(tmp_path: Path, dtype: torch.dtype) -> None:
    models = [weights(seed, torch.float32) for seed in range(4)]
    models = [{n: t.to(dtype) for n, t in model.items() if n != "empty"} for model in models]
    places = [str(naive.write(tmp_path / str(i), model, i % 2 + 1)) for i, model in enumerate(models)]
    merge(places[0], places[1:], tmp_path / "out", Ties(keep=0.4, scale=0.9, scope="tensor"))
    merged = naive.read(tmp_path / "out")
    for name, base in models[0].items():
        count = round(0.4 * base.numel())
        density = (count + 0.5) / base.numel()  # peft rounds down
        deltas = [model[name].float() - base.float() for model in models[1:]]
        mean = peft_ties(deltas, torch.ones(3), density)
        assert torch.equal(merged[name], (base.float() + 0.9 * mean).to(dtype)), name


def test_ties_over_the_whole_model_trims_each_model_once(tmp_path: Path) -> None:
    models = [weights(seed, torch.float32, coarse=True) for seed in range(3)]
    places = [str(naive.write(tmp_path / str(i), model)) for i, model in enumerate(models)]
    record = merge(places[0], places[1:], tmp_path / "out", Ties(keep=0.3))
    trimmed = [naive.masks(models[0], model, 0.3, "global") for model in models[1:]]
    assert record["kept"] == [round(0.3 * 71)] * 2
    for name, merged in naive.read(tmp_path / "out").items():
        kept = [(m[name] - models[0][name]) * mask[name] for m, mask in zip(models[1:], trimmed, strict=True)]
        sign = torch.where(sum(kept) >= 0, 1.0, -1.0)
        agreeing = [torch.where(k.sign() == sign, k, 0.0) for k in kept]
        count = sum((k.sign() == sign).float() for k in kept).clamp(min=1)
        assert torch.equal(merged, models[0][name] + sum(agreeing) / count), name


def test_a_head_that_is_tied_is_merged_once_however_it_is_stored(tmp_path: Path) -> None:
    config = {"tie_word_embeddings": True}
    base, trained = (
        {"embed.weight": w["b.weight"], "norm": w["norm"]}
        for w in (weights(1, torch.float32), weights(2, torch.float32))
    )
    stored = {**trained, "lm_head.weight": trained["embed.weight"].clone()}
    b, t = naive.write(tmp_path / "b", base, config=config), naive.write(tmp_path / "t", stored, config=config)
    record = merge(str(b), [str(t)], tmp_path / "out", Selective())
    assert record["of"] == 36
    assert naive.bits(naive.read(tmp_path / "out")) == naive.bits(naive.selective(base, trained, 0.25, 0.7, "global"))
    untied = {**trained, "lm_head.weight": trained["embed.weight"] + 1}
    u = naive.write(tmp_path / "u", untied, config=config)
    with pytest.raises(UserError, match="ties the embeddings"):
        merge(str(b), [str(u)], tmp_path / "other", Selective())


def test_what_is_no_float_goes_along_if_it_is_the_same(tmp_path: Path) -> None:
    base = {**weights(1, torch.float16), "steps": torch.arange(9), "mask": torch.tensor([True, False])}
    trained = {**weights(2, torch.float16), "steps": torch.arange(9), "mask": torch.tensor([True, False])}
    b, t = naive.write(tmp_path / "b", base), naive.write(tmp_path / "t", trained)
    merge(str(b), [str(t)], tmp_path / "out", Selective())
    assert naive.bits(naive.read(tmp_path / "out")) == naive.bits(naive.selective(base, trained, 0.25, 0.7, "global"))
    t2 = naive.write(tmp_path / "t2", {**trained, "steps": torch.arange(9) + 1})
    with pytest.raises(UserError, match="steps, of type I64, differs"):
        merge(str(b), [str(t2)], tmp_path / "other", Selective())


def test_models_of_two_dtypes_merge_into_the_bases_or_the_one_that_is_named(tmp_path: Path) -> None:
    base, trained = weights(1, torch.bfloat16), weights(2, torch.float32)
    b = naive.write(tmp_path / "b", base)
    t = naive.write(tmp_path / "t", trained, config={"dtype": "float32"})
    whole = naive.selective({n: w.float() for n, w in base.items()}, trained, 0.25, 0.7, "global")
    assert merge(str(b), [str(t)], tmp_path / "as-base", Selective())["dtype"] == "bfloat16"
    assert naive.bits(naive.read(tmp_path / "as-base")) == naive.bits({n: w.bfloat16() for n, w in whole.items()})
    assert json.loads((tmp_path / "as-base" / "config.json").read_text()) == {"dtype": "bfloat16"}
    merge(str(b), [str(t)], tmp_path / "out", Selective(), "F16")
    assert naive.bits(naive.read(tmp_path / "out")) == naive.bits({n: w.half() for n, w in whole.items()})
    assert json.loads((tmp_path / "out" / "config.json").read_text()) == {"dtype": "float16"}


def test_the_trained_models_tokenizer_and_configurations_go_along_and_nothing_else(tmp_path: Path) -> None:
    b, t = (
        naive.write(tmp_path / "b", weights(1, torch.float32)),
        naive.write(tmp_path / "t", weights(2, torch.float32)),
    )
    for name in (
        "generation_config.json",
        "tokenizer.json",
        "chat_template.jinja",
        "optimizer.pt",
        "trainer_state.json",
    ):
        (t / name).write_text("{}")
    merge(str(b), [str(t)], tmp_path / "out", Selective())
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "model.safetensors",
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "chat_template.jinja",
        "merge.json",
    }
    assert str(tmp_path) not in (tmp_path / "out" / "merge.json").read_text()


def refused(tmp_path: Path, base: Path, trained: Path, match: str, out: str = "out") -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match=match) as error:
        merge(str(base), [str(trained)], tmp_path / out, Selective())
    assert "\n" not in str(error.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_models_that_do_not_fit_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    good = weights(1, torch.float32)
    base = naive.write(tmp_path / "base", good)
    refused(tmp_path, base, naive.write(tmp_path / "1", {**good, "b.weight": torch.zeros(5, 7)}), "different shapes")
    refused(
        tmp_path,
        base,
        naive.write(tmp_path / "2", {n: w for n, w in good.items() if n != "norm"}),
        "has no tensor norm",
    )
    refused(tmp_path, base, naive.write(tmp_path / "3", {**good, "more": torch.zeros(1)}), "has no tensor more")
    refused(
        tmp_path,
        base,
        naive.write(tmp_path / "4", {**good, "norm": torch.tensor([float("nan")])}),
        "norm holds an infinity or a NaN",
    )
    doubles = naive.write(tmp_path / "5", {n: w.double() for n, w in good.items()})
    refused(tmp_path, base, doubles, "of type F32 and F64")
    (tmp_path / "6").mkdir()
    refused(tmp_path, base, tmp_path / "6", "holds no weights")
    lost = naive.write(tmp_path / "7", good, 3)
    (lost / "model-00002-of-00003.safetensors").unlink()
    refused(tmp_path, base, lost, "model-00002-of-00003.safetensors, which .* names, is missing")
    cut = naive.write(tmp_path / "8", good)
    (cut / "model.safetensors").write_bytes((cut / "model.safetensors").read_bytes()[:-4])
    refused(tmp_path, base, cut, "is damaged")
    (cut / "model.safetensors").write_bytes(b"version https://git-lfs")
    refused(tmp_path, base, cut, "is damaged")
    refused(tmp_path, base, base, "not an empty folder", out="7")


def test_a_disk_that_refuses_a_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    b, t = (
        naive.write(tmp_path / "b", weights(1, torch.float32)),
        naive.write(tmp_path / "t", weights(2, torch.float32)),
    )
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, before[1]))
    try:
        refused(tmp_path, b, t, "nothing was written", out="new/out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10})())
    refused(tmp_path, b, t, "0.00 GB are free", out="new/out")
