"""2WikiMultiHopQA (arXiv 2011.01060) in its published JSON, which is HotpotQA's with evidence triples."""

from __future__ import annotations

from data_synth.corpus import Fixed, Split
from data_synth.sources.hotpotqa import gather
from data_synth.sources.reading import Gathering


def two_wiki(path: str, split: Split, seed: int) -> Fixed:
    """Questions with the paragraphs that their supporting facts name. Errors: SynthError."""
    gathered = Gathering("2wiki")
    gather(gathered, path)
    return gathered.fixed(split, seed, "Apache-2.0", "2WikiMultiHopQA, Ho et al. 2020, from Wikipedia and Wikidata")
