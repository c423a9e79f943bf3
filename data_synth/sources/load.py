"""A source by the name that a command line gives it."""

from __future__ import annotations

from data_synth.corpus import Filled, Source
from data_synth.errors import SynthError
from data_synth.settings import Settings

EMBEDDED = ("phantom", "atlas")


def load_source(settings: Settings) -> Source:
    """The settings' source, with their filler where they name one. Errors: SynthError."""
    source = _load(settings.source, settings)
    return Filled(source, _load(settings.filler, settings, filler=True)) if settings.filler else source


def _load(spec: str, settings: Settings, filler: bool = False) -> Source:
    if spec == "phantom":
        from data_synth.sources.phantom import Phantom

        size = max(600, settings.tokens // 20)
        questions = 4 * settings.all_chains + 2 * settings.shard_rows + 100
        return Phantom(settings.seed, settings.split, size, 0 if filler else questions, settings.question_hops)
    if spec == "atlas":
        from data_synth.sources.atlas import atlas

        questions = settings.n + settings.n // 4 + 4 * settings.all_chains + 200
        return atlas(settings.seed, settings.split, 0 if filler else questions, settings.question_hops)
    raise SynthError(f"unknown source {spec!r}; give one of {', '.join(EMBEDDED)}")
