"""Counting tokens with the tokenizer that the model will see, by its name."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from data_synth.errors import SynthError

ESTIMATE = "estimate"
BUNDLED = {
    "cl100k": "cl100k_base",
    "o200k": "o200k_base",
    "voyage3": "voyage3_base",
}
"""Names of the vocabularies that bpe-openai carries."""


class Tokenizer(Protocol):
    """Counts tokens. `name` is as the user gave it; `fingerprint` changes whenever a count could."""

    @property
    def name(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...

    def count(self, text: str) -> int:
        """Tokens of a text, special tokens not added."""
        ...


@dataclass(frozen=True)
class Estimate:
    """A quarter of the bytes, rounded up: for a look at the data only, and flagged in every row's fingerprint."""

    name: str = ESTIMATE
    fingerprint: str = "estimate-bytes/4"

    def count(self, text: str) -> int:
        """A guess at the tokens of a text."""
        return -(-len(text.encode()) // 4)


class Bundled:
    """A vocabulary of bpe-openai, by its short or its full name."""

    def __init__(self, name: str) -> None:
        try:
            import bpe_openai
        except ImportError as error:
            raise SynthError(
                f"tokenizer {name!r} needs bpe-openai: pip install 'lengthwise[synth]', or give a tokenizer.json"
            ) from error
        encoding = bpe_openai.get_encoding(BUNDLED.get(name, name))
        self._encode = encoding.encode_ordinary
        self.name = name
        self.fingerprint = f"bpe-openai/{encoding.name}/{encoding.n_vocab}"

    def count(self, text: str) -> int:
        """Tokens of a text."""
        return len(self._encode(text))


class FromFile:
    """A `tokenizer.json`, or a folder of a model that holds one."""

    def __init__(self, name: str) -> None:
        from tokenizers import Tokenizer as Fast

        path = Path(name)
        if path.is_dir():
            path = path / "tokenizer.json"
            if not path.is_file():
                raise SynthError(
                    f"tokenizer folder {name!r} holds no tokenizer.json; "
                    "save one with AutoTokenizer.from_pretrained(...).save_pretrained(...)"
                )
        try:
            self._fast = Fast.from_file(str(path))
        except Exception as error:
            raise SynthError(f"cannot read tokenizer {str(path)!r}: {str(error).splitlines()[0]}") from error
        self._fast.no_truncation()
        self._fast.no_padding()
        self.name = name
        self.fingerprint = f"tokenizer.json/{sha256(path.read_bytes()).hexdigest()[:16]}"

    def count(self, text: str) -> int:
        """Tokens of a text."""
        return len(self._fast.encode(text, add_special_tokens=False).ids)


def load_tokenizer(name: str) -> Tokenizer:
    """A tokenizer by name: a vocabulary of bpe-openai, a path, or `estimate`. Errors: SynthError."""
    if name == ESTIMATE:
        return Estimate()
    if name in BUNDLED or name in BUNDLED.values():
        return Bundled(name)
    if Path(name).exists():
        return FromFile(name)
    raise SynthError(
        f"no tokenizer {name!r}; give one of {', '.join(BUNDLED)}, {ESTIMATE}, or the path of a tokenizer.json "
        "or of a model's folder"
    )
