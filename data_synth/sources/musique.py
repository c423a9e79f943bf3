"""MuSiQue (arXiv 2108.00573) in its published JSONL."""

from __future__ import annotations

from data_synth.corpus import Fixed, Split
from data_synth.errors import SynthError
from data_synth.sources.reading import Gathering, list_of, records, text_of


def musique(path: str, split: Split, seed: int) -> Fixed:
    """Answerable questions with their supporting paragraphs and the aliases of their answers. Errors: SynthError."""
    gathered = Gathering("musique")
    for where, record in records(path):
        question = text_of(record, "question", where)
        supporting = []
        for paragraph in list_of(record, "paragraphs", where):
            title, text = (text_of(paragraph, key, where) for key in ("title", "paragraph_text"))
            place = gathered.document(title, text)
            if paragraph.get("is_supporting"):
                supporting.append(place)
        if not record.get("answerable", True):
            continue
        if not supporting:
            raise SynthError(f"{where}: no paragraph is supporting; the test sets without them cannot be used")
        aliases = [str(alias) for alias in record.get("answer_aliases") or []]
        gathered.question(question, text_of(record, "answer", where), supporting, aliases)
    return gathered.fixed(split, seed, "CC BY 4.0", "MuSiQue, Trivedi et al. 2022, from Wikipedia")
