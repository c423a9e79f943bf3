"""A whole run of demo size in bf16: it ends, its figures are numbers, before and after are computed alike."""

from __future__ import annotations

import time

from experiments.cluster.proofs.step import Figures, Place
from experiments.cluster.proofs.watched import SMALL, require_alike, steps_of, watched


def run(place: Place) -> Figures:
    started = time.monotonic()
    seen = watched(place.folder / "run", "demo-dler", [*SMALL, "trainer.bf16=true"])
    steps = steps_of(place.folder / "run")
    require_alike(seen, place.device)
    computed = ", ".join(seen["rounds"])
    return {"steps": len(steps), "seconds": time.monotonic() - started, "rounds computed by": computed}
