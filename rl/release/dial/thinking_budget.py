"""A budget for a model's thinking, by torch and transformers alone.

    python thinking_budget.py --thinking 512 --answer 256 "What is 17 * 23?"

Thinking that has used up its budget is closed by a forced text, after which the model answers. Budgets are in tokens:
`thinking` counts all that the model writes up to the end of its thinking and with it, `answer` what comes after; the
closing counts into neither. The defaults are those of `budgets.json` beside this file, by which its figures were taken.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LogitsProcessor, LogitsProcessorList

HERE = Path(__file__).resolve().parent
END = "</think>"


class ThinkingBudget(LogitsProcessor):
    """For one call of `generate`, greedy or sampled, without beams; `prompt` is the padded prompts' width in tokens.

    Rows stop by an EOS that is forced where a budget has run out; `kept` says how many tokens are the model's own.
    """

    def __init__(
        self,
        tokenizer: Any,
        prompt: int,
        thinking: int,
        answer: int,
        closing: str | None = None,
        end: str = END,
        fresh_line: bool = False,
    ) -> None:
        """`fresh_line`: a newline that the closing begins with is left out after a thought that ends with one."""
        closing = end if closing is None else closing
        if thinking < 1 or answer < 1:
            raise ValueError(f"both budgets must be at least 1 token, not {thinking} and {answer}")
        if end not in closing:
            raise ValueError(f"the closing {closing!r} does not end thinking: put {end!r} into it")
        self.tokenizer, self.prompt, self.thinking, self.answer, self.end = tokenizer, prompt, thinking, answer, end
        self.closing: list[int] = tokenizer(closing, add_special_tokens=False)["input_ids"]
        after = closing.removeprefix("\n") if fresh_line else closing
        self.after_newline: list[int] = tokenizer(after, add_special_tokens=False)["input_ids"]
        self.most = thinking + max(len(self.closing), len(self.after_newline)) + answer
        self.ended: dict[int, int] = {}
        """By row, the tokens up to where its thinking ended by itself."""
        self.closed: dict[int, list[int]] = {}
        """By row, what closes its thinking."""

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        made = input_ids.shape[1] - self.prompt
        for row, ids in enumerate(input_ids[:, self.prompt :]):
            if made <= self.thinking and row not in self.ended and self._ends(ids):
                self.ended[row] = made
            if made == self.thinking and row not in self.ended:
                newline = _said(self.tokenizer, ids[-1:]).endswith("\n")
                self.closed[row] = self.after_newline if newline else self.closing
            forced = self._forced(row, made)
            if forced is not None:
                scores[row] = -torch.inf
                scores[row, forced] = 0.0
        return scores

    def kept(self, row: int) -> int:
        """The most tokens of a row's completion, what was forced counted and an EOS that only stops it not."""
        if row in self.ended:
            return self.ended[row] + self.answer
        return self.thinking + len(self.closed.get(row, self.closing)) + self.answer

    def _forced(self, row: int, made: int) -> int | None:
        """What the next token must be, the row having `made` of them; None: what the model likes."""
        if made >= self.kept(row):
            return int(self.tokenizer.eos_token_id)
        place = made - self.thinking
        closing = self.closed.get(row, [])
        return closing[place] if 0 <= place < len(closing) else None

    def _ends(self, ids: torch.Tensor) -> bool:
        """Whether the end of thinking is in the last tokens, however it is cut into them."""
        tail = ids[-len(self.end.encode()) :]
        return self.end in _said(self.tokenizer, tail)


def _said(tokenizer: Any, ids: torch.Tensor) -> str:
    return str(tokenizer.decode(ids, skip_special_tokens=False))


def generate(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[str | list[dict[str, str]]],
    thinking: int,
    answer: int,
    closing: str | None = None,
    end: str = END,
    fresh_line: bool = False,
    chat_options: Mapping[str, Any] | None = None,
    **options: Any,
) -> list[list[int]]:
    """Each prompt's completion as token ids, the forced ones and an EOS of its own included.

    Prompts are chats for the chat template and its `chat_options`, or plain texts; `options` go to `model.generate`.
    """
    width = {"padding": True, "padding_side": "left", "return_tensors": "pt"}
    if isinstance(prompts[0], str):
        inputs = tokenizer(list(prompts), **width)
    else:
        inputs = tokenizer.apply_chat_template(
            list(prompts), add_generation_prompt=True, return_dict=True, **width, **(chat_options or {})
        )
    inputs = inputs.to(model.device)
    start = inputs["input_ids"].shape[1]
    budget = ThinkingBudget(tokenizer, start, thinking, answer, closing, end, fresh_line)
    made = model.generate(
        **inputs, logits_processor=LogitsProcessorList([budget]), max_new_tokens=budget.most, **options
    )
    stops = model.generation_config.eos_token_id
    stops = {tokenizer.eos_token_id, *(stops if isinstance(stops, list) else [stops])}
    found = []
    for row, ids in enumerate(made[:, start:].tolist()):
        ids = ids[: budget.kept(row)]
        last = next((place for place, token in enumerate(ids) if token in stops), len(ids))
        found.append(ids[: last + 1])
    return found


def settings() -> dict[str, Any]:
    """What the figures in `budgets.json` were taken with, as arguments of `generate`."""
    told = _told()
    if not told:
        return {}
    closing = told["closing"]
    return {
        "answer": told["answer_tokens"],
        "closing": closing["text"],
        "fresh_line": closing["fresh_line"],
        "end": told["end"],
        "chat_options": told["protocol"].get("chat_options") or {},
    }


def asked(question: str, thinking: int) -> list[dict[str, str]]:
    """The question as those were put that the figures are of: with their instruction, and the budget, or the
    name of the nearest one, where that is stated."""
    told = _told()
    protocol = told.get("protocol", {})
    efforts = {int(budget): point.get("effort", "") for budget, point in told.get("budgets", {}).items()}
    nearest = min(efforts, key=lambda budget: abs(budget - thinking)) if efforts else 0
    turn = protocol.get("prompt", "{problem}").replace("{problem}", question)
    stated = protocol.get("budget_text") or "{prompt}"
    system = [{"role": "system", "content": protocol["system"]}] if protocol.get("system") else []
    stated = stated.replace("{budget}", str(thinking)).replace("{effort}", efforts.get(nearest, ""))
    said = stated.replace("{prompt}", turn)
    return [*system, {"role": "user", "content": said}]


def _told() -> dict[str, Any]:
    file = HERE / "budgets.json"
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else {}


def main() -> None:
    known = settings()
    parser = argparse.ArgumentParser(description="Answer a question with a budget for the thinking.")
    parser.add_argument("question")
    parser.add_argument("--thinking", type=int, required=True, help="tokens of thinking")
    parser.add_argument("--answer", type=int, default=known.get("answer", 1024), help="tokens of the answer")
    parser.add_argument("--model", default=str(HERE), help="a folder or a name; by default the folder of this file")
    given = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(given.model)
    model = AutoModelForCausalLM.from_pretrained(given.model, dtype="auto").eval()
    chat = asked(given.question, given.thinking)
    prompt = chat if tokenizer.chat_template else chat[-1]["content"]
    (ids,) = generate(model, tokenizer, [prompt], given.thinking, **{**known, "answer": given.answer})
    print(tokenizer.decode(ids, skip_special_tokens=False))


if __name__ == "__main__":
    main()
