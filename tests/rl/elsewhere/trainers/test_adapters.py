"""Our adapters within other trainers: the same rewards and advantages as ours, by the lines of each trainer's page."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from markdown_it import MarkdownIt
from other_trainers import Engine, Trace, objects, put_in_place, real
from places import ROOT
from processes import PATIENCE
from transformers import PreTrainedTokenizerBase

from rewards import Group, History, Problem, Rollout, Verdict
from rewards.length.hapo import Hapo
from rewards.signatures import Sample
from rl.credit.calling.estimator import Estimator
from rl.models import load_tokenizer, resolve_model
from rl.plugins import function_values, load_reward

PROMPT = [{"role": "user", "content": "1+1=?"}]
WRITTEN = [("2", True), ("2+0", True), ("3", True), ("2", False)]
"""What a group says: right and short, right and longer, wrong, and right but cut."""
LATER = [("2+0+0", True), ("2", True), ("2+0", False), ("4", True)]
Visit = list[list[int]]
Drive = Callable[[Visit, int], Sequence[float]]
"""A visit's completions (token ids) and the optimiser step to what the trainer is given."""


def ids_of(said: Sequence[tuple[str, bool]], tokenizer: PreTrainedTokenizerBase) -> Visit:
    end = [tokenizer.eos_token_id]
    return [tokenizer(f"<think>1</think>\\boxed{{{a}}}")["input_ids"] + end * ended for a, ended in said]


def hapo(visits: Sequence[tuple[Visit, Sequence[tuple[str, bool]]]]) -> list[list[float]]:
    """What HAPO gives for one visit after the other, from lengths and what is right alone."""
    history, found = History(), []
    for ids, said in visits:
        rollouts = []
        for own, (answer, ended) in zip(ids, said, strict=True):
            verdict = Verdict.CORRECT if sum(map(int, answer.split("+"))) == 2 else Verdict.WRONG
            raw = verdict.worth if ended else 0.0
            rollouts.append(Rollout("p", len(own), "eos" if ended else "length", 60, verdict, raw))
        group = Group(Problem("p", "", "2"), tuple(rollouts))
        found.append([value for value in Hapo()(group, history) if value is not None])
        Hapo().observe(group, history)
    return found


def blocks(page: str) -> dict[str, list[str]]:
    tokens = MarkdownIt().parse((ROOT / "docs/trainers" / page).read_text())
    found: dict[str, list[str]] = {}
    for token in tokens:
        if token.type == "fence":
            found.setdefault(token.info.strip(), []).append(token.content)
    return found


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    """As of the folder above, whose other fixtures, and TRL, are left out where a package runs itself."""
    return load_tokenizer(resolve_model("demo"))


@pytest.fixture
def method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """The method of the first page, its history in this test's folder; with further lines."""

    def write(*lines: str) -> Path:
        (text,) = blocks("index.md")["yaml"]
        text = text.replace("/shared/hapo.jsonl", str(tmp_path / "hapo.jsonl"))
        path = tmp_path / "method.yaml"
        path.write_text("\n".join([text, *lines]))
        monkeypatch.setenv("LENGTHWISE_METHOD", str(path))
        return path

    return write


