"""What a command's options are about: the groups in which its `--help` has them."""

from __future__ import annotations

from collections.abc import Container, Sequence

GROUPS: Sequence[tuple[str, str, str]] = (
    ("How problems are put", "protocol", "protocol cap caps samples temperature top_p seed prompt system budget_text"),
    ("How problems are put", "protocol", "truncated verifier settings chat min_bin columns limit"),
    ("What is forced", "protocol", "rival force_at closing answer end min_thinking waits"),
    ("What samples", "protocol", "engine workers batch_size"),
    ("Of another tool's log", "log", "log tokenizer verdict above golds cap votes"),
    ("What samples", "parallel", "endpoint model samples temperature max_tokens seed parallel retries timeout"),
    ("What prompts are made of", "shard_rows", "source filler seed tokenizer prompt_style split"),
    ("What prompts are made of", "shard_rows", "question_hops strict_leak"),
    ("How it is built", "shard_rows", "workers resume shard_rows"),
    ("What the server takes", "nccl", "dtype max_model_len tensor_parallel_size data_parallel_size nccl uploads"),
    ("What the server takes", "nccl", "gpu_memory_utilization with_weights adapter_rank"),
    ("Upload", "repository", "repository yes public"),
    ("What the card says", "repository", "license_ base evaluation caps budgets"),
    ("Of the method", "trained", "keep scale scope weight"),
    ("An estimate", "dry_run", "dry_run launch rates calibrate show_recipe"),
    ("What is taken all the same", "", "accept_data anyway mixed"),
    ("Keys for servers", "", "api_key_env allow_host"),
    ("What is written and shown", "", "out json_file plot plots quiet overwrite shown problems full once every"),
)
"""Groups of options: title, a parameter that a command must have for it, and parameters; the others come first."""


def group_of(name: str, parameters: Container[str]) -> str | None:
    """The group of a parameter of a command that has these; None: of those that come first."""
    ours = ((title, names.split()) for title, needed, names in GROUPS if not needed or needed in parameters)
    return next((title for title, names in ours if name in names), None)
