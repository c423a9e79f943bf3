from pathlib import Path

import naive_merges as naive
import pytest
import torch
from commands import refused, run
from transformers import AutoModelForCausalLM, AutoTokenizer

from rl.cli import run_command
from rl.models import load_model, resolve_model

DEMO = resolve_model("demo")


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The demo model, moved a little, as a run leaves it."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    model = load_model(DEMO)
    for parameter in model.parameters():
        parameter.data += 0.01 * torch.randn_like(parameter)
    model.save_pretrained("trained")
    AutoTokenizer.from_pretrained(DEMO).save_pretrained("trained")
    return "trained"


def test_a_merged_model_loads_and_most_of_its_weights_are_the_bases(trained: str) -> None:
    record = run("merge", "--base", "demo", "--trained", trained, "--out", "merged", "--dtype", "float32")
    assert record["kept"] == round(0.25 * record["of"])
    assert (record["method"], record["base"], record["keep"], record["scale"]) == ("selective", "demo", 0.25, 0.7)
    merged, base = (AutoModelForCausalLM.from_pretrained(m, dtype="float32").state_dict() for m in ("merged", DEMO))
    moved = sum(int((merged[name] != base[name]).sum()) for name in base if name != "lm_head.weight")
    assert moved == pytest.approx(record["kept"], rel=0.01)
    assert len(AutoTokenizer.from_pretrained("merged")) == len(AutoTokenizer.from_pretrained(DEMO))


def test_options_reach_the_method_and_its_record(trained: str) -> None:
    record = run("merge", "--base", trained, "--trained", trained, "--out", "a", "--keep", "0.5", "--scope", "tensor")
    assert (record["keep"], record["scope"]) == (0.5, "tensor")
    record = run(
        "merge", "--method", "linear", "--base", trained, "--trained", trained, "--out", "b", "--weight", "0.3"
    )
    assert record["weight"] == 0.3
    both = ("--trained", trained, "--trained", trained)
    assert run("merge", "--method", "ties", "--base", trained, *both, "--out", "c")["trained"] == ["trained"] * 2


def test_mistakes_are_one_line_and_write_nothing(trained: str, capsys: pytest.CaptureFixture[str]) -> None:
    def line(*more: str) -> str:
        return refused(capsys, "merge", "--base", trained, "--out", "out", *more)

    one = ("--trained", trained)
    assert "--keep is not for --method linear, but for selective and ties" in line(
        *one, "--method", "linear", "--keep", "0.1"
    )
    assert "--weight is not for --method selective, but for linear" in line(*one, "--weight", "0.1")
    assert "above 0 and at most 1" in line(*one, "--keep", "1.5")
    assert "give --trained once" in line(*one, *one)
    assert "two trained models" in line(*one, "--method", "ties")
    assert "not an adapter" in line(*one, "--method", "lora")
    assert "no such folder" in line("--trained", "./nowhere")
    naive.write(Path("other"), {"w": torch.zeros(2)})
    assert "not the same model" in line("--trained", "other")
    Path("full").mkdir()
    Path("full/file").touch()
    assert "choose another --out" in refused(capsys, "merge", "--base", trained, *one, "--out", "full")


def test_a_place_for_the_numbers_that_is_not_there_is_seen_before_the_work(trained: str) -> None:
    with pytest.raises(SystemExit) as stop:
        run_command(["merge", "--base", trained, "--trained", trained, "--out", "out", "--json", "nowhere/out.json"])
    assert stop.value.code == 2
    assert not Path("out").exists()
