"""Counting tokens, with the tokenizer that a row names: a file, a folder, or a vocabulary of bpe-openai."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

Counter = Callable[[Sequence[str]], list[int]]
"""Tokens of each text, special tokens of the tokenizer's own not added."""


class UnknownTokenizer(ValueError):
    """Nothing by that name can count tokens here; the message says what would."""


@cache
def load_counter(name: str) -> Counter:
    """The counter that `name` means: `tokenizer.json`, a folder that holds one, or e.g. `cl100k`."""
    path = Path(name).expanduser()
    file = path / "tokenizer.json" if path.is_dir() else path
    if file.is_file():
        return _from_file(file)
    if path.exists() or path.suffix or "/" in name:
        raise UnknownTokenizer(f"no tokenizer at {name!r}; give a tokenizer.json or a folder that holds one")
    return _from_vocabulary(name)


def _from_file(file: Path) -> Counter:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises plain Exception
        raise UnknownTokenizer(f"cannot read the tokenizer {file}: {str(error).splitlines()[0]}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def count(texts: Sequence[str]) -> list[int]:
        return [len(e.ids) for e in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]

    return count


def _from_vocabulary(name: str) -> Counter:
    try:
        from bpe_openai import get_encoding, list_encoding_names
    except ImportError as error:
        raise UnknownTokenizer(
            f"tokenizer {name!r} is no file or folder; for a vocabulary by name install bpe-openai"
        ) from error
    known = list_encoding_names()
    found = next((known_name for known_name in (name, f"{name}_base") if known_name in known), None)
    if found is None:
        names = ", ".join(known)
        raise UnknownTokenizer(f"no tokenizer {name!r}; name a tokenizer.json, its folder, or one of {names}")
    encoding = get_encoding(found)
    return lambda texts: [len(encoding.encode_ordinary(text)) for text in texts]
