"""What a data set is a function of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b, sha256
from random import Random
from typing import Literal, get_args

from data_synth.corpus import Split
from data_synth.errors import SynthError
from data_synth.facts import HOPS

Task = Literal[
    "keychain", "multihop", "niah-single", "niah-multikey", "niah-multivalue", "niah-multiquery", "variable-tracking"
]
PromptStyle = Literal["default", "paper"]
TOKENS_A_CHAIN_SET = 1024
CHAINS_A_SET = 4
"""LoongRL's density: 4 chains for each 1,024 tokens of the target."""


@dataclass(frozen=True)
class Settings:
    """Everything that decides the bytes of a data set; workers, folders and resuming do not."""

    task: Task
    tokens: int
    """Target of a whole prompt, in tokens: never exceeded, filled to at least 99.5 %."""
    n: int
    """Rows."""
    seed: int = 0
    source: str = "phantom"
    """`phantom`, `atlas`, or a format and a path, as `hotpotqa:FILE`."""
    filler: str | None = None
    """Where documents to fill the prompt come from, as `source` names them, or a folder of text; None: the source."""
    tokenizer: str = "cl100k"
    split: Split = "train"
    prompt_style: PromptStyle = "default"
    chains: int | None = None
    """Chains, or chains of assignments; None: 4 for each 1,024 tokens (variable-tracking: 1)."""
    hops: int = 4
    """Lookups from the start key to the question; in variable-tracking, how often a value is handed on."""
    key: str = "hex8"
    answerable: int | None = None
    """Wrong questions that the documents also answer; None: up to 7 or as many as fit."""
    question_hops: Sequence[int] = HOPS
    """Documents that a question of an embedded source is answered from."""
    needles: int = 4
    """Needles of a niah task, where it has more than one."""
    strict_leak: bool = False
    """Leave out rows whose answer also stands in a document that is not gold."""
    shard_rows: int = 128
    """Rows of one file."""

    def __post_init__(self) -> None:
        """Refuse what cannot be built, in one line. Errors: SynthError."""
        for name, least in (("tokens", 64), ("n", 1), ("hops", 1), ("needles", 1), ("shard_rows", 1)):
            if getattr(self, name) < least:
                raise SynthError(f"--{name.replace('_', '-')} must be at least {least}, not {getattr(self, name)}")
        for name, allowed in (("task", Task), ("prompt_style", PromptStyle), ("split", Split)):
            if getattr(self, name) not in get_args(allowed):
                raise SynthError(
                    f"unknown {name.replace('_', '-')} {getattr(self, name)!r}; known: {', '.join(get_args(allowed))}"
                )
        if self.chains is not None and self.chains < 1:
            raise SynthError(f"--chains must be at least 1, not {self.chains}")
        if self.answerable is not None and not 0 <= self.answerable < self.all_chains:
            raise SynthError(
                f"--answerable-distractors {self.answerable} with {self.all_chains} chains; "
                "give fewer than there are chains"
            )

    @property
    def all_chains(self) -> int:
        """The chains of one row, the true one counted."""
        if self.chains is not None:
            return self.chains
        if self.task == "variable-tracking":
            return 1
        return max(2, CHAINS_A_SET * self.tokens // TOKENS_A_CHAIN_SET)

    @property
    def shards(self) -> int:
        """Files of the data set."""
        return -(-self.n // self.shard_rows)

    def rows_of(self, shard: int) -> range:
        """The row numbers of one file."""
        return range(shard * self.shard_rows, min(self.n, (shard + 1) * self.shard_rows))

    def hashed(self, *fingerprints: str) -> str:
        """16 hex digits that change with the settings or with any of these fingerprints; paths do not count."""
        values = {k: v for k, v in asdict(self).items() if k not in ("source", "filler", "tokenizer")}
        identity = json.dumps([values, fingerprints], sort_keys=True, default=list)
        return sha256(identity.encode()).hexdigest()[:16]


def row_rng(seed: int, config: str, index: int) -> Random:
    """The random numbers of one row: a function of the seed, the settings and the row's number only."""
    return Random(int.from_bytes(blake2b(f"{seed}/{config}/{index}".encode(), digest_size=16).digest(), "big"))
