"""`python -m fuzz`: play, tell every fault as it comes, then how many plays ended how. Exit code 1 for a fault."""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
from collections import Counter
from pathlib import Path

from fuzz.player import play_all, sound
from fuzz.seeds import make_seeds

MEMORY = 12 * 2**30
"""Bytes of addresses: what asks for more has lost its bounds."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--plays", type=int, default=500)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place).resolve()
        os.chdir(folder)
        make_seeds(folder)
        faults = 0
        for fault in sound(folder):
            print(fault, flush=True)
            faults += 1
        ends: Counter[str] = Counter()
        for how, found in play_all(folder, given.seed, given.first, given.first + given.plays):
            ends[how] += 1
            if found:
                print(found, flush=True)
        os.chdir("/")
    print(json.dumps(ends))
    sys.exit(bool(faults or ends["fault"]))


if __name__ == "__main__":
    main()
