"""A source by the name that a command line gives it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from data_synth.corpus import Filled, Fixed, Source, Split
from data_synth.errors import SynthError
from data_synth.settings import Settings
from data_synth.sources.atlas import atlas
from data_synth.sources.folder import folder
from data_synth.sources.hotpotqa import hotpotqa
from data_synth.sources.musique import musique
from data_synth.sources.phantom import Phantom
from data_synth.sources.questions import questions
from data_synth.sources.two_wiki import two_wiki

_FORMATS: dict[str, Callable[[str, Split, int], Fixed]] = {
    "hotpotqa": hotpotqa,
    "musique": musique,
    "2wiki": two_wiki,
    "jsonl": questions,
    "folder": folder,
}


def load_source(settings: Settings) -> Source:
    """The settings' source, with their filler where they name one. Errors: SynthError."""
    source = _load(settings.source, settings)
    return Filled(source, _load(settings.filler, settings, filler=True)) if settings.filler else source


def _load(spec: str, settings: Settings, filler: bool = False) -> Source:
    seed, split, hops = settings.seed, settings.split, settings.question_hops
    if spec in ("phantom", "phantom-terse"):
        size = max(600, settings.tokens // 20, 2 * settings.shard_rows)
        wanted = 4 * settings.all_chains + 2 * settings.shard_rows + 100
        return Phantom(seed, split, size, 0 if filler else wanted, hops, terse=spec == "phantom-terse")
    if spec == "atlas":
        wanted = settings.n + settings.n // 4 + 4 * settings.all_chains + 200
        return atlas(seed, split, 0 if filler else wanted, hops)
    form, _, path = spec.partition(":")
    if path and form in _FORMATS:
        return _FORMATS[form](path, split, seed)
    if Path(spec).is_dir():
        return folder(spec, split, seed)
    named = ", ".join(f"{form}:PATH" for form in _FORMATS)
    raise SynthError(f"unknown source {spec!r}; give one of phantom, phantom-terse, atlas, {named}")
