"""Bad input: one clear line each, exit code 2, nothing written."""

import json
from pathlib import Path

import pytest
import yaml
from slowly import some

from rl.cli import run_command
from rl.recipe.files import load_recipe, shipped_recipes

TINY = [
    "verifier.workers=1",
    "trainer.max_steps=2",
    "trainer.per_device_train_batch_size=8",
    "trainer.num_generations=4",
    "trainer.save_steps=2",
    "data.train.options.n=32",
    "data.eval.options.n=16",
    "evaluation.budget=40",
    "budget.tokens=40",
]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refusal(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stop:
        run_command(arguments)
    assert stop.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_ctrl_c_before_a_command_has_begun_ends_it_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("rl.cli.app", pressed)
    with pytest.raises(SystemExit) as stop:
        run_command(["--help"])
    assert stop.value.code == 130


def with_folder(name: str) -> str:
    Path(name).mkdir()
    return name


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data.train.source=nowhere.jsonl"], "data file 'nowhere.jsonl' does not exist; check `data` in the recipe"),
        (["data.train={source: empty.jsonl}"], "empty.jsonl holds no problems; give a file with one problem a row"),
        (["data.train={source: half.jsonl, strict: true}"], "half.jsonl, row 2: a problem without answer: no value in column 'reward_model.ground_truth' or 'answer'"),
        (["data.train.options.splt=train"], "data factory 'data_synth.arithmetic:problems': problems() got an unexpected"),
        (["data.train.options.split=tst"], "data factory 'data_synth.arithmetic:problems': split must be one of train, validation, test, not 'tst'"),
        (["data.train.options.n=99999"], "data factory 'data_synth.arithmetic:problems': n must lie in [0, 10000], not 99999"),
        (["trainer.repetition_penalty=1.1"], "repetition_penalty 1.1 would be ignored: the engine has none; remove it"),
        (["data.train.options.n=4"], "demo: 4 problems cannot fill a round of 16 groups; give more problems"),
        (["trainer.lerning_rate=1"], "unknown key 'trainer.lerning_rate' in demo-grpo; did you mean 'trainer.learning_rate'"),
        (["trainer.max_completion_length=9"], "trainer.max_completion_length is set elsewhere in a recipe: use budget"),
        (["trainer.num_generations=7"], "demo-grpo: generation_batch_size (128) must be divisible by num_generations (7)."),
        (["trainer.num_generations=1"], "demo-grpo: GRPO requires at least 2 generations per prompt"),
        (["rewards.0=trunkation"], "unknown reward 'trunkation'; did you mean 'truncation'?"),
        (["rewards=[{name: hapo, mod: min}]"], "unknown option of reward 'hapo' 'mod'; did you mean 'mode'?"),
        (["rewards=[{name: hapo, mode: max}]"], "reward 'hapo': hapo: mode must be 'min' or 'mean', not 'max'"),
        (["rewards=[]"], "demo-grpo: a recipe needs at least one reward"),
        (["rewards=[correct, correct]"], "demo-grpo: each reward may stand once in a recipe"),
        (["budget.name=constnt"], "unknown budget 'constnt'; did you mean 'constant'?"),
        (["budget.tokens=0"], "budget 'constant': constant: tokens must be a whole number of at least 1, not 0"),
        (["advantage.name=dlr"], "unknown advantage estimator 'dlr'; did you mean 'dler'?"),
        (["model=no-model"], "model 'no-model': the folder is not a model, it has no config.json"),
        (["model=./absent"], "model './absent': no such folder"),
        (["sampling.max_rounds=0"], "max_sampling_rounds must be at least 1, not 0"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_exit_code_2(
    overrides: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("empty.jsonl").write_text("")
    Path("half.jsonl").write_text('{"problem": "1+1", "answer": "2"}\n{"problem": "1+2"}\n')
    Path("no-model").mkdir()
    before = sorted(Path().rglob("*"))
    assert refusal(["train", "demo-grpo", *overrides], capsys).startswith(f"error: {message}")
    assert sorted(Path().rglob("*")) == before


def test_an_unknown_recipe_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert refusal(["train", "demo-dlr"], capsys) == "error: unknown recipe 'demo-dlr'; did you mean 'demo-dler'?"
    assert "does not exist" in refusal(["train", "mine.yaml"], capsys)


def test_a_recipe_file_that_is_not_yaml_is_said_to_be_so(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.yaml").write_text("a: [1")
    assert "bad.yaml is not YAML" in refusal(["train", "bad.yaml"], capsys)


def test_a_folder_that_is_no_run_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("precious")
    for flags in ([], ["--overwrite"]):
        assert "is not a run folder" in refusal(["train", "demo-grpo", "--out", "mine", *flags], capsys)
    assert Path("mine/thesis.txt").read_text() == "precious"


def test_compare_wants_finished_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert "a is not a run" in refusal(["compare", with_folder("a"), "--out", "b"], capsys)
    assert not Path("b").exists()


def test_the_demo_wants_a_method_beside_its_control(capsys: pytest.CaptureFixture[str]) -> None:
    assert "unknown demo method 'demo-grpo'" in refusal(["demo", "--method", "demo-grpo"], capsys)


DEMOS = [name for name in shipped_recipes() if name.startswith("demo-")]


@pytest.mark.parametrize("name", some(DEMOS, ["demo-adapt-think", "demo-dler", "demo-hapo", "demo-kimi", "demo-siri"]))
def test_a_dry_run_of_every_demo_recipe_checks_it_and_writes_nothing(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run_command_to_its_end(["train", name, "--dry-run", "--show-recipe"])
    printed, _, shown = capsys.readouterr().out.partition("\n\n")
    resolved = yaml.safe_load(shown)
    assert resolved == load_recipe(name).to_dict()
    assert "rollouts" in printed
    assert list(Path().iterdir()) == []


def run_command_to_its_end(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        run_command(arguments)
    assert stop.value.code == 0


def test_a_run_is_trained_then_shown_then_guarded(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "demo-dler", *TINY, "--quiet", "--json", "numbers.json"]
    run_command_to_its_end(command)
    run = Path("runs/demo-dler")
    summary = json.loads((run / "report/summary.json").read_text())
    assert summary == json.loads(Path("numbers.json").read_text())
    assert summary["after"]["n"] == 16
    assert summary["steps"] == 2
    page = (run / "report/index.html").read_text()
    assert '"name":"learning"' in page
    assert "https:" not in page
    assert (run / "final/model.safetensors").is_file()
    assert not (run / "final.tmp").exists()

    written = (run / "report/summary.json").stat().st_mtime_ns
    run_command_to_its_end(command)
    assert (run / "report/summary.json").stat().st_mtime_ns == written
    assert "tokens" in capsys.readouterr().out

    other = ["train", "demo-dler", *TINY, "seed=1", "--quiet"]
    assert "holds a run of another recipe" in refusal(other, capsys)
    run_command_to_its_end([*other, "--overwrite"])
    assert yaml.safe_load((run / "recipe.yaml").read_text())["seed"] == 1

    run_command_to_its_end(["compare", str(run), "--out", "page"])
    assert {p.name for p in Path("page").iterdir()} == {"index.html", "summary.json", "plots"}


def test_an_interrupted_run_goes_on_from_its_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    from rl.folders.run import RunFolder
    from rl.run.train import train

    overrides = [*TINY, "trainer.max_steps=6"]
    whole = train("demo-hapo", overrides, Path("whole"), quiet=True)

    class Killed(Exception):
        pass

    log = RunFolder.log

    def die_at_five(self: RunFolder, line: dict[str, object]) -> None:
        log(self, line)
        if line["step"] == 5:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "log", die_at_five)
        with pytest.raises(Killed):
            train("demo-hapo", overrides, Path("broken"), quiet=True)
    resumed = train("demo-hapo", overrides, Path("broken"), quiet=True)

    def lines(run: RunFolder) -> list[dict[str, object]]:
        timeless = ("time", "step_time", "verifier/seconds")
        every = [json.loads(line) for line in run.metrics.read_text().splitlines()]
        return [{k: v for k, v in line.items() if k not in timeless} for line in every]

    assert [line["step"] for line in lines(whole)] == [1, 2, 3, 4, 5, 6]
    assert lines(resumed) == lines(whole)
    assert (resumed.final / "model.safetensors").read_bytes() == (whole.final / "model.safetensors").read_bytes()
    assert resumed.evaluation("after").read_bytes() == whole.evaluation("after").read_bytes()
