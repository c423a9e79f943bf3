"""What public models' chat templates do with thinking, and what that makes of a completion: one rule for all of them."""

import shutil
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from commands import run
from transformers import PreTrainedTokenizerBase

from rewards import Problem, Rollout, Verdict
from rewards.format import TagFormat
from rewards.substring import Substring
from rewards.thinking import opened, read
from rewards.verifier import MathVerifier
from rewards.verifier.exact import ExactMatch
from rl.elsewhere.trl_reward import TRLReward
from rl.evaluation import Evaluation, Protocol, at_cap, encode_prompts
from rl.evaluation.figures.answers import ballots
from rl.evaluation.sampling import Answerer, evaluate
from rl.models import resolve_model
from rl.rollouts import Ask, Completion
from rl.rounds.records import records
from rl.run.dry_run import dry_run
from rl.thinking import described, leads, texts


def template(turn: str, generation: str) -> str:
    """`turn` is a message, `generation` what is put before the answer; sign by sign as the tokenizer's template has it."""
    return f"{{% for m in messages %}}{turn}{{% endfor %}}{{% if add_generation_prompt %}}{generation}{{% endif %}}"


def ending(text: str) -> str:
    """A generation prompt of nothing but text."""
    return "{{ " + repr(text) + " }}"


CHATML = "{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}"
SWITCHED = "{{ '<|im_start|>assistant\n' }}{% if enable_thinking is false %}{{ '<think>\n\n</think>\n\n' }}{% endif %}"
V3 = "{{ '<|Assistant|>' }}{% if thinking is defined %}{{ '<think>' if thinking else '</think>' }}{% endif %}"  # V3: none
CHANNELS = "{{ '<|start|>' + m.role + '<|message|>' + m.content + '<|end|>' }}"
MODELS: list[tuple[str, str, dict[str, Any], str]] = [
    ("Qwen2.5", template(CHATML, ending("<|im_start|>assistant\n")), {}, ""),
    ("Qwen3", template(CHATML, SWITCHED), {}, ""),
    ("Qwen3 without thinking", template(CHATML, SWITCHED), {"enable_thinking": False}, "<think></think>"),
    ("Qwen3-thinking", template(CHATML, ending("<|im_start|>assistant\n<think>\n")), {}, "<think>"),
    ("R1-Distill", template("{{ '<|User|>' + m.content }}", ending("<|Assistant|><think>\n")), {}, "<think>"),
    ("Llama-3.1", template("{{ '<|h|>' + m.role + '<|/h|>\n\n' + m.content }}", ending("<|h|>a<|/h|>\n\n")), {}, ""),
    ("Gemma-3", template("{{ '<turn>' + m.role + '\n' + m.content + '</turn>\n' }}", ending("<turn>model\n")), {}, ""),
    ("OLMo-2", template("{{ '<|' + m.role + '|>\n' + m.content + '\n' }}", ending("<|assistant|>\n")), {}, ""),
    ("DeepSeek-V3", template("{{ '<|User|>' + m.content }}", V3), {}, ""),
    ("DeepSeek-V3.1, thinking", template("{{ '<|User|>' + m.content }}", V3), {"thinking": True}, "<think>"),
    ("DeepSeek-V3.1", template("{{ '<|User|>' + m.content }}", V3), {"thinking": False}, "<think></think>"),
    ("gpt-oss", template(CHANNELS, ending("<|start|>assistant")), {}, ""),
]
BEGUN = MODELS[3][1]
ASKED = [{"role": "user", "content": "3*4? Think between <think> and </think>, or begin with <think>."}]
PROBLEM = Problem("p", ASKED, "12")
CHANNEL_TOKENS = ["<|channel|>", "<|start|>", "<|message|>", "<|end|>", "<|return|>"]


def of_model(tokenizer: PreTrainedTokenizerBase, template: str) -> PreTrainedTokenizerBase:
    own = deepcopy(tokenizer)
    own.chat_template = template
    if "<|start|>" in template:
        own.add_tokens(CHANNEL_TOKENS, special_tokens=True)
    return own