def page_names(page: str, trainer: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the Python of a page defines; every name of ours in its shell lines is there."""
    put_in_place(trainer, monkeypatch)
    parts = blocks(page)
    for name in re.findall(r"rl\.elsewhere\.trainers\.\w+", "\n".join(parts.get("sh", []))):
        import_module(name)
    names: dict[str, Any] = {"__name__": "page"}
    for text in parts.get("python", []):
        exec(compile(text, page, "exec"), names)
    return names


def check(drive: Drive, tokenizer: PreTrainedTokenizerBase) -> None:
    """Two visits of one problem give what HAPO gives, the second by what the first taught."""
    first, second = ids_of(WRITTEN, tokenizer), ids_of(LATER, tokenizer)
    expected = hapo([(first, WRITTEN), (second, LATER)])
    assert expected[0] == [1.0, 1.0, 0.0, 0.0]
    assert len(set(expected[1])) > 2
    assert list(drive(first, 1)) == pytest.approx(expected[0])
    assert list(drive(second, 2)) == pytest.approx(expected[1])


def advantages_of(rewards: Sequence[float], name: str = "centred") -> list[float]:
    own = torch.tensor(rewards, dtype=torch.float64)
    return Estimator(name)(own.view(-1, 1), own, len(rewards), torch.ones_like(own)).tolist()


def check_advantages(drive: Drive, tokenizer: PreTrainedTokenizerBase) -> None:
    first, second = ids_of(WRITTEN, tokenizer), ids_of(LATER, tokenizer)
    expected = hapo([(first, WRITTEN), (second, LATER)])
    assert list(drive(first, 1)) == pytest.approx(advantages_of(expected[0]), abs=1e-6)
    assert list(drive(second, 2)) == pytest.approx(advantages_of(expected[1]), abs=1e-6)


# verl ----------------------------------------------------------------------------------------------


def verl_row(made: list[int], uid: str, step: int, tokenizer: PreTrainedTokenizerBase, split: str = "train") -> Any:
    from verl import DataProto  # type: ignore[import-not-found]

    prompt = tokenizer.apply_chat_template(PROMPT, add_generation_prompt=True, return_dict=False)
    padded = [0, *prompt]  # from the left
    return DataProto.from_dict(
        tensors={
            "prompts": torch.tensor([padded]),
            "responses": torch.tensor([made]),
            "attention_mask": torch.tensor([[0] + [1] * (len(prompt) + len(made))]),
        },
        non_tensors={
            "uid": objects(uid),
            "raw_prompt": objects(PROMPT),
            "data_source": objects("sums"),
            "reward_model": objects({"ground_truth": "2"}),
            "extra_info": objects({"split": split}),
            "global_steps": np.array([step]),
        },
    )


VERL = SimpleNamespace(
    reward=SimpleNamespace(num_workers=1),
    actor_rollout_ref=SimpleNamespace(rollout=SimpleNamespace(n=4, val_kwargs=SimpleNamespace(n=2))),
)


def test_verl_gets_our_rewards_and_our_advantages(
    tokenizer: PreTrainedTokenizerBase, method: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    method("advantage: centred")
    page_names("verl.md", "verl", monkeypatch)
    manager = import_module("rl.elsewhere.trainers.verl").RewardManager(VERL, tokenizer)
    from verl.trainer.ppo.core_algos import get_adv_estimator_fn  # type: ignore[import-not-found]

    def drive(made: Visit, step: int, split: str = "train") -> list[float]:
        async def all_of() -> list[Any]:
            rows = [verl_row(ids, f"{split}{step}", step, tokenizer, split) for ids in made]
            return await asyncio.gather(*(manager.run_single(row) for row in rows))

        said = asyncio.run(all_of())
        assert {tuple(each["reward_extra_info"]) for each in said} == {("acc", "length", "judged", "missing")}
        assert [each["reward_extra_info"]["length"] for each in said] == [float(len(ids)) for ids in made]
        return [each["reward_score"] for each in said]

    check(drive, tokenizer)
    held_out = drive(ids_of([("2", True), ("2+0", True)], tokenizer), 3, "test")
    assert held_out[0] == 1.0  # as long as the best so far
    assert (Path(manager.method.history).read_text()).count("\n") == 2  # of training alone

    rewards = torch.zeros(6, 5)
    rewards[torch.arange(6), 4] = torch.tensor([1.0, 3.0, 0.0, 5.0, 2.0, 2.0])
    mask = torch.ones(6, 5)
    mask[0, 3:] = 0
    index = objects("a", "b", "a", "b", "a", "c")
    found, returns = get_adv_estimator_fn("lengthwise")(
        token_level_rewards=rewards, response_mask=mask, index=index, config=None
    )
    # a: 1, 0, 2, mean 1; b: 3, 5, mean 4; c: alone.
    assert found[:, 0].tolist() == [0.0, -1.0, -1.0, 1.0, 1.0, 0.0]
    assert torch.equal(found, returns)
    assert found[0].tolist() == [0.0] * 5
    assert found[2].tolist() == [-1.0] * 5
    by_number, _ = get_adv_estimator_fn("lengthwise")(
        token_level_rewards=rewards, response_mask=mask, index=torch.tensor([0, 1, 0, 1, 0, 2]), config=None
    )
    assert torch.equal(by_number, found)


def test_verl_with_several_reward_workers_is_refused(
    tokenizer: PreTrainedTokenizerBase, method: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rl.errors import UserError

    method()
    put_in_place("verl", monkeypatch)
    module = import_module("rl.elsewhere.trainers.verl")
    eight = SimpleNamespace(reward=SimpleNamespace(num_workers=8), actor_rollout_ref=VERL.actor_rollout_ref)
    with pytest.raises(UserError, match=r"set reward\.num_workers=1"):
        module.RewardManager(eight, tokenizer)


@pytest.mark.slow
@pytest.mark.skipif(real() != "verl", reason="needs verl itself, which test_conformance.py installs")
def test_verls_own_functions_are_rewards_of_ours() -> None:
    texts = ["So #### 2", "So #### 3"]
    problem = Problem("p", PROMPT, "2", {"data_source": "openai/gsm8k"})
    for name in ("verl.utils.reward_score.gsm8k:compute_score", "verl.utils.reward_score:default_compute_score"):
        reward = load_reward(name, {})
        said = function_values([reward], [Sample.of(problem, text, [1], "", True) for text in texts], {})
        assert [each[reward.name] for each in said] == [1.0, 0.0]


# OpenRLHF ------------------------------------------------------------------------------------------


def test_openrlhf_gets_our_rewards_and_counts_siblings_itself(
    tokenizer: PreTrainedTokenizerBase, method: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    method("group_size: 4")
    executor = page_names("openrlhf.md", "openrlhf", monkeypatch)["AgentExecutor"]()
    prompt = tokenizer.apply_chat_template(PROMPT, add_generation_prompt=True, tokenize=False)

    async def requested(made: Visit) -> list[Any]:
        """As its engine's actor does it: all rollouts of a prompt at once."""
        engine, asked = Engine(made, tokenizer.eos_token_id), SimpleNamespace(max_tokens=60, logprobs=None)
        return await asyncio.gather(
            *(
                executor.execute(
                    prompt=prompt, label="2", sampling_params=asked, max_length=200, hf_tokenizer=tokenizer,
                    llm_engine=engine, images=None,
                )
                for _ in made
            )
        )  # fmt: skip

    def drive(made: Visit, step: int) -> list[float]:
        said = asyncio.run(requested(made))
        assert [each["observation_tokens"][each["action_ranges"][0][0] :] for each in said] == made
        assert {value for each in said for value in [each["scores"]]} <= {0.0, 1.0}
        return [each["reward"] for each in said]

    check(drive, tokenizer)
    assert drive(ids_of([("2", True)], tokenizer), 0) == [1.0]  # an evaluation of another size
    assert Path(executor.method.history).read_text().count("\n") == 2


# ms-swift ------------------------------------------------------------------------------------------


def test_ms_swift_gets_our_rewards_of_groups_that_are_not_neighbours(
    tokenizer: PreTrainedTokenizerBase, method: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    method(f"tokenizer: {resolve_model('demo')}")
    page_names("ms-swift.md", "ms-swift", monkeypatch)
    from swift.rewards import orms  # type: ignore[import-not-found]

    function = orms["lengthwise"](args=None)
    other = ids_of([("3", True), ("2", True)], tokenizer)

    def drive(made: Visit, step: int) -> list[float]:
        every = [made[0], other[0], *made[1:], other[1]]
        texts = tokenizer.batch_decode(every, skip_special_tokens=True)
        names = ["p", "q", "p", "p", "p", "q"]
        rows: dict[str, Any] = {
            "prompt_id": names,
            "request_id": [str(n) for n in range(6)],
            "messages": [[*PROMPT, {"role": "assistant", "content": text}] for text in texts],
            "response_token_ids": [[ids[:2], ids[2:]] if step == 1 else ids for ids in every],  # by turns, or of one
            "is_truncated": [ids[-1] != tokenizer.eos_token_id for ids in every],
            "solution": ["2" if name == "p" else "#### 2" for name in names],
        }
        found = function(texts, trainer_state=SimpleNamespace(global_step=step), **rows)
        assert found[1] == 0.0
        return [found[0], *found[2:5]]

    check(drive, tokenizer)


@pytest.mark.slow
def test_ranks_of_ms_swift_share_groups_and_remember_them_once(method: Any, tmp_path: Path) -> None:
    path = method(f"tokenizer: {resolve_model('demo')}")
    script = str(Path(__file__).with_name("swift_ranks.py"))
    ran = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", script, str(tmp_path)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "LENGTHWISE_METHOD": str(path)},
        capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    ranks = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1)]
    (first, second), (begun, then) = ranks
    assert (first, begun) == ([1.0, 1.0], [0.0, 1.0, 1.0])
    assert (second[0], then[:2]) == (1.0, [0.0, 1.0])  # as long as the shortest so far: 1 + cos(pi/2)
    assert then[2] < second[1] < 1.0  # four tokens longer than that, and two
    assert len((tmp_path / "hapo.jsonl").read_text().splitlines()) == 4  # two problems, two steps


