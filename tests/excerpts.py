"""Excerpts of other tools' logs, written anew in their forms: the same four rollouts of two problems in each."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ASKED = {"a": ("What is 2+2?", "4"), "b": ("What is 3+3?", "6")}
ROLLOUTS = [
    ("a", "It is \\boxed{4}", 5, True),
    ("a", "2+2=5, so \\boxed{5}", 9, False),
    ("b", "So \\boxed{6}", 4, True),
    ("b", "\\boxed{7} or \\boxed{8}", 12, False),
]
"""Problem, text, tokens, right."""
Rows = list[dict[str, Any]]


def each(make: Callable[[str, str, str, int, bool, int], dict[str, Any]]) -> Rows:
    """A row a rollout, made of prompt, gold, text, tokens, right and place."""
    return [make(*ASKED[p], text, length, right, place) for place, (p, text, length, right) in enumerate(ROLLOUTS)]


def lines(path: Path, rows: Rows) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def verl(folder: Path) -> Path:
    rows = each(
        lambda prompt, gold, text, _, right, place: {
            "input": f"user\n{prompt}\nassistant\n", "output": text, "gts": gold, "score": float(right), "step": 10,
            "uid": f"u{place // 2}_s{place}_0",
        }
    )  # fmt: skip
    return lines(folder / "verl" / "10.jsonl", rows).parent


def trl(folder: Path) -> Path:
    rows = each(
        lambda prompt, gold, text, length, right, place: {
            "step": 5, "prompt": [{"role": "user", "content": prompt}],
            "completion": [{"role": "assistant", "content": text}],
            "accuracy_reward": float(right), "format_reward": 1.0, "advantage": 0.5 - place % 2,
            "length": length, "stop": "eos",
        }
    )  # fmt: skip
    pq.write_table(
        pa.Table.from_pylist([*rows, {**rows[0], "step": 6}]), folder / "completions_00005.parquet"
    )  # one logged twice
    return folder / "completions_00005.parquet"


def prime_rl(folder: Path) -> Path:
    def trace(text: str, length: int, right: bool) -> dict[str, Any]:
        return {
            "ok": True, "num_output_tokens": length, "stop_condition": None, "calls": [{"finish_reason": "stop"}],
            "rewards": {"correct": {"score": float(right), "weight": 2.0}},
            "nodes": [
                {"message": {"role": "user", "content": "?"}, "sampled": False, "token_ids": [], "mask": []},
                {"message": {"role": "assistant", "content": text}, "sampled": True, "token_ids": [], "mask": []},
            ],
        }  # fmt: skip

    rows = each(
        lambda prompt, gold, text, length, right, place: {
            "task": {"data": {"prompt": prompt, "answer": gold}, "key": f"k{place // 2}"}, "group": {"id": f"g{place // 2}"},
            "run": {"work": {"step": 3}}, "traces": [trace(text, length, right), {**trace(text, 1, right), "ok": False}],
        }
    )  # fmt: skip
    return lines(folder / "traces.jsonl", rows)


def ms_swift(folder: Path) -> Path:
    rows = each(
        lambda prompt, gold, text, _, right, place: {
            "step": "7", "prompt": prompt, "completion": text, "MathAccuracy": float(right), "advantages": 0.0,
            "solution": gold,
        }
    )  # fmt: skip
    return lines(folder / "completions.jsonl", [{name: [row[name] for row in rows] for name in rows[0]}])


def nemo_rl(folder: Path) -> Path:
    rows = each(
        lambda prompt, gold, text, length, right, place: {
            "idx": place, "content": [prompt, text], "rewards": float(right), "input_lengths": 3 + length,
            "token_ids": [1, 2, 3 + place // 2, *range(length)], "token_loss_mask": [0, 0, 0, *[1] * length],
            "sample_loss_mask": 1.0, "advantages": [0.0] * (3 + length),
        }
    )  # fmt: skip
    return lines(folder / "train_data_step4.jsonl", rows)


def areal(folder: Path) -> Path:
    rows = each(
        lambda prompt, gold, text, length, right, place: {
            "task_id": place // 2, "sample_idx": place % 2, "seqlen": 20 + length, "prompt_len": 20, "head_version": 1,
            "tail_version": 1, "reward": float(right), "prompt": prompt, "completion": text,
        }
    )  # fmt: skip
    for row in rows:
        lines(
            folder / "areal" / f"{row['task_id']}.jsonl",
            [other for other in rows if other["task_id"] == row["task_id"]],
        )
    return folder / "areal"


def skyrl(folder: Path) -> Path:
    rows = each(
        lambda prompt, gold, text, _, right, place: {
            "input_prompt": prompt, "output_response": text, "score": [0.0, float(right)], "stop_reason": "stop",
            "env_extras": {"reward_spec": {"ground_truth": gold}}, "data_source": "sums",
        }
    )  # fmt: skip
    return lines(folder / "sums.jsonl", rows)


def slime(folder: Path) -> Path:
    import torch

    samples = each(
        lambda prompt, gold, text, length, right, place: {
            "group_index": place // 2, "index": place, "prompt": prompt, "response": text, "response_length": length,
            "label": gold, "reward": float(right), "loss_mask": None, "status": "completed", "tokens": [0] * (length + 2),
        }
    )  # fmt: skip
    torch.save({"rollout_id": 3, "samples": samples}, folder / "3.pt")
    return folder / "3.pt"


def lm_eval(folder: Path) -> Path:
    def row(prompt: str, gold: str, text: str, length: int, right: bool, place: int) -> dict[str, Any]:
        return {
            "doc_id": place, "doc": {"question": prompt}, "target": gold, "resps": [[text]], "filtered_resps": [gold],
            "arguments": {"gen_args_0": {"arg_0": f"Question: {prompt}\nAnswer:", "arg_1": {"until": []}}},
            "filter": "strict-match", "metrics": ["exact_match"], "exact_match": float(right),
        }  # fmt: skip

    strict = each(row)
    return lines(folder / "samples_sums.jsonl", [*strict, *({**one, "filter": "flexible", "exact_match": 1.0} for one in strict)])  # fmt: skip


def lighteval(folder: Path) -> Path:
    rows = each(
        lambda prompt, gold, text, length, right, place: {
            "doc": {"query": prompt, "choices": [gold], "gold_index": [0]},
            "model_response": {"text": [text], "output_tokens": [list(range(length))]},
            "metric": {"extractive_match": float(right)},
        }
    )
    pq.write_table(pa.Table.from_pylist(rows), folder / "details_sums.parquet")
    return folder / "details_sums.parquet"


def inspect_ai(folder: Path) -> Path:
    samples = each(
        lambda prompt, gold, text, length, right, place: {
            "id": f"p{place // 2}", "epoch": 1 + place % 2, "input": prompt, "target": gold,
            "output": {
                "choices": [{"message": {"role": "assistant", "content": text}, "stop_reason": "stop"}],
                "usage": {"input_tokens": 9, "output_tokens": length},
            },
            "scores": {"match": {"value": "C" if right else "I"}},
        }
    )  # fmt: skip
    with zipfile.ZipFile(folder / "sums.eval", "w") as archive:
        archive.writestr("header.json", "{}")
        for sample in samples:
            archive.writestr(f"samples/{sample['id']}_epoch_{sample['epoch']}.json", json.dumps(sample))
    (folder / "sums.json").write_text(json.dumps({"eval": {}, "samples": samples}))
    return folder / "sums.eval"


def openai_batch(folder: Path) -> Path:
    def choice(text: str) -> dict[str, Any]:
        return {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}

    def request(name: str) -> dict[str, Any]:
        choices = [choice(text) for problem, text, _, _ in ROLLOUTS if problem == name]
        body = {"choices": choices, "usage": {"completion_tokens": 14}}
        return {"id": f"r-{name}", "custom_id": name, "response": {"status_code": 200, "body": body}, "error": None}

    failed = {"id": "r-c", "custom_id": "c", "response": None, "error": {"code": "timeout"}}
    lines(folder / "golds.jsonl", [{"custom_id": n, "prompt": p, "answer": g} for n, (p, g) in ASKED.items()])
    return lines(folder / "batch_output.jsonl", [request("a"), failed, request("b")])


LOGS: Mapping[str, Callable[[Path], Path]] = {
    "verl": verl, "trl": trl, "prime-rl": prime_rl, "ms-swift": ms_swift, "nemo-rl": nemo_rl, "areal": areal,
    "skyrl": skyrl, "slime": slime, "lm-eval": lm_eval, "lighteval": lighteval, "inspect": inspect_ai,
    "openai-batch": openai_batch,
}  # fmt: skip
"""By `--format`."""
COUNTED = {"verl", "ms-swift", "skyrl", "lm-eval", "openai-batch"}
"""Those whose excerpt says no lengths."""
