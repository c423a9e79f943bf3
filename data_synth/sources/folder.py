"""Any folder of text files (.txt, .md): documents without questions, to fill prompts with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from data_synth.corpus import Fixed, Split
from data_synth.errors import SynthError
from data_synth.sources.reading import Gathering
from data_synth.text import one_line

KINDS = (".txt", ".md")
_SHORTEST, _LONGEST = 100, 900
"""Characters of a passage; a line that is longer alone stays whole."""


def folder(path: str, split: Split, seed: int) -> Fixed:
    """Passages of every file, under the file's name. Errors: SynthError where there are none."""
    gathered = Gathering("folder")
    root = Path(path)
    files = [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.suffix in KINDS and p.is_file())
    for file in files:
        for text in _passages(file.read_text(encoding="utf-8", errors="replace")):
            gathered.document(file.stem, text)
    found = gathered.fixed(split, seed, "not stated", "the folder's owner")
    if not found.documents:
        raise SynthError(f"folder {path!r} holds no passages of text in split {split!r} ({' or '.join(KINDS)} files)")
    return found


def _passages(text: str) -> Iterator[str]:
    """Paragraphs, put together as long as they are short."""
    passage = ""
    for paragraph in text.replace("\r\n", "\n").split("\n\n"):
        line = one_line(paragraph)
        if passage and len(passage) + len(line) > _LONGEST:
            yield passage
            passage = ""
        passage = f"{passage}\n{line}".strip()
    if len(passage) >= _SHORTEST:
        yield passage