# slime ---------------------------------------------------------------------------------------------


def test_slime_gets_our_advantages_and_an_aborted_rollout_none(
    tokenizer: PreTrainedTokenizerBase, method: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    method("advantage: centred")
    page_names("slime.md", "slime", monkeypatch)
    post_process = import_module("rl.elsewhere.trainers.slime").post_process
    prompt = tokenizer.apply_chat_template(PROMPT, add_generation_prompt=True, return_dict=False)

    def sample(ids: list[int], status: str, group: int = 0) -> Any:
        fed_back = [7, 7]  # another turn, not the model's own
        return SimpleNamespace(
            group_index=group, prompt=PROMPT, tokens=[*prompt, *fed_back, *ids], response_length=len(ids) + 2,
            loss_mask=[0, 0] + [1] * len(ids), label="2", metadata={}, status=SimpleNamespace(value=status),
        )  # fmt: skip

    def drive(made: Visit, step: int) -> list[float]:
        ended = ["completed" if ids[-1] == tokenizer.eos_token_id else "truncated" for ids in made]
        samples = [sample(ids, status) for ids, status in zip(made, ended, strict=True)]
        samples.insert(2, sample(made[0], "aborted"))
        raw, shaped = post_process(SimpleNamespace(hf_checkpoint=resolve_model("demo")), samples)
        assert shaped.pop(2) == 0.0
        assert raw.pop(2) == pytest.approx(sum(raw) / len(raw))  # the mean of the judged
        return shaped

    check_advantages(drive, tokenizer)


# SkyRL ---------------------------------------------------------------------------------------------


def test_skyrl_gets_our_rewards(
    tokenizer: PreTrainedTokenizerBase, method: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    method()
    made_by = page_names("skyrl.md", "skyrl", monkeypatch)["Generator"]
    prompt = tokenizer.apply_chat_template(PROMPT, add_generation_prompt=True, return_dict=False)
    generator = made_by(tokenizer)

    def drive(made: Visit, step: int, phase: str = "train") -> list[float]:
        generator.made, generator.asked = made, [prompt] * len(made)
        given = {
            "prompts": [PROMPT] * len(made),
            "env_extras": [{"reward_model": {"ground_truth": "2"}}] * len(made),
            "trajectory_ids": [SimpleNamespace(instance_id="p", repetition_id=n) for n in range(len(made))],
            "batch_metadata": SimpleNamespace(global_step=step, training_phase=phase),
        }
        output = asyncio.run(generator.generate(given))
        assert output["rollout_metrics"]["generate/avg"] == 1.0
        assert output["response_ids"] == made
        return output["rewards"]  # type: ignore[no-any-return]

    check(drive, tokenizer)
    drive(ids_of(WRITTEN, tokenizer), 3, "eval")
    assert Path(generator.scorer.method.history).read_text().count("\n") == 2


# AReaL ---------------------------------------------------------------------------------------------


def test_areal_gets_our_rewards(
    tokenizer: PreTrainedTokenizerBase, method: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    method("group_size: 4")
    names = page_names("areal.md", "areal", monkeypatch)
    prompt = tokenizer.apply_chat_template(PROMPT, add_generation_prompt=True, return_dict=False)
    workflow = names["Workflow"](names["unscored"], SimpleNamespace(n_samples=4), tokenizer)

    def drive(made: Visit, step: int) -> list[float]:
        data = {"messages": PROMPT, "answer": "2"}
        engine = Engine(made, tokenizer.eos_token_id, prompt, step)

        async def every() -> list[Any]:
            return await asyncio.gather(*(workflow.arun_episode(engine, data) for _ in made))

        return [each["rewards"].item() for each in asyncio.run(every())]

    check(drive, tokenizer)


# prime-rl ------------------------------------------------------------------------------------------


def test_an_environment_of_verifiers_gets_our_rewards(
    tokenizer: PreTrainedTokenizerBase, method: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    method("group_size: 4", f"tokenizer: {resolve_model('demo')}")
    env = object.__new__(page_names("prime-rl.md", "verifiers", monkeypatch)["Env"])
    monkeypatch.setattr(env, "config", SimpleNamespace(threshold=1.0), raising=False)
    data = SimpleNamespace(prompt="1+1=?", model_dump=lambda: {"prompt": "1+1=?", "answer": "2"})
    node = SimpleNamespace

    def drive(made: Visit, step: int) -> list[float]:
        traces = []
        for ids in made:
            asked = node(sampled=False, token_ids=[1, 2], mask=[False, False])
            said = node(sampled=True, token_ids=[5, *ids], mask=[False] + [True] * len(ids))
            trace = Trace([asked, said], is_truncated=ids[-1] != tokenizer.eos_token_id)
            trace.record_reward("solved", 1.0)
            traces.append(trace)
        asyncio.run(env.finalize(SimpleNamespace(data=data), SimpleNamespace(traces=traces)))
        assert {trace.rewards["solved"].weight for trace in traces} == {0.0}  # type: ignore[union-attr]
        assert {(trace.metrics["best"], trace.metrics["lengthwise_judged"]) for trace in traces} == {(1.0, 1.0)}
        return [trace.reward for trace in traces]

    check(drive, tokenizer)


SCORED = """
async def lengthwise(task, trace):
    assert trace.task.data is task and trace.task.key and task.prompt_text == "1+1=?"
    assert [n.sampled for n in trace.nodes] == [False, True] and len(trace.messages) == 2
    assert sum(trace.nodes[1].mask) == len(trace.nodes[1].token_ids) == trace.num_output_tokens
    assert trace.last_message.reasoning_content == trace.assistant_messages[-1].reasoning_content == "1 and 1"
    return {"right": float(task.answer == trace.last_reply), "short": 1 / trace.num_output_tokens,
            "cut": -float(trace.is_truncated), "turns": trace.num_turns}
lengthwise._vf_weight = 0.5
"""


@pytest.mark.slow
@pytest.mark.skipif(real() != "verifiers", reason="needs verifiers itself, which test_conformance.py installs")
def test_a_reward_function_gives_within_verifiers_what_it_gives_here(tmp_path: Path) -> None:
    import verifiers.v1 as vf  # type: ignore[import-not-found]
    from verifiers.v1 import trace as parts  # type: ignore[import-not-found]
    from verifiers.v1.configs.task import TaskConfig  # type: ignore[import-not-found]

    class Data(vf.TaskData):  # type: ignore[misc]
        answer: str

    (tmp_path / "mine.py").write_text(SCORED)
    task = vf.Task(
        Data(prompt="1+1=?", answer="2"), TaskConfig(rewards={"f": {"fn": f"{tmp_path}/mine.py:lengthwise"}})
    )
    reward = load_reward(f"{tmp_path}/mine.py:lengthwise", {})
    for answer, ids, ended in (("2", [5, 6], True), ("3", [5, 6, 7, 8], False)):
        said = parts.AssistantMessage(content=answer, reasoning_content="1 and 1")
        trace = parts.Trace(
            task=parts.TraceTask(type="Task", data=task.data, key=task.key),
            agent=parts.AgentInfo(config=parts.WireAgentConfig()),
            nodes=[
                parts.MessageNode(message=vf.UserMessage(content="1+1=?")),
                parts.MessageNode(parent=0, message=said, sampled=True, token_ids=ids, mask=[True] * len(ids)),
            ],
            calls=[
                parts.ModelCall(
                    node=1,
                    finish_reason="stop" if ended else "length",
                    usage=parts.Usage(prompt_tokens=3, completion_tokens=len(ids)),
                )
            ],
        )
        asyncio.run(task.score(trace))
        sample = Sample.of(Problem("p", "1+1=?", "2"), f"1 and 1</think>{answer}", ids, "<think>", ended)
        assert trace.reward == pytest.approx(0.5 * ((answer == "2") + 1 / len(ids) - (not ended) + 1))
        (ours,) = function_values([reward], [sample], {})
        assert list(ours.values()) == [pytest.approx(trace.reward)]


# NeMo-RL -------------------------------------------------------------------------------------------


def test_nemo_rl_gets_our_advantages_by_its_environments_verdicts(
    tokenizer: PreTrainedTokenizerBase, method: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    method("advantage: centred", f"tokenizer: {resolve_model('demo')}")
    grpo = SimpleNamespace(_create_advantage_estimator=None)
    page_names("nemo-rl.md", "nemo-rl", monkeypatch)["use"](grpo)
    estimator: Any = grpo._create_advantage_estimator  # type: ignore[assignment]
    estimator = estimator({"grpo": {}})
    prompt = torch.tensor(tokenizer.apply_chat_template(PROMPT, add_generation_prompt=True, return_dict=False))
    right = [[sum(map(int, answer.split("+"))) == 2 for answer, _ in said] for said in (WRITTEN, LATER)]

    def drive(made: Visit, step: int) -> list[float]:
        logs = [
            [{"role": "user", "content": "1+1=?", "token_ids": prompt},
             {"role": "assistant", "content": "", "token_ids": torch.tensor(ids)}]
            for ids in made
        ]  # fmt: skip
        cut = torch.tensor([ids[-1] != tokenizer.eos_token_id for ids in made])
        mask = torch.ones(len(made), 9)
        found = estimator.compute_advantage(
            prompt_ids=torch.stack([prompt] * len(made)), rewards=torch.tensor(right[step - 1], dtype=torch.float32),
            mask=mask, repeated_batch={"message_log": logs, "truncated": cut}, logprobs_policy=None,
        )  # fmt: skip
        assert found.shape == mask.shape
        assert torch.equal(found, found[:, :1].expand(mask.shape))
        return found[:, 0].tolist()  # type: ignore[no-any-return]

    check_advantages(drive, tokenizer)


# tinker --------------------------------------------------------------------------------------------


def test_tinker_gets_our_rewards_whatever_its_steps_earned(
    tokenizer: PreTrainedTokenizerBase, method: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    method("group_size: 4", f"tokenizer: {resolve_model('demo')}")
    builder = page_names("tinker.md", "tinker", monkeypatch)["Builder"](env_thunk=None, num_envs=4)
    asked = tokenizer.apply_chat_template(PROMPT, add_generation_prompt=True, return_dict=False)
    env = SimpleNamespace(convo_prefix=[], get_question=lambda: "1+1=?", get_reference_answer=lambda: "2")
    kept: list[Any] = []

    def drive(made: Visit, step: int) -> list[float]:
        group = []
        for ids in made:
            ended = ids[-1] == tokenizer.eos_token_id
            said = SimpleNamespace(tokens=ids, stop_reason="stop" if ended else "length")
            ob = SimpleNamespace(to_ints=lambda: asked)
            group.append(SimpleNamespace(transitions=[SimpleNamespace(ob=ob, ac=said, reward=-0.1)]))
        found = asyncio.run(builder.compute_group_rewards(group, [env] * len(group)))
        kept.extend(metrics for _, metrics in found)
        return [reward - 0.1 for reward, _ in found]

    check(drive, tokenizer)
    assert [each["lengthwise/correct"] for each in kept] == [1, 1, 0, 0, 1, 1, 0, 0]
    overflown = asyncio.run(builder.compute_group_rewards([SimpleNamespace(transitions=[])], [env]))
    assert overflown[0][0] == 0.0  # it never answered, so it is wrong
    assert asyncio.run(builder.compute_group_rewards([], [])) == []


# What is not as it was --------------------------------------------------------------------------------

Call = Callable[[dict[str, Any], PreTrainedTokenizerBase, Visit], Any]


def verl_without_a_mask(names: dict[str, Any], tokenizer: PreTrainedTokenizerBase, made: Visit) -> Any:
    row = verl_row(made[0], "a", 1, tokenizer)
    del row.batch["attention_mask"]
    return import_module("rl.elsewhere.trainers.verl").RewardManager(VERL, tokenizer).run_single(row)


async def openrlhf_without_ranges(names: dict[str, Any], tokenizer: PreTrainedTokenizerBase, made: Visit) -> Any:
    async def execute(*_: Any) -> dict[str, Any]:
        return {"prompt": "1+1=?", "label": "2", "observation_tokens": made[0], "action_ranges": [], "truncated": False}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["openrlhf.utils.agent"].SingleTurnAgentExecutor, "execute", execute)
        return await names["AgentExecutor"]().execute("1+1=?", "2", SimpleNamespace(), 99, tokenizer, None)


def skyrl_of_fewer_rollouts(names: dict[str, Any], tokenizer: PreTrainedTokenizerBase, made: Visit) -> Any:
    given = {"prompts": [PROMPT] * 4, "trajectory_ids": [SimpleNamespace(instance_id="p")] * 4}
    return names["Generator"](tokenizer, made[:3], made[:3]).generate(given)


def areal_without_tensors(names: dict[str, Any], tokenizer: PreTrainedTokenizerBase, made: Visit) -> Any:
    class Engine:
        async def agenerate(self, data: Any) -> Any:
            return [], []

        def get_version(self) -> None:
            return None

    workflow = names["Workflow"](names["unscored"], SimpleNamespace(n_samples=1), tokenizer)
    return workflow.arun_episode(Engine(), {"messages": PROMPT, "answer": "2"})


def verifiers_without_a_mask(names: dict[str, Any], tokenizer: PreTrainedTokenizerBase, made: Visit) -> Any:
    data = SimpleNamespace(prompt="1+1=?", model_dump=lambda: {"answer": "2"})
    trace = Trace([SimpleNamespace(sampled=True, token_ids=made[0], mask=None)])
    return object.__new__(names["Env"]).finalize(SimpleNamespace(data=data), SimpleNamespace(traces=[trace]))


def tinker_without_environments(names: dict[str, Any], tokenizer: PreTrainedTokenizerBase, made: Visit) -> Any:
    return names["Builder"](None, 4).compute_group_rewards([SimpleNamespace(transitions=[])], [])


def slime_of_another_status(names: dict[str, Any], tokenizer: PreTrainedTokenizerBase, made: Visit) -> Any:
    sample = SimpleNamespace(
        group_index=0, prompt=PROMPT, tokens=made[0], response_length=2, loss_mask=None, label="2", metadata=None,
        status="completed",
    )  # fmt: skip
    post_process = import_module("rl.elsewhere.trainers.slime").post_process
    return post_process(SimpleNamespace(hf_checkpoint=resolve_model("demo")), [sample])


def nemo_rl_of_rewards_by_name(names: dict[str, Any], tokenizer: PreTrainedTokenizerBase, made: Visit) -> Any:
    estimator = import_module("rl.elsewhere.trainers.nemo_rl").Lengthwise()
    return estimator.compute_advantage(torch.tensor(made[:1]), {"right": torch.ones(1)}, torch.ones(1, 9), {})


def ms_swift_of_texts(names: dict[str, Any], tokenizer: PreTrainedTokenizerBase, made: Visit) -> Any:
    function = import_module("rl.elsewhere.trainers.ms_swift").Lengthwise()
    rows = {"prompt_id": ["p"], "messages": [["1+1=?", "2"]], "response_token_ids": made[:1], "is_truncated": [False]}
    return function(["2"], trainer_state=SimpleNamespace(global_step=1), **rows)


@pytest.mark.skipif(bool(real()), reason="of stand-ins")
@pytest.mark.parametrize(
    ("page", "trainer", "call", "told"),
    [
        ("verl.md", "verl", verl_without_a_mask, "verl hands over something else than 0.9.1 did"),
        ("openrlhf.md", "openrlhf", openrlhf_without_ranges, "OpenRLHF hands over something else than 0.11.2 did"),
        ("skyrl.md", "skyrl", skyrl_of_fewer_rollouts, "SkyRL hands over something else than 0.3.0 did"),
        ("areal.md", "areal", areal_without_tensors, "AReaL hands over something else than 1.0.4 did"),
        ("prime-rl.md", "verifiers", verifiers_without_a_mask, "prime-rl hands over something else than verifiers 0.4.0 did"),
        ("tinker.md", "tinker", tinker_without_environments, "tinker hands over something else than tinker-cookbook 0.6.1 did"),
        ("slime.md", "slime", slime_of_another_status, "slime hands over something else than commit 624b824 did"),
        ("nemo-rl.md", "nemo-rl", nemo_rl_of_rewards_by_name, "NeMo-RL hands over something else than commit 7ea279a did"),
        ("ms-swift.md", "ms-swift", ms_swift_of_texts, "ms-swift hands over something else than 4.6.0 did"),
    ],
)  # fmt: skip
def test_what_is_handed_over_otherwise_is_told_in_one_line(
    page: str, trainer: str, call: Call, told: str, tokenizer: PreTrainedTokenizerBase, method: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from rl.errors import UserError

    more = (
        ["tokenizer: " + str(resolve_model("demo"))]
        if trainer in ("verifiers", "tinker", "nemo-rl", "ms-swift")
        else []
    )
    method("group_size: 4", *more)
    names = page_names(page, trainer, monkeypatch)

    async def called() -> None:
        await call(names, tokenizer, ids_of(WRITTEN, tokenizer))

    with pytest.raises(UserError, match=told) as refused:
        asyncio.run(called())
    assert "\n" not in str(refused.value)


def test_every_page_of_a_trainer_says_what_is_seen_and_what_is_not() -> None:
    pages = sorted(path.name for path in (ROOT / "docs/trainers").glob("*.md"))
    assert pages == [
        "areal.md", "index.md", "ms-swift.md", "nemo-rl.md", "openrlhf.md", "prime-rl.md", "skyrl.md", "slime.md",
        "tinker.md", "trl.md", "verl.md",
    ]  # fmt: skip
    for page in pages:
        text = (ROOT / "docs/trainers" / page).read_text()
        assert page == "index.md" or {"## What it sees", "## What it does not"} <= set(text.splitlines()), page