def thought(name: str, lead: str, draft: str, answer: str | None) -> str:
    """What a model writes after its prompt: a draft in its thinking, and, unless it is cut there, an answer."""
    if name == "gpt-oss":
        end = "" if answer is None else "<|end|><|start|>assistant<|channel|>final<|message|>" + answer
        return f"<|channel|>analysis<|message|>{draft}{end}<|return|>"
    if lead == "<think></think>":
        return answer or ""
    return ("" if lead else "<think>\n") + draft + ("" if answer is None else f"\n</think>\n{answer}")


DRAFT = r"3*4 = 12, so \boxed{12}. Wait: it says"


@pytest.mark.parametrize(("name", "template", "options", "lead"), MODELS, ids=[model[0] for model in MODELS])
def test_a_draft_in_a_thought_that_was_cut_is_no_answer_whatever_the_chat_template(
    name: str, template: str, options: Mapping[str, Any], lead: str, tokenizer: PreTrainedTokenizerBase
) -> None:
    own = of_model(tokenizer, template)
    (found,) = leads(own, encode_prompts(own, [PROBLEM], options))
    assert found == lead
    written = [thought(name, lead, DRAFT, answer) for answer in (None, r"\boxed{12}", r"\boxed{13}")]
    said = texts(own, [own(text, add_special_tokens=False)["input_ids"] for text in written])
    whole = [read(found, text) for text in said]
    for thinking in ("if-begun", "required"):
        judged = ExactMatch(thinking=thinking).judge(["12"] * 3, whole)  # type: ignore[arg-type]
        assert judged == [Verdict.UNPARSABLE, Verdict.CORRECT, Verdict.WRONG]
    assert described(own, [PROBLEM], options) == {"": "", "<think>": "begun in the prompt"}.get(
        lead, "over in the prompt"
    )


