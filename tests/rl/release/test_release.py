import hashlib
import json
import re
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from commands import run as command
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from rl.errors import UserError
from rl.evaluation import Evaluation
from rl.folders import checkpoints
from rl.folders.run import RunFolder
from rl.folders.sums import SUMS
from rl.models import load_model, resolve_model
from rl.recipe.files import load_recipe
from rl.release import Wanted, release

DEMO = resolve_model("demo")


@pytest.fixture
def run(evaluated_run: Path, tmp_path: Path) -> RunFolder:
    """A copy that a test may change: it does not say any more what was written."""
    copy = RunFolder(Path(shutil.copytree(evaluated_run, tmp_path / "run")))
    (copy.path / SUMS).unlink()
    return copy


def wanted(**options: Any) -> Wanted:
    return Wanted(**{"license": "apache-2.0", **options})


def test_a_release_has_what_others_need_and_loads_with_plain_transformers(run: RunFolder, tmp_path: Path) -> None:
    out = tmp_path / "model"
    result = release(run, wanted(), out)
    assert result["step"] == 4
    assert {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} == {
        "model.safetensors", "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
        "chat_template.jinja", "README.md", "recipe.yaml", "requirements.lock", "SHA256SUMS",
        "figures/accuracy-tokens.png", "figures/training.png",
    }  # fmt: skip
    model, info = AutoModelForCausalLM.from_pretrained(out, output_loading_info=True)
    assert not info["missing_keys"]
    expected = load_model(str(run.final)).state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in model.state_dict().items())
    tokenizer = AutoTokenizer.from_pretrained(out)
    ids = tokenizer.apply_chat_template(
        [{"role": "user", "content": "3+4=?"}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    torch.manual_seed(0)
    answer = model.generate(**ids, max_new_tokens=200)[0, ids["input_ids"].shape[1] :]
    assert answer[-1] == tokenizer.eos_token_id
    for line in (out / "SHA256SUMS").read_text().splitlines():
        known, _, name = line.partition("  ")
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == known
    lock = (out / "requirements.lock").read_text()
    assert re.search(rf"^torch=={re.escape(torch.__version__.partition('+')[0])}\b", lock, re.MULTILINE)
    assert "transformers==" in lock


def test_the_released_recipe_is_the_runs(run: RunFolder, tmp_path: Path) -> None:
    release(run, wanted(), tmp_path / "model")
    assert load_recipe(str(tmp_path / "model" / "recipe.yaml")) == load_recipe(str(run.recipe))


def test_evaluating_the_released_folder_gives_the_figures_on_its_card(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    out = Path("model")
    (on_card,) = release(run, wanted(caps=[40, 80]), out)["figures"]
    card = (out / "README.md").read_text()
    (line,) = re.findall(r"^lengthwise evaluate .*$", card, re.MULTILINE)
    assert "--cap 160 --caps 40,80" in line
    found = command(*line.split()[1:])
    assert found["caps"] == on_card["caps"]
    assert found["protocol"]["data"]["fingerprint"] == on_card["protocol"]["data"]["fingerprint"]
    for cap in ("40", "80", "160"):
        accuracy, tokens = found["caps"][cap]["accuracy"], found["caps"][cap]["mean_tokens"]
        assert (
            f"| {cap} | {100 * accuracy['mean']:.1f} [{100 * accuracy['low']:.1f}, {100 * accuracy['high']:.1f}] | {tokens['mean']:.1f} ["
            in card
        )


def test_the_card_says_what_it_is_under_which_protocol_and_licence(run: RunFolder, tmp_path: Path) -> None:
    release(run, wanted(base="someone/base-model", name="tiny"), tmp_path / "model")
    card = (tmp_path / "model" / "README.md").read_text()
    _, front, body = card.split("---\n", 2)
    metadata = yaml.safe_load(front)
    assert metadata["license"] == "apache-2.0"
    assert metadata["base_model"] == "someone/base-model"
    assert metadata["model-index"][0]["name"] == "tiny"
    protocol = Evaluation.load(run.evaluation("after")).protocol
    assert protocol is not None
    assert protocol.line() in body
    assert "before: accuracy" in body
    assert "truncation" in body
    assert "lengthwise train recipe.yaml" in body
    assert not re.search(r"\bNone\b|Undefined|\{\{", body)


def test_figures_of_another_evaluation_stand_on_the_card_too(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command("evaluate", "--model", str(run.final), "--data", "demo", "--limit", "6", "--cap", "90", "--samples", "2")
    result = release(run, wanted(evaluations=[Path("out.json")]), Path("model"))
    assert [len(found["caps"]) for found in result["figures"]] == [4, 1]
    card = Path("model/README.md").read_text()
    assert "pass@2 (%)" in card
    assert "6 problems of demo" in card
    assert str(tmp_path) not in card
    shutil.rmtree(run.path / "evaluation")
    assert len(release(run, wanted(evaluations=[Path("out.json")]), Path("other"))["figures"]) == 1
    nameless = json.dumps({name: value for name, value in result["figures"][1].items() if name != "model"})
    for text in ("[]", "{}", '{"schema": 9}', '{"schema": 1}', "no json", nameless):
        Path("bad.json").write_text(text)
        with pytest.raises(UserError, match=r"bad\.json"):
            release(run, wanted(evaluations=[Path("bad.json")]), Path("third"))


def answered(run: RunFolder, step: int, correct: list[float], length: int) -> None:
    """Have a checkpoint's answers be these."""
    path = run.path / "evaluation" / f"checkpoint-{step}.parquet"
    old = Evaluation.load(run.evaluation("after"))
    rows = [
        {**old.rows[i % len(old.rows)], "problem_id": str(i), "correct": c, "length": length}
        for i, c in enumerate(correct)
    ]
    Evaluation(rows, old.protocol, "m").save(path)


def test_best_is_the_most_accurate_and_pareto_the_shortest_within_one_standard_error(run: RunFolder) -> None:
    from rl.release.choice import choose

    for step in (6, 8):
        place = Path(shutil.copytree(run.checkpoints / "checkpoint-2", run.checkpoints / f"checkpoint-{step}"))
        assert checkpoints.fault(place) is None
    # The best: 8 of 16 right, standard error sqrt(16 / 15 / 4) / 4 = 0.129.
    answered(run, 2, [1.0] * 8 + [0.0] * 8, 100)
    answered(run, 4, [1.0] * 8 + [0.0] * 8, 90)
    answered(run, 6, [1.0] * 6 + [0.0] * 10, 50)  # 0.125 below
    answered(run, 8, [1.0] * 5 + [0.0] * 11, 40)  # 0.1875 below
    assert choose(run, "best").model.step == 4
    assert choose(run, "pareto").model.step == 6
    assert choose(run, "8").model.step == choose(run, "last").model.step == 8
    evaluation = choose(run, "2").evaluation
    assert evaluation is not None
    assert evaluation.tokens.mean == 100
    other = Evaluation.load(run.path / "evaluation" / "checkpoint-2.parquet")
    assert other.protocol is not None
    import dataclasses

    Evaluation(other.rows, dataclasses.replace(other.protocol, seed=9)).save(
        run.path / "evaluation" / "checkpoint-2.parquet"
    )
    with pytest.raises(UserError, match="their protocols differ"):
        choose(run, "best")
    shutil.rmtree(run.path / "evaluation")
    with pytest.raises(UserError, match="no checkpoint is evaluated"):
        choose(run, "pareto")


def test_an_earlier_checkpoint_is_released_with_its_own_figures(run: RunFolder, tmp_path: Path) -> None:
    result = release(run, wanted(checkpoint="2"), tmp_path / "model")
    known = Evaluation.load(run.path / "evaluation" / "checkpoint-2.parquet")
    assert result["figures"][0]["caps"]["160"]["mean_tokens"]["mean"] == known.tokens.mean
    expected = load_file(run.checkpoints / "checkpoint-2" / "model.safetensors")
    assert all(torch.equal(t, expected[n]) for n, t in load_file(tmp_path / "model" / "model.safetensors").items())


def nothing_left(tmp_path: Path, match: str, make: Callable[[], object]) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match=match) as error:
        make()
    assert "\n" not in str(error.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_what_cannot_be_released_is_refused_and_nothing_is_left(run: RunFolder, tmp_path: Path) -> None:
    out = tmp_path / "new" / "model"
    nothing_left(tmp_path, "needs a licence", lambda: release(run, wanted(license=None), out))
    nothing_left(tmp_path, "small letters", lambda: release(run, wanted(license="My licence"), out))
    nothing_left(tmp_path, "not an empty folder", lambda: release(run, wanted(), run.path))
    nothing_left(tmp_path, "no checkpoint '3'", lambda: release(run, wanted(checkpoint="3"), out))
    nothing_left(tmp_path, "one checkpoint is released", lambda: release(run, wanted(checkpoint="all"), out))
    nothing_left(tmp_path, "leave out --adapter", lambda: release(run, wanted(adapter=True), out))
    nothing_left(tmp_path, "is not a run", lambda: release(RunFolder(tmp_path), wanted(), out))
    nothing_left(tmp_path, "cannot score at 999 tokens", lambda: release(run, wanted(caps=[999]), out))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        nothing_left(tmp_path, "nothing was written", lambda: release(run, wanted(), out))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    shutil.rmtree(run.path / "evaluation")
    nothing_left(tmp_path, "needs figures", lambda: release(run, wanted(), out))


def test_a_checkpoint_that_does_not_load_or_answer_is_refused(run: RunFolder, tmp_path: Path) -> None:
    place, out = run.final / "model.safetensors", tmp_path / "model"
    weights = load_file(place)
    gone = "model.layers.0.mlp.up_proj.weight"
    save_file({n: w for n, w in weights.items() if n != gone}, place)
    nothing_left(tmp_path, f"do not fit the config: .*{gone}", lambda: release(run, wanted(), out))
    save_file({**weights, gone: torch.full_like(weights[gone], float("nan"))}, place)
    nothing_left(tmp_path, "not finite", lambda: release(run, wanted(), out))
    place.write_bytes(place.read_bytes()[:-8])
    nothing_left(tmp_path, "is damaged", lambda: release(run, wanted(), out))
    save_file(weights, place)
    (run.final / "config.json").write_text('{"model_type": "no-such-model"}')
    nothing_left(tmp_path, "cannot", lambda: release(run, wanted(), out))


def test_neither_secrets_nor_places_of_this_machine_are_released(run: RunFolder, tmp_path: Path) -> None:
    secret = "hf_" + "a" * 34
    values = yaml.safe_load(run.recipe.read_text())
    values["model"] = str(Path(shutil.copytree(DEMO, tmp_path / "private" / "my model")))
    values["trainer"] |= {"hub_token": secret, "hub_model_id": "someone/model"}
    run.recipe.write_text(yaml.safe_dump(values))
    config = json.loads((run.final / "config.json").read_text())
    (run.final / "config.json").write_text(json.dumps({**config, "_name_or_path": f"{tmp_path}/private/my_model"}))
    release(run, wanted(), tmp_path / "model")
    for path in (tmp_path / "model").rglob("*"):
        if path.is_file() and path.suffix not in (".safetensors", ".png"):
            assert str(tmp_path) not in path.read_text(), path
            assert secret not in path.read_text(), path
    released = load_recipe(str(tmp_path / "model" / "recipe.yaml"))
    assert released.model == "my model"
    assert "hub_token" not in released.trainer
    assert json.loads((tmp_path / "model" / "config.json").read_text())["_name_or_path"] == "my_model"


@pytest.fixture
def adapted(run: RunFolder) -> RunFolder:
    """The same run as if it had trained an adapter."""
    torch.manual_seed(0)
    model = get_peft_model(load_model(DEMO), LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False))
    shutil.rmtree(run.final)
    model.save_pretrained(run.final)
    AutoTokenizer.from_pretrained(DEMO).save_pretrained(run.final)
    return run


def test_an_adapter_is_folded_or_stays_one(adapted: RunFolder, tmp_path: Path) -> None:
    release(adapted, wanted(), tmp_path / "folded")
    from peft import PeftModel

    expected = PeftModel.from_pretrained(load_model(DEMO), adapted.final).merge_and_unload().state_dict()
    found = load_model(str(tmp_path / "folded")).state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in found.items())
    out = tmp_path / "adapter"
    nothing_left(tmp_path, "give --base with a hub name", lambda: release(adapted, wanted(adapter=True), out))
    release(adapted, wanted(adapter=True, base="someone/base"), out)
    assert json.loads((out / "adapter_config.json").read_text())["base_model_name_or_path"] == "someone/base"
    assert not (out / "model.safetensors").exists()
    again = PeftModel.from_pretrained(load_model(DEMO), out).merge_and_unload().state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in again.items())
    assert "library_name: peft" in (out / "README.md").read_text()
    assert str(DEMO) not in (out / "README.md").read_text()
    assert "lengthwise merge --method lora --base someone/base --trained ./adapter" in (out / "README.md").read_text()


def test_a_model_in_several_files_is_released_in_them(run: RunFolder, tmp_path: Path) -> None:
    model = load_model(str(run.final))
    (run.final / "model.safetensors").unlink()
    model.save_pretrained(run.final, max_shard_size="200KB")
    release(run, wanted(), tmp_path / "model")
    assert (tmp_path / "model" / "model.safetensors.index.json").is_file()
    found = load_model(str(tmp_path / "model")).state_dict()
    assert all(torch.equal(tensor, found[name]) for name, tensor in model.state_dict().items())
    next((run.final).glob("model-00001-*")).unlink()
    nothing_left(tmp_path, "model-00001-.* is missing", lambda: release(run, wanted(), tmp_path / "other"))


def test_the_generation_config_samples_as_the_figures_did_and_ends_where_they_ended(
    run: RunFolder, tmp_path: Path
) -> None:
    (run.final / "generation_config.json").unlink()
    release(run, wanted(), tmp_path / "model")
    config = GenerationConfig.from_pretrained(tmp_path / "model")
    assert (config.do_sample, config.temperature, config.top_p, config.eos_token_id) == (True, 1.0, 1.0, 2)
    assert config.max_new_tokens == 160


def test_a_released_folder_loads_with_vllm(run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    vllm = pytest.importorskip("vllm")
    release(run, wanted(), tmp_path / "model")
    model = vllm.LLM(str(tmp_path / "model"), dtype="float32", max_model_len=256, enforce_eager=True)
    prompt = [{"role": "user", "content": "3+4=?"}]
    (found,) = model.chat(prompt, vllm.SamplingParams(temperature=0, max_tokens=12), use_tqdm=False)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    ids = tokenizer.apply_chat_template(prompt, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    plain = load_model(str(tmp_path / "model")).generate(**ids, max_new_tokens=12, do_sample=False)
    assert list(found.outputs[0].token_ids) == plain[0, ids["input_ids"].shape[1] :].tolist()


def test_a_prompt_does_not_end_the_cards_block_of_code(run: RunFolder, tmp_path: Path) -> None:
    figures = release(run, wanted(), tmp_path / "first")["figures"][0]
    prompt = "{problem}\n```\n<script>alert(1)</script> [here](javascript:x)\n```sh\nrm -rf ~\n```"
    figures["protocol"] |= {"prompt": prompt, "name": "`a` <b> [c](http://d)"}
    (tmp_path / "figures.json").write_text(json.dumps(figures))
    release(run, wanted(evaluations=[tmp_path / "figures.json"]), tmp_path / "second")
    card = (tmp_path / "second" / "README.md").read_text()
    block = card[card.index("## Reproduce") : card.index("`requirements.lock` has")]
    (shell,) = re.findall(r"^````sh\n(.*?)^````$", block, re.M | re.S)
    assert "rm -rf ~" in shell
    outside = card.replace(shell, "")
    assert "<script>" not in outside
    assert r"\`a\` \<b> [c\](http://d)" in outside


def test_nothing_is_released_or_uploaded_with_a_secret_in_it(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_STORE_SECRET", "words of my own")
    config = json.loads((run.final / "config.json").read_text())
    (run.final / "config.json").write_text(json.dumps({**config, "note": "words of my own"}))
    with pytest.raises(UserError, match=r"config.json holds what looks like a secret in line \d+; nothing goes out"):
        release(run, wanted(), tmp_path / "model")
    assert not (tmp_path / "model").exists()
