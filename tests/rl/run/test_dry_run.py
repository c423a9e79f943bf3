"""What a dry run says before anything is spent."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from slowly import some

from rl.cli import run_command
from rl.errors import UserError
from rl.estimates import read_rates
from rl.folders.run import RunFolder
from rl.launch.configuration import Launch, read_launch
from rl.recipe.files import load_recipe, load_yaml, shipped_recipes
from rl.recipe.marked import marked_yaml
from rl.rollouts import TransformersEngine
from rl.run.dry_run import dry_run
from rl.run.engines import build_engine
from rl.run.prepare import prepare
from rl.run.room import fitted
from rl.run.train import build_trainer, train

FEW = ("data.eval=null", "data.train.options.n=256", "trainer.per_device_train_batch_size=32", "trainer.save_steps=100")


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", shipped_recipes())
def test_a_marked_recipe_reads_back_as_itself(name: str) -> None:
    recipe = load_recipe(name)
    assert load_yaml(marked_yaml(recipe)) == recipe.to_dict()


def test_what_differs_from_its_default_says_so_and_nothing_else_does() -> None:
    text = marked_yaml(load_recipe("demo-dler", ["trainer.num_generations=8", "data.prompt.system=Be brief."]))
    marked = dict(re.findall(r"^ *([\w]+): .*# default: (.*)$", text, re.MULTILINE))
    assert marked["dynamic"] == "false"
    assert marked["learning_rate"] == "1.0e-06"
    assert marked["system"] == "null"
    assert not {"num_generations", "filter_on", "engine", "seed", "model", "tokens"} & set(marked)


PLUG_INS = """
class Once:
    name = "once"
    called = 0
    def __call__(self, group, history):
        self.called += 1
        assert {r.stop for r in group.rollouts} == {"eos", "length"}, "cut ones, too"
        return [r.raw_reward - r.length / r.budget for r in group.rollouts]
    def observe(self, group, history):
        history.put("once", group.problem.id, {"seen": 1.0})
class Typo(Once):
    def __call__(self, group, history):
        return [r.lengths for r in group.rollouts]
class Shrug(Once):
    def __call__(self, group, history):
        pass
class Forgets(Once):
    def observe(self, group, history):
        return history.recall(group)
class Cutter:
    name = "cutter"
    def plan(self, group, history, size, seed):
        return [None] * size
class Generous:
    name, maximum = "generous", 64
    def at(self, step):
        return 65
def judge(gold, answer):
    return gold.value