def test_texts_are_the_models_own_and_only_special_tokens_that_mark_thinking_stay(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    own = of_model(tokenizer, MODELS[-1][1])
    written = (
        "<|start|>assistant<|channel|>analysis<|message|>so<|end|><|start|>x<|channel|>final<|message|>12<|return|>"
    )
    ids = own(written)["input_ids"]
    assert texts(own, [ids]) == ["assistant<|channel|>analysis<|message|>sox<|channel|>final<|message|>12"]
    plain = tokenizer("<|im_start|><think>\nso</think>12<|im_end|>")["input_ids"]
    assert texts(tokenizer, [plain]) == ["<think>\nso</think>12"]
    assert texts(tokenizer, []) == []


@pytest.mark.parametrize(
    ("prompt", "lead"),
    [
        ("Put it between <think> and </think>.", ""),
        ("<|assistant|><|begin_of_thought|>\n\n", "<|begin_of_thought|>"),
        ("[/INST][THINK]", "[THINK]"),
        ("<seed:think>\n", "<seed:think>"),
        ("<seed:think></seed:think>", "<seed:think></seed:think>"),
        ("", ""),
    ],
)
def test_only_a_mark_at_the_very_end_of_a_prompt_begins_or_ends_its_thinking(prompt: str, lead: str) -> None:
    assert opened(prompt) == lead


def test_a_completion_is_read_in_one_spelling() -> None:
    assert read("[THINK]", "a[/THINK]b") == "<think>a</think>b"
    assert read("", "<|begin_of_thought|>a<|end_of_thought|>b") == "<think>a</think>b"
    assert read("", "plain") == "plain"
    assert read("<think></think>", "5") == "<think></think>5"
    assert read("<think></think>", "<think>5") == "<think>5"  # begun anew, and not ended


def test_rewards_that_look_at_texts_know_what_the_prompt_had_begun() -> None:
    cut = Rollout("p", 9, "length", 9, Verdict.UNPARSABLE, 0.0, r"so \boxed{12}", lead="<think>")
    whole = Rollout("p", 9, "eos", 9, Verdict.CORRECT, 1.0, r"so</think><answer>12</answer>", lead="<think>")
    assert Substring().score(cut.read, ["12"]) == 0.0
    assert Substring().score(cut.text, ["12"]) == 1.0
    assert TagFormat(0.4, 0.6).of(whole) == TagFormat(0.4, 0.6, opened=True).of(whole) == 1.0


class Says:
    """An engine whose every completion is one text, cut at its cap."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, text: str) -> None:
        self.ids = tuple(tokenizer(text)["input_ids"])

    def generate(self, asks: Sequence[Ask]) -> list[Completion]:
        cut = [ask.budget < len(self.ids) for ask in asks]
        return [
            Completion(self.ids[: ask.budget], "length" if short else "eos")
            for ask, short in zip(asks, cut, strict=True)
        ]


def test_an_evaluation_judges_by_the_prompt_at_every_cap_and_its_votes_do_too(
    tokenizer: PreTrainedTokenizerBase, verifier: MathVerifier
) -> None:
    own = of_model(tokenizer, BEGUN)
    text = r"so \boxed{13}. Wait</think>\boxed{12}"
    length = len(own(text)["input_ids"])
    answerer = Answerer(Says(own, text), own, [own.eos_token_id])
    protocol = Protocol(cap=length, thinking=described(own, [PROBLEM]))
    full = evaluate(answerer, [PROBLEM], verifier, protocol).rows
    cut = at_cap(full, length - 8, {"p": PROBLEM}, own, verifier, "judge")
    assert r"\boxed{13}" in cut[0]["completion"]
    assert [row["verdict"] for row in (*full, *cut)] == ["correct", "unparsable"]
    assert [row["completion"] for row in full] == [text]
    assert ballots(cut, verifier) == []
    assert "thinking begun in the prompt" in protocol.line()
    assert protocol.difference(Protocol(cap=length)) == "thinking , not begun in the prompt"


def test_a_round_judges_by_the_prompt_logs_the_models_own_text_and_the_alarm_says_why(
    make_trainer: Any, tokenizer: PreTrainedTokenizerBase, problems: list[Problem]
) -> None:
    own = of_model(tokenizer, BEGUN)
    text = r"so \boxed{12}. Wait"
    chats = [Problem(f"p{i}", [{"role": "user", "content": f"1+{i}"}], "12") for i in range(len(problems))]
    trainer = make_trainer(problems_=chats, engine=Says(own, text), processing_class=own)
    round_ = trainer.rounds.make(0)
    assert {(r.verdict, r.lead, r.text) for r in round_.rollouts()} == {(Verdict.UNPARSABLE, "<think>", text)}
    assert {(row["lead"], row["completion"]) for table in records(round_) for row in table.to_pylist()} == {
        ("<think>", text)
    }
    assert any("began to think and never ended it" in line for line in trainer.teller.alarms.see(round_))


def test_in_stock_trl_the_prompt_is_looked_at_too(tokenizer: PreTrainedTokenizerBase) -> None:
    from rewards.correct import Correct

    text = r"so \boxed{12}. Wait"
    values = {
        name: TRLReward(Correct(), own, 99, ExactMatch(), truncated="judge")(
            [ASKED], [[{"role": "assistant", "content": text}]], [own(text)["input_ids"]], answer=["12"]
        )
        for name, own in (("begun", of_model(tokenizer, BEGUN)), ("not", tokenizer))
    }
    assert values == {"begun": [0.0], "not": [1.0]}


def test_a_dry_run_and_an_evaluation_say_what_the_prompts_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    shutil.copytree(resolve_model("demo"), "model")
    Path("model/chat_template.jinja").write_text(BEGUN)
    few = ["data.train.options.n=256", "data.eval=null"]
    assert "\nthinking   begun in the prompt\n" in dry_run("demo-grpo", [*few, "model=model"]).text
    assert "\nthinking " not in dry_run("demo-grpo", few).text
    asked = ("evaluate", "--data", "demo", "--limit", "4", "--cap", "8")
    assert run(*asked, "--model", "model", "--out", "a.parquet")["protocol"]["thinking"] == "begun in the prompt"
    assert "thinking begun in the prompt" in " ".join(capsys.readouterr().out.split())
    assert {row["lead"] for row in Evaluation.load(Path("a.parquet")).rows} == {"<think>"}
    assert run(*asked, "--model", "demo")["protocol"]["thinking"] == ""


def test_a_protocol_from_before_prompts_were_looked_at_is_read() -> None:
    old = Protocol(cap=9).to_dict()
    del old["thinking"]
    assert Protocol.from_dict(old) == Protocol(cap=9)
