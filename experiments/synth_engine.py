"""A long-context data set built by an engine instead of `lengthwise synth --workers`: here `datasets`.

    python experiments/synth_engine.py OUT [PROCESSES]

Any engine that calls a function with a number will do, since a shard depends on the settings and its number only.
With Ray Data, on a cluster whose machines share OUT, the last line becomes
`ray.data.from_items(items).map(build).materialize()`. The files are the same bytes either way.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from datasets import Dataset

from data_synth.settings import Settings
from data_synth.shards import build_shard

SETTINGS = Settings("keychain", tokens=16_384, n=2_048, source="phantom", seed=0)


def build_all(settings: Settings, out: Path, processes: int) -> int:
    """Build every shard under `datasets.map`; gives the number of rows."""
    out.mkdir(parents=True, exist_ok=True)

    def build(item: dict[str, Any]) -> dict[str, Any]:
        return {"rows": build_shard(settings, item["shard"], out).rows}

    shards = Dataset.from_dict({"shard": list(range(settings.shards))})
    return sum(shards.map(build, num_proc=processes, load_from_cache_file=False)["rows"])


if __name__ == "__main__":
    print(build_all(SETTINGS, Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 2))