"""


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("rewards.0.name=mine.py:Typo", r"'once' raised AttributeError: .*'lengths' \(mine.py:13\) \(tried on a group of made-up"),
        ("rewards.0.name=mine.py:Shrug", "'once' gave None for 8 rollouts; it is to give a list of 8 numbers"),
        ("rewards.0.name=mine.py:Forgets", r"'once' raised AttributeError: .*'recall' \(mine.py:19\)"),
        ("edits=[{name: 'mine.py:Cutter'}]", "edit 'cutter' gave None"),
        ("budget={name: 'mine.py:Generous'}", "'generous' gave 65 at step 0; .* from 1 to its maximum, 64"),
        ("verifier.name=mine.py:judge", "verifier 'mine.py:judge' fails on 6 of 8 answers"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:.*raised AttributeError.*value")
def test_what_others_wrote_is_called_once_before_anything_is_spent(tmp_path: Path, setting: str, words: str) -> None:
    (tmp_path / "mine.py").write_text(PLUG_INS)
    with pytest.raises(UserError, match=words):
        prepare(load_recipe("demo-grpo", [*FEW, setting]), tmp_path / "run")
    assert {path.name for path in tmp_path.iterdir()} <= {"mine.py", "__pycache__"}


def test_what_was_tried_is_not_what_trains(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PLUG_INS)
    (reward,) = prepare(load_recipe("demo-grpo", [*FEW, "rewards.0.name=mine.py:Once"]), tmp_path / "run").rewards
    assert reward.called == 0  # type: ignore[attr-defined]


def test_a_recipe_whose_model_and_data_are_not_in_reach_is_estimated_all_the_same() -> None:
    found = dry_run(
        "dler", launch=read_launch("64"), rates=read_rates("{gpu_memory: 80, tokens_per_second: 2000, tflops: 200}")
    )
    (line,) = [line for line in found.text.splitlines() if line.startswith("not here")]
    assert "DeepSeek-R1-Distill-Qwen-7B" in line
    own = found.estimates["dler"]
    assert own.prompts.assumed
    assert (len(own.rounds.caps), own.rounds.rollouts) == (450, 8192)
    assert own.sampled_tokens == (450 * 8192 * 4000, 10 * 450 * 8192 * 4000)
    assert own.fits is False
    assert own.remedies[-1].peak <= 80e9
    assert found.text.startswith("NO FIT")


def test_data_that_are_here_are_checked_though_the_model_is_not() -> None:
    Path("mine.jsonl").write_text('{"problem": "1+1=?", "answer": "2"}\n{"problem": "?", "answer": "3"}\n')
    found = dry_run("dler", ["data.train.source=mine.jsonl"])
    assert "train      2 problems from mine.jsonl" in found.text


FUNCTIONS = """
def shaped(completions, level, **kwargs): return [0.0] * len(completions)
def compute_score(data_source, solution_str, ground_truth, extra_info=None): return 1.0
def odd(text, level): return 0.0
"""


@pytest.mark.parametrize("model", ["demo", "nobody/nothing"])
def test_a_function_of_another_trainer_is_said_to_be_one(model: str) -> None:
    Path("f.py").write_text(FUNCTIONS)
    Path("mine.jsonl").write_text("".join(f'{{"problem": "{n}=?", "answer": "{n}", "level": 1}}\n' for n in range(64)))
    rewards = "rewards=[{name: 'f.py:shaped'}, {name: 'f.py:compute_score'}]"
    found = dry_run(
        "demo-grpo", [rewards, "verifier={name: 'f.py:compute_score'}", f"model={model}", *MINE]
    ).text.splitlines()
    assert "reward     shaped: a TRL reward function" in found
    assert "reward     compute_score: verl's compute_score" in found
    assert "verifier   f.py:compute_score: verl's compute_score" in found


MINE = ("data.train={source: mine.jsonl}", "data.eval=null")


@pytest.mark.parametrize("model", ["demo", "nobody/nothing"])
@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("rewards=[{name: 'f.py:odd'}]", "reward 'f.py:odd': nobody gives text, level to a reward function"),
        ("rewards=[{name: 'f.py:shaped'}]", "reward 'shaped' asks for 'level', not a column of mine.jsonl ('problem', 'answer')"),
        ("verifier={name: 'f.py:shaped'}", "verifier 'f.py:shaped': (completions, level, kwargs) is a TRL reward function"),
    ],
)  # fmt: skip
def test_a_function_that_nobody_can_call_is_refused_before_a_model_is_loaded(
    override: str, words: str, model: str
) -> None:
    Path("f.py").write_text(FUNCTIONS)
    Path("mine.jsonl").write_text("".join(f'{{"problem": "{n}=?", "answer": "{n}"}}\n' for n in range(64)))
    with pytest.raises(UserError, match=re.escape(words)):
        dry_run("demo-grpo", [override, f"model={model}", *MINE])


def test_groups_cannot_be_chosen_by_a_reward_that_looks_at_the_batch_that_they_make() -> None:
    chosen = ["sampling={dynamic: true, filter_on: shaped}", "rewards=[{name: auto-think}]", "model=nobody/nothing"]
    with pytest.raises(
        UserError, match=r"reward 'auto-think' looks at the whole batch, .*; set sampling.filter_on: raw"
    ):
        dry_run("demo-grpo", chosen)


def test_a_model_that_nobody_knows_is_checked_and_not_estimated() -> None:
    found = dry_run("demo-grpo", ["model=nobody/nothing"])
    assert "estimate   none: the shape of 'nobody/nothing' is not known here" in found.text
    assert found.estimates == {}


def test_each_stage_has_an_estimate_of_its_own() -> None:
    found = dry_run("loongrl")
    assert list(found.estimates) == ["loongrl-warm-up", "loongrl-keychain", "loongrl-hard"]


def test_the_command_prints_it_and_gives_its_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    shared = ["trainer.sequence_ranks=2", "trainer.tokens_per_micro_batch=100"]
    asked = ["--dry-run", "--launch", "2", "--rates", "{price_per_hour: 1}", "--json", "n.json"]
    with pytest.raises(SystemExit) as stop:
        run_command(["train", "demo-grpo", *shared, *asked])
    assert stop.value.code == 0
    numbers: dict[str, Any] = json.loads(Path("n.json").read_text())["demo-grpo"]
    assert numbers["ranks"] == 2
    assert numbers["rollouts_a_round"] == 256
    assert numbers["hours"] is None
    assert numbers["traffic_bytes"]["between"] > 0 == numbers["traffic_bytes"]["host"]
    said = capsys.readouterr().out
    assert "launch     2 ranks, DDP" in said
    assert "B between the ranks that share micro-batches; not in the time: give --rates with card" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["demo-grpo", "--launch", "2"], "add --dry-run"),
        (["demo-grpo", "--show-recipe"], "add --dry-run"),
        (["demo-grpo", "--dry-run", "--launch", "nowhere.yaml"], "neither a file nor a number of ranks"),
        (["dler", "--dry-run", "--calibrate"], "give --rates instead"),
        (["dler", "--dry-run", "--launch", "7"], "change batch or the number of ranks"),
    ],
)
def test_what_cannot_be_estimated_is_refused(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        run_command(["train", *arguments])
    assert stop.value.code == 2
    assert said in capsys.readouterr().err


def sampled(run: RunFolder) -> int:
    """Tokens of all rollouts that a run has sampled."""
    import pyarrow.parquet as pq

    rows = [
        row
        for file in sorted(run.path.glob("rollouts/*.parquet"))
        for row in pq.read_table(file, columns=["length"]).to_pylist()
    ]
    return sum(row["length"] for row in rows)


@pytest.mark.parametrize("recipe", some(["demo-grpo", "demo-dler"], []))
def test_a_first_rounds_lengths_give_the_tokens_of_a_run(recipe: str) -> None:
    overrides = [*FEW, "trainer.max_steps=12"]
    run = train(recipe, overrides, Path("run"), quiet=True)
    first = next(line for line in run.logged() if "length/mean" in line)
    bound = dry_run(recipe, overrides).estimates[recipe]
    share = first["length/mean"] / bound.rounds.caps[0]
    rates = read_rates(f"{{length_share: {share}, kept: {first['sampling/kept']}}}")
    (least, most) = dry_run(recipe, overrides, rates=rates).estimates[recipe].sampled_tokens
    assert least == most == pytest.approx(sampled(run), rel=0.2)
    assert sampled(run) <= bound.sampled_tokens[1]


def test_calibration_measures_rates_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rl.run.calibration.SECONDS", 0.0)
    found = dry_run(
        "demo-grpo", [*FEW, "trainer.max_steps=40"], calibrated=True, rates=read_rates("{price_per_hour: 2}")
    )
    own = found.estimates["demo-grpo"]
    assert "calibrated 1 round here" in found.text
    assert own.rates.price_per_hour == 2
    assert own.rates.tokens_per_second
    assert own.rates.tflops
    assert own.rates.length_share
    assert 0.2 < own.rates.length_share < 0.6
    assert own.cost
    assert os.listdir() == []


def test_smollm2_is_estimated_by_its_own_configuration() -> None:
    place = os.environ.get("LENGTHWISE_SMOLLM2")
    if not place:
        pytest.skip("LENGTHWISE_SMOLLM2 names no folder with SmolLM2-135M")
    found = dry_run("demo-grpo", [f"model={place}", "data.eval=null"])
    assert found.estimates["demo-grpo"].setup.shape.parameters == 134_515_008


def test_an_adapters_parameters_are_those_that_train(tmp_path: Path) -> None:
    recipe = load_recipe("demo-dler-lora", [*FEW])
    trainer = build_trainer(prepare(recipe, tmp_path), RunFolder(tmp_path / "run"))
    trained = sum(p.numel() for p in trainer.model.parameters() if p.requires_grad)
    assert dry_run("demo-dler-lora", [*FEW]).estimates["demo-dler-lora"].setup.trained == trained


@pytest.mark.parametrize(
    ("recipe", "overrides", "said"),
    [
        ("demo-dler-lora", ("lora.quantize=nf4",), "launch it by DDP or DeepSpeed"),
        ("demo-dler", ("trainer.sequence_chunk=8",), "sequence_chunk needs whole weights"),
    ],
)
def test_what_fsdp_does_not_go_with_is_refused_before_and_at_a_launch(
    recipe: str, overrides: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=said):
        dry_run(recipe, [*FEW, *overrides], launch=Launch(8, "fsdp"))
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    monkeypatch.setenv("FSDP_VERSION", "2")
    with pytest.raises(UserError, match=said):
        dry_run(recipe, [*FEW, *overrides])


def test_what_cannot_fit_is_refused_with_what_to_change_unless_it_is_to_be_tried_anyway(tmp_path: Path) -> None:
    prepared = prepare(load_recipe("demo-grpo", FEW), tmp_path)
    with pytest.raises(UserError, match=r"a rank needs .* GB while .*, and its device has 0\.0; change.*--anyway"):
        fitted(prepared, Launch(), 0.01)
    assert fitted(prepared, Launch(), 0.01, anyway=True).sizes.rows
    assert fitted(prepared, Launch(), 80.0).sizes.rows == 64  # all of a round


def test_an_engine_is_made_in_the_sizes_of_the_estimate_where_the_recipe_has_none(tmp_path: Path) -> None:
    prepared = fitted(prepare(load_recipe("demo-grpo", FEW), tmp_path), Launch(), 0.2, anyway=True)
    made = build_engine(prepared, prepared.model)
    assert isinstance(made, TransformersEngine)
    assert made.batch_size == prepared.sizes.rows
    told = build_engine(fitted(prepare(load_recipe("demo-grpo", [*FEW, "rollouts.batch_size=3"]), tmp_path), Launch(), 80.0), "demo")  # fmt: skip
    assert isinstance(told, TransformersEngine)
    assert told.batch_size == 3


def test_a_dry_run_says_which_engine_it_is_and_why() -> None:
    assert "engine     transformers: there is no CUDA device" in dry_run("demo-grpo").text
    planned = dry_run("demo-grpo", launch=Launch(1), rates=read_rates("{card: RTX 4090}"))
    assert "engine     vllm: the choice on CUDA, where vLLM is installed" in planned.text
    assert "sizes      vllm.gpu_memory_utilization" in planned.text
    assert "reckoned from the data sheet of RTX 4090, not measured" in planned.text
